"""A VCF or BCF file as a header and records, read strictly: the first thing wrong ends it, with its line.

VCF text comes plain or in BGZF and is cut into lines here; BCF is turned into the same text by htslib.
Knows nothing of people or of the index.

Spec: VCF 4.4 §1; SAM §4.1 (BGZF).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

import pysam

from node.store.header import Header, is_beside, read_header
from schemas.errors import BadInput, NotHeld, Place
from schemas.genome import Assembly, Contig

_CHUNK_BYTES: Final = 1 << 20
_GZIP: Final = b"\x1f\x8b"
_BGZF_END: Final = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
_SORT: Final = "Sort it: bcftools sort FILE -Oz -o SORTED.vcf.gz"
_AGAIN: Final = "Copy or write the file again; nothing of it was taken."


class Record(NamedTuple):
    """One line of a VCF, cut into its columns and no further.

    first: POS, counted from 1, as written.  text: the sample columns, without line end.
    """

    line: int
    contig: Contig
    first: int
    identifiers: bytes
    reference: bytes
    alternates: bytes
    quality: bytes
    filters: bytes
    info: bytes
    form: bytes
    text: bytes


@dataclass(slots=True)
class VcfReader:
    """Reads one file once.  Blocking; use in the process that may be lost, never in a server.

    assembly: of the dataset the file is for.  skipped: called with line and reason for what is left out.
    line_begin: of the last line, in bytes of the text.  names: of the contigs, in the order of the file.
    """

    path: Path
    assembly: Assembly
    max_line_bytes: int
    skipped: Callable[[int, str], None]
    done_bytes: int = 0
    line: int = 0
    name: str = ""
    line_begin: int = 0
    names: list[str] = field(default_factory=list)
    chunk_bytes: int = _CHUNK_BYTES
    _next_begin: int = 0

    def open(self) -> tuple[Header, Iterator[Record]]:
        """The header, and the records that follow in the order of the file.

        Raises BadInput, now or while iterating: where in the file, what is wrong, what to do.
        """
        self.name = self.name or str(self.path)
        lines = self._lines()
        header = self._header(lines)
        return header, self._records(lines, header)

    @property
    def text_bytes(self) -> int:
        """How much of the text was read, in bytes; a last line without an end is taken to have one."""
        return self._next_begin

    def open_at(self, cut: int, block: int) -> tuple[Header, Iterator[Record]]:
        """The header, and the records whose lines begin after `cut`, in bytes of the text.

        block: where in the file that is; see `parts`.  Lines are then counted as if the first of these
        followed the header.  Raises BadInput, as `open`.
        """
        header, _ = self.open()
        return header, self._records(self._lines_after(cut, block), header)

    def _lines_after(self, cut: int, block: int) -> Iterator[bytes]:
        self._next_begin = cut
        with self.path.open("rb") as raw:
            packed = raw.read(2) == _GZIP
            if not packed:
                raw.seek(block)
                yield from self._but_first(self._cut(raw, raw.tell))
        if packed:
            with _bgzf(self.path) as source:
                source.seek(block << 16)
                yield from self._but_first(self._cut(source, lambda: source.tell() >> 16))

    def _but_first(self, lines: Iterator[bytes]) -> Iterator[bytes]:
        """The first is the end of a line that began before, or one that begins just there."""
        first = next(lines, None)
        if first is not None:
            self._next_begin += len(first) + 1
            yield from lines

    def _lines(self) -> Iterator[bytes]:
        with self.path.open("rb") as raw:
            magic = raw.read(18)
            if magic[:2] == _GZIP:
                self._check_bgzf(raw, magic)
                with _bgzf(self.path) as peek:
                    binary = self._read(peek, 3) == b"BCF"
            elif not magic:
                raise BadInput(Place(self.name), "the file is empty", "Give a VCF or BCF file.")
            else:
                binary = magic[:3] == b"BCF"
        if binary:
            yield from self._bcf_lines()
        elif magic[:2] == _GZIP:
            with _bgzf(self.path) as source:
                yield from self._cut(source, lambda: source.tell() >> 16)
        else:
            with self.path.open("rb") as source:
                yield from self._cut(source, source.tell)

    def _check_bgzf(self, raw: BinaryIO, magic: bytes) -> None:
        if not (magic[3] & 4 and magic[12:14] == b"BC"):
            remedy = "Compress it anew: gunzip -c FILE.gz | bgzip > FILE.vcf.gz"
            raise BadInput(Place(self.name), "compressed with gzip, not with bgzip", remedy)
        raw.seek(0, os.SEEK_END)
        raw.seek(max(0, raw.tell() - len(_BGZF_END)))
        if raw.read() != _BGZF_END:
            raise BadInput(Place(self.name), "the file is cut off: its closing block is missing", _AGAIN)

    def _read(self, source: pysam.BGZFile | BinaryIO, size: int) -> bytes:
        try:
            return bytes(source.read(size))
        except OSError:
            problem = "the compressed data are damaged from here on"
            raise BadInput(Place(self.name, self.line + 1), problem, _AGAIN) from None

    def _cut(self, source: pysam.BGZFile | BinaryIO, tell: Callable[[], int]) -> Iterator[bytes]:
        """Lines without their ends, at most `max_line_bytes` long."""
        kept: list[bytes] = []
        kept_bytes = 0
        while chunk := self._read(source, self.chunk_bytes):
            self.done_bytes = tell()
            first, *others = chunk.split(b"\n")
            kept.append(first)
            kept_bytes += len(first)
            if others:
                yield b"".join(kept)
                *whole, last = others
                yield from whole
                kept, kept_bytes = [last], len(last)
            if kept_bytes > self.max_line_bytes:
                limit = self.max_line_bytes >> 20
                remedy = "If the file is sound, raise max_line_mb in the section [ingest] of varhaven.toml."
                raise BadInput(Place(self.name, self.line + 1), f"the line is longer than {limit} MB", remedy)
        if kept_bytes:
            yield b"".join(kept)

    def _bcf_lines(self) -> Iterator[bytes]:
        try:
            with pysam.VariantFile(str(self.path)) as source:
                yield from str(source.header).encode().rstrip(b"\n").split(b"\n")
                for variant in source:
                    yield str(variant).rstrip("\n").encode()
        except (OSError, ValueError):
            problem = "the BCF data cannot be read from here on"
            raise BadInput(Place(self.name, self.line + 1), problem, _AGAIN) from None

    def _header(self, lines: Iterator[bytes]) -> Header:
        held: list[str] = []
        for line in lines:
            self.line += 1
            self._next_begin += len(line) + 1
            if self.line == 1 and not line.startswith(b"##fileformat=VCF"):
                remedy = "Give a VCF (plain or bgzipped) or BCF file; its first line is ##fileformat=VCFv4.x"
                raise BadInput(Place(self.name, 1), "this is not a VCF", remedy)
            try:
                held.append(line.rstrip(b"\r").decode())
            except UnicodeDecodeError:
                raise self._bad("the header is not UTF-8 text", "Write the header again in UTF-8.") from None
            if line.startswith(b"#CHROM"):
                return read_header(self.name, held, self.assembly)
            if not line.startswith(b"##"):
                break
        raise self._bad("the header has no #CHROM line", "Write the file again with its whole header.")

    def _bad(self, problem: str, remedy: str = "Correct the file; nothing of it was taken.") -> BadInput:
        return BadInput(Place(self.name, self.line), problem, remedy)

    def _records(self, lines: Iterator[bytes], header: Header) -> Iterator[Record]:
        contigs: dict[bytes, Contig | None] = {}
        named, contig, last = b"", None, 0
        for line in lines:
            self.line += 1
            self.line_begin = self._next_begin
            self._next_begin += len(line) + 1
            columns = line.split(b"\t", 9)
            if len(columns) < 10:
                columns = self._columns_of_site(line, columns, header)
            name, first_text, identifiers, reference, alternates, quality, filters, info, form, text = columns
            if name != named:
                contig = self._contig(name, header)
                if name in contigs or (contig is not None and contig in contigs.values()):
                    raise self._bad(f"records of contig {_shown(name)} stand in several places", _SORT)
                named, last = name, 0
                contigs[name] = contig
                self.names.append(_shown(name) if contig is None else contig.name)
            if not first_text.isdigit():
                raise self._bad("POS is not a number")
            first = int(first_text)
            if first < last:
                raise self._bad(f"the file is not sorted: POS {first} follows POS {last}", _SORT)
            last = first
            if contig is None:
                self.skipped(self.line, f"contig {_shown(name)} is not one of 1-22, X, Y and MT")
                continue
            if first > contig.length_bp:
                problem = f"POS {first} lies beyond the end of contig {contig} of {contig.assembly}"
                raise self._bad(problem, "Is the file of another assembly than the dataset?")
            if text[-1:] == b"\r":
                text = text[:-1]
            site = first, identifiers, reference, alternates, quality, filters, info
            yield Record(self.line, contig, *site, form, text)

    def _columns_of_site(self, line: bytes, columns: list[bytes], header: Header) -> list[bytes]:
        """Those of a line without samples, as many as others have."""
        if header.samples or not 8 <= len(columns) <= 9:
            raise self._short(line, len(header.samples))
        return [*columns[:7], columns[7].rstrip(b"\r"), b".", b""]

    def _short(self, line: bytes, samples: int) -> BadInput:
        if not line.strip():
            return self._bad("the line is empty", "Remove it.")
        if line[:1] == b"#":
            return self._bad("a header line stands among the records")
        wanted = 9 + samples if samples else 8
        return self._bad(f"{line.count(b'	') + 1} columns where the header has {wanted}")

    def _contig(self, name: bytes, header: Header) -> Contig | None:
        """None for a contig that is left out."""
        shown = _shown(name)
        if is_beside(shown):
            return None
        try:
            contig = Contig.read(shown, self.assembly)
        except NotHeld as refusal:
            raise self._bad(refusal.message) from None
        if contig.name == "MT" and header.hg19_mt:
            raise self._bad(
                "this mitochondrial genome is the 16,571 bases of UCSC hg19, not the reference sequence",
                "Leave it out: bcftools view -t ^chrM FILE",
            )
        return contig


@contextmanager
def _bgzf(path: Path) -> Iterator[pysam.BGZFile]:
    source = pysam.BGZFile(str(path), "rb", index=None)
    try:
        yield source
    finally:
        with suppress(OSError):  # damage is told where it is read; closing would tell it once more
            source.close()


def _shown(name: bytes) -> str:
    return name[:60].decode("ascii", "replace")
