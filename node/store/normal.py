"""Alleles of a file held against a reference sequence: REF checked, insertions and deletions left-aligned.

Only places and bases are handed to `bcftools norm`, through pipes and without any genotype; it runs in a
process of its own, which is no part of this one's memory.

Spec: Tan, Abecasis, Kang 2015, "Unified representation of genetic variants".
"""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, cast

from node.store.reader import Record
from node.store.sequence import contig_names
from schemas.errors import BadInput, Place
from schemas.genome import Assembly, Contig

_PROGRAM: Final = """
import sys, pysam.bcftools
try:
    pysam.bcftools.norm(*sys.argv[1:], catch_stdout=False)
except pysam.SamtoolsError as fault:
    sys.exit(str(fault))
"""
_BASES: Final = re.compile(rb"[ACGTNacgtn]+")
_MISMATCH: Final = re.compile(
    r"(?:reference allele|reference allele mismatch) at (\S+?):(\d+)", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Moved:
    """An allele whose left-aligned form is another than the one written.

    first: its POS.  shift_bp: how far left of the written one that is.
    """

    first: int
    shift_bp: int
    reference: bytes
    alternate: bytes


Moves = dict[tuple[int, int], Moved]
"""By line, and by the number of the allele in ALT."""


def moves_of(records: Iterable[Record], file: str, fasta: Path, assembly: Assembly) -> Moves:
    """The alleles of `records` that are not written in their left-aligned form, and that form.

    Reads `records` to their end, and takes as long as `bcftools norm`.

    Raises BadInput: REF is not what the FASTA has there, or the FASTA cannot be used for this assembly.
    """
    names = contig_names(fasta, assembly)
    arguments = ("-f", str(fasta), "-c", "e", "-Ov", "--no-version", "-")
    process = subprocess.Popen(  # noqa: S603  # the interpreter, with paths the operator gave
        [sys.executable, "-c", _PROGRAM, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    told, answers, complaints = (
        cast(IO[bytes], pipe) for pipe in (process.stdin, process.stdout, process.stderr)
    )
    moves: Moves = {}
    said: list[bytes] = []
    readers = (
        threading.Thread(target=_collect, args=(answers, moves)),
        threading.Thread(target=lambda: said.append(complaints.read())),
    )
    for reader in readers:
        reader.start()
    try:
        _write(told, records, names, Place(str(fasta)))
    finally:
        _close(told)
        for reader in readers:
            reader.join()
        status = process.wait()
        answers.close()
        complaints.close()
    if status:
        raise _complaint(file, fasta, said[0].decode("utf-8", "replace"))
    return moves


def _write(told: IO[bytes], records: Iterable[Record], names: dict[Contig, str], place: Place) -> None:
    told.write(b"##fileformat=VCFv4.2\n")
    told.writelines(f"##contig=<ID={name}>\n".encode() for name in names.values())
    told.write(b'##INFO=<ID=AS,Number=1,Type=String,Description="As written">\n')
    told.write(b"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n")
    try:
        for line in _site_lines(records, names, place):
            told.write(line)
    except BrokenPipeError:
        return  # it has stopped, and says why on its way out


def _site_lines(records: Iterable[Record], names: dict[Contig, str], place: Place) -> Iterator[bytes]:
    for record in records:
        name = names.get(record.contig)
        if name is None:
            raise BadInput(place, f"the FASTA has no contig {record.contig}", "Give a whole reference FASTA.")
        for number, alternate in enumerate(record.alternates.split(b","), 1):
            known = _BASES.fullmatch(alternate) and _BASES.fullmatch(record.reference)
            if known and record.first > 0 and alternate.upper() != record.reference.upper():
                told = (name.encode(), b"%d" % record.first, b"%d.%d" % (record.line, number))
                # What it is called tells it apart on its way back; how it was written, whether it moved.
                info = b"AS=%d_%s_%s" % (record.first, record.reference.upper(), alternate.upper())
                yield b"\t".join((*told, record.reference, alternate, b".", b".", info)) + b"\n"


def _collect(answers: IO[bytes], moves: Moves) -> None:
    for line in answers:
        if line[:1] == b"#":
            continue
        _, first, identifier, reference, alternate, _, _, info = line.rstrip(b"\n").split(b"\t")
        written = b"AS=%s_%s_%s" % (first, reference.upper(), alternate.upper())
        if written != info:
            at, number = identifier.split(b".")
            shift_bp = int(info[3:].split(b"_", 1)[0]) - int(first)
            moves[int(at), int(number)] = Moved(int(first), shift_bp, reference.upper(), alternate.upper())


def _close(pipe: IO[bytes]) -> None:
    try:
        pipe.close()
    except BrokenPipeError:
        return  # it has stopped already


def _complaint(file: str, fasta: Path, said: str) -> BadInput:
    found = _MISMATCH.search(said)
    if found:
        problem = f"REF at {found[1]}:{found[2]} is not what {fasta} has there"
        return BadInput(Place(file), problem, "Is it the reference that the file was called against?")
    return BadInput(Place(file), f"it cannot be held against {fasta}", "Check both with: bcftools norm")
