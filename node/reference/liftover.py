"""Where a place of one assembly lies in the other, by chain files that the site has.

UCSC's chain files may be used by anybody, but not be passed on by everybody: the node ships none.

Spec: UCSC "Chain Format".
"""

from __future__ import annotations

import gzip
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from schemas.errors import BadInput, BadQuestion, Place
from schemas.genome import Assembly, Contig, Interval
from schemas.reference import Lifted


@dataclass(frozen=True, slots=True)
class _Chain:
    """One alignment of two contigs: blocks without gaps, ascending in the source.

    lefts, rights: of each block in the source.  others: its left end in the target, counted on the strand
    that is aligned, which runs backwards when `reverse`.
    """

    score: int
    target: Contig
    reverse: bool
    lefts: tuple[int, ...]
    rights: tuple[int, ...]
    others: tuple[int, ...]

    def base(self, coordinate: int) -> int | None:
        """The base of the target, on the strand that is aligned; None in a gap."""
        block = bisect_right(self.lefts, coordinate) - 1
        if block < 0 or coordinate >= self.rights[block]:
            return None
        return self.others[block] + coordinate - self.lefts[block]


class ChainFiles:
    """A `schemas.reference.Liftover`; reads its files when it is made, half a second each."""

    def __init__(self, paths: Iterable[Path] = ()) -> None:
        """Raises BadInput: a file that cannot be read, or is not between GRCh37 and GRCh38."""
        self._chains: dict[tuple[Assembly, Assembly], dict[Contig, list[_Chain]]] = {}
        for path in paths:
            source, target, chains = _read_chains(path)
            self._chains[source, target] = chains

    def leads(self, source: Assembly, target: Assembly) -> bool:
        return (source, target) in self._chains

    def lift(self, interval: Interval, target: Assembly) -> Lifted | None:
        """See `schemas.reference.Liftover`; an empty interval has no bases, and so no counterpart."""
        contig = interval.contig
        chains = self._chains.get((contig.assembly, target))
        if chains is None or interval.start == interval.end:
            return None
        if contig.name == "MT":  # the same sequence in both assemblies
            return Lifted(Interval(Contig.read("MT", target), interval.start, interval.end))
        for chain in chains.get(contig, ()):
            first, last = chain.base(interval.start), chain.base(interval.end - 1)
            if first is not None and last is not None:
                if not chain.reverse:
                    return Lifted(Interval(chain.target, first, last + 1))
                end = chain.target.length_bp
                return Lifted(Interval(chain.target, end - 1 - last, end - first), reverse=True)
        return None


def _read_chains(path: Path) -> tuple[Assembly, Assembly, dict[Contig, list[_Chain]]]:
    """The two assemblies, and the chains of each contig of the first, best score first."""
    held: dict[Contig, list[_Chain]] = {}
    try:
        raw = path.read_bytes()
        text = (gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw).decode("ascii")
        for contig, chain in _chains(text.splitlines()):
            held.setdefault(contig, []).append(chain)
    except (OSError, EOFError, ValueError) as fault:
        raise BadInput(Place(str(path)), f"not a chain file ({fault})", "Give one of UCSC's.") from None
    pairs = {(contig.assembly, chain.target.assembly) for contig, own in held.items() for chain in own}
    if len(pairs) != 1:
        problem = "not a chain file between GRCh37 and GRCh38, by the lengths of its contigs"
        raise BadInput(Place(str(path)), problem, "Name one of hg19ToHg38 or hg38ToHg19.")
    for own in held.values():
        own.sort(key=lambda chain: -chain.score)
    (source, target) = pairs.pop()
    return source, target, held


def _chains(lines: Iterable[str]) -> Iterator[tuple[Contig, _Chain]]:
    """Chains between primary contigs; those of scaffolds and patches are passed over."""
    reading = iter(lines)
    for line in reading:
        if not line.startswith("chain"):
            continue
        header = line.split()
        if len(header) < 12:
            raise ValueError("a chain line of fewer than 12 words")
        source, target = _contig(header[2], int(header[3])), _contig(header[7], int(header[8]))
        blocks = list(_blocks(reading, int(header[5]), int(header[10])))
        if source is None or target is None or source.assembly is target.assembly:
            continue
        lefts, rights, others = zip(*blocks, strict=True)
        yield source, _Chain(int(header[1]), target, header[9] == "-", lefts, rights, others)


def _blocks(lines: Iterator[str], left: int, other: int) -> Iterator[tuple[int, int, int]]:
    for line in lines:
        numbers = [int(word) for word in line.split()]
        if not numbers:
            return
        size = numbers[0]
        yield left, left + size, other
        if len(numbers) == 1:
            return
        left, other = left + size + numbers[1], other + size + numbers[2]


def _contig(name: str, length_bp: int) -> Contig | None:
    """The primary contig of this name and length, whichever assembly has it."""
    for assembly in Assembly:
        try:
            contig = Contig.read(name, assembly)
        except BadQuestion:
            return None
        if contig.length_bp == length_bp:
            return contig
    return None
