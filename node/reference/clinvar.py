"""What ClinVar says of alleles: those that are pathogenic or likely so, from the table that the node ships.

The table is `data/clinvar.tsv.gz` (see the README beside it), of GRCh38; for GRCh37 its alleles are carried
over where the site has chain files.  A site's own ClinVar file takes its place on the assembly it is of.
"""

from __future__ import annotations

import gzip
import threading
from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Final

from schemas.genome import Allele, Assembly, Contig
from schemas.matching import Lift
from schemas.reference import Gene, Liftover, Reported, ReportedWithin

_KEPT: Final = 4096  # genes whose alleles were carried over, all there are; 30 MB


class ClinVar:
    """A `schemas.reference.ReportedAlleles`; reads the shipped table when it is first asked, 0.2 s and 20 MB.

    own: files of the site, by assembly.  lift: carries alleles to the other assembly, as far as `liftover`
    leads there.  Safe from several threads.
    """

    def __init__(self, own: Mapping[Assembly, ReportedWithin], liftover: Liftover, lift: Lift) -> None:
        self._own = own
        self._liftover = liftover
        self._lift = lift
        self._reading = threading.Lock()
        self._lines: Mapping[str, list[str]] | None = None
        self._carried = lru_cache(_KEPT)(self._carry)

    def knows(self, assembly: Assembly) -> bool:
        if assembly in self._own or assembly is Assembly.GRCH38:
            return True
        return self._liftover.leads(Assembly.GRCH38, assembly)

    def of_gene(self, gene: Gene, assembly: Assembly) -> tuple[Reported, ...]:
        own, place = self._own.get(assembly), gene.places.get(assembly)
        if own is not None:
            return () if place is None else tuple(own.within(place))
        if assembly is Assembly.GRCH38:
            return tuple(self._of(gene.symbol))
        return self._carried(gene.symbol, assembly)

    def symbols(self) -> Collection[str]:
        return self._read().keys()

    def _of(self, symbol: str) -> Iterator[Reported]:
        for line in self._read().get(symbol, ()):
            contig, position, reference, alternate, name, significance, stars, consequence, _ = line.split(
                "\t"
            )
            place = Contig.read(contig, Assembly.GRCH38)
            allele = Allele.from_vcf(place, int(position), reference, alternate)
            yield Reported(allele, significance, int(stars), name, consequence)

    def _carry(self, symbol: str, assembly: Assembly) -> tuple[Reported, ...]:
        if not self.knows(assembly):
            return ()
        pairs = ((one, self._lift(one.allele)) for one in self._of(symbol))
        return tuple(
            Reported(allele, one.significance, one.stars, one.name, one.consequence)
            for one, allele in pairs
            if isinstance(allele, Allele)
        )

    def _read(self) -> Mapping[str, list[str]]:
        with self._reading:
            if self._lines is None:
                found: dict[str, list[str]] = {}
                for line in _shipped():
                    for symbol in line.rpartition("\t")[2].split("|"):
                        found.setdefault(symbol, []).append(line)
                self._lines = found
            return self._lines


def _shipped() -> Iterator[str]:
    packed = (files("node.reference") / "data" / "clinvar.tsv.gz").read_bytes()
    return (line for line in gzip.decompress(packed).decode().splitlines() if not line.startswith("#"))
