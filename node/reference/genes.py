"""Genes by any of their names, from the table that the node ships and those that the site adds.

The table is `data/genes.tsv.gz` (see the README beside it).  A site's own is BED, GTF or GFF3, with symbols
or Ensembl identifiers.  It replaces the extent of the genes it names on its assembly, and may name genes
that the shipped table lacks; of several extents of one name the first counts.
"""

from __future__ import annotations

import difflib
import gzip
import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from importlib.resources import files
from pathlib import Path
from typing import Final

from schemas import matching
from schemas.errors import BadInput, BadQuestion, NotHeld, Place
from schemas.genome import Assembly, Contig, Interval
from schemas.reference import Gene

_ENSEMBL: Final = re.compile(r"ENSG\d{11}")
_ENTREZ: Final = re.compile(r"(?:NCBIGENE|NCBI_GENE|ENTREZ|ENTREZGENE|GENEID):(\d+)|(\d+)")
_ATTRIBUTE: Final = re.compile(r"(?:^|;)\s*(?:gene_id|gene_name|Name)[ =]\"?([^\";]+)")
_SUGGESTIONS: Final = 5


@dataclass(slots=True)
class _Names:
    """Lines of the table by what they may be asked for; words in upper case."""

    lines: list[str] = field(default_factory=list)
    symbols: dict[str, list[int]] = field(default_factory=dict)
    others: dict[str, list[int]] = field(default_factory=dict)
    identifiers: dict[str, int] = field(default_factory=dict)

    def add(self, line: str) -> None:
        number = len(self.lines)
        self.lines.append(line)
        symbol, hgnc, ensembl, entrez, *_, earlier, aliases = line.split("\t")
        self.symbols.setdefault(symbol.upper(), []).append(number)
        for word in (*earlier.split("|"), *aliases.split("|")):
            if word:
                self.others.setdefault(word.upper(), []).append(number)
        for identifier in (
            hgnc and f"HGNC:{hgnc}",
            ensembl and f"ENSG{int(ensembl):011d}",
            entrez and f"NCBIGENE:{entrez}",
        ):
            if identifier:
                self.identifiers.setdefault(identifier, number)

    def called(self, wanted: str) -> list[int]:
        """The lines of the genes of this approved symbol, or else of those it is another name of."""
        found = self.symbols.get(wanted, [])
        # Copies of a gene elsewhere (the Y of a pseudoautosomal one) have no HGNC entry of their own.
        approved = [number for number in found if self.lines[number].split("\t")[1]]
        return approved or found or sorted(set(self.others.get(wanted, ())))


class GeneTable:
    """A `schemas.reference.Genes` and a `schemas.matching.Genes`.

    Reads the shipped table when it is first asked, 0.2 s and 25 MB.
    """

    def __init__(self, own: Mapping[Assembly, Path] | None = None) -> None:
        """Reads the site's tables.  Raises BadInput: see `read_extents`."""
        self._reading = threading.Lock()
        self._names: _Names | None = None
        self._extents: dict[str, dict[Assembly, Interval]] = {}
        for assembly, path in (own or {}).items():
            for word, extent in read_extents(path, assembly):
                self._extents.setdefault(word, {}).setdefault(assembly, extent)

    def find(self, name: str) -> Gene:
        """See `schemas.reference.Genes`."""
        names = self._read()
        wanted = name.strip().upper()
        identifier = _identifier(wanted)
        if identifier is not None:
            return self._by_identifier(names, identifier, name)
        called = names.called(wanted)
        if called:
            return self._one(names, called, name)
        if wanted in self._extents:
            return Gene(wanted, self._extents[wanted])
        raise NotHeld(f"no gene is called {name[:40]!r} here" + _near(wanted, names))

    def resolve(self, name: str) -> matching.Gene | None:
        """See `schemas.matching.Genes`; microseconds, whatever the name."""
        names = self._read()
        wanted = name.strip().upper()
        identifier = _identifier(wanted)
        if identifier is not None:
            number = names.identifiers.get(identifier)
        else:
            called = names.called(wanted)
            number = called[0] if len(called) == 1 else None
        if number is None:
            return None
        symbol, hgnc, ensembl, *_ = names.lines[number].split("\t")
        own = f"HGNC:{hgnc}" if hgnc else f"ENSG{int(ensembl):011d}" if ensembl else symbol.upper()
        return matching.Gene(own, symbol)

    def _by_identifier(self, names: _Names, identifier: str, name: str) -> Gene:
        number = names.identifiers.get(identifier)
        if number is None:
            if identifier in self._extents:
                return Gene(identifier, self._extents[identifier], ensembl=identifier)
            raise NotHeld(f"no gene has the identifier {name[:40]!r} in this node's table")
        return self._gene(names.lines[number])

    def _one(self, names: _Names, numbers: list[int], name: str) -> Gene:
        if len(numbers) == 1:
            return self._gene(names.lines[numbers[0]])
        meant = ", ".join(_shown(names.lines[number]) for number in numbers)
        raise BadQuestion(f"{name[:40]!r} is a name of several genes: {meant}; ask for one of these")

    def _gene(self, line: str) -> Gene:
        gene = _gene_of(line)
        own = self._extents.get(gene.ensembl) or self._extents.get(gene.symbol.upper())
        return replace(gene, places={**gene.places, **own}) if own else gene

    def _read(self) -> _Names:
        with self._reading:
            if self._names is None:
                names = _Names()
                for line in _shipped():
                    names.add(line)
                self._names = names
            return self._names


def _shipped() -> Iterator[str]:
    packed = (files("node.reference") / "data" / "genes.tsv.gz").read_bytes()
    return (line for line in gzip.decompress(packed).decode().splitlines() if not line.startswith("#"))


def _identifier(wanted: str) -> str | None:
    """The identifier as the table has it; None when `wanted` is a word."""
    if wanted.startswith("HGNC:"):
        return wanted
    ensembl = wanted.removeprefix("ENSEMBL:").split(".")[0]
    if _ENSEMBL.fullmatch(ensembl):
        return ensembl
    entrez = _ENTREZ.fullmatch(wanted)
    return f"NCBIGENE:{entrez[1] or entrez[2]}" if entrez else None


def _near(wanted: str, names: _Names) -> str:
    close = difflib.get_close_matches(wanted, names.symbols, _SUGGESTIONS, cutoff=0.75)
    near = [names.lines[names.symbols[word][0]].split("\t", 1)[0] for word in close]
    return f"; names like it are {', '.join(near)}" if near else ""


def _shown(line: str) -> str:
    gene = _gene_of(line)
    return f"{gene.symbol} ({gene.hgnc or gene.ensembl})"


def _gene_of(line: str) -> Gene:
    symbol, hgnc, ensembl, entrez, contig, left_37, right_37, left_38, right_38, _, _ = line.split("\t")
    places: dict[Assembly, Interval] = {}
    for assembly, left, right in (
        (Assembly.GRCH37, left_37, right_37),
        (Assembly.GRCH38, left_38, right_38),
    ):
        if left:
            places[assembly] = Interval(Contig.read(contig, assembly), int(left), int(right))
    return Gene(
        symbol, places, f"HGNC:{hgnc}" if hgnc else "", f"ENSG{int(ensembl):011d}" if ensembl else "", entrez
    )


def read_extents(path: Path, assembly: Assembly) -> Iterator[tuple[str, Interval]]:
    """Names in upper case (of Ensembl identifiers without the version) and extents in BED, GTF or GFF3.

    Of GTF and GFF3 the lines of genes are read, by symbol and by identifier.

    Raises BadInput: it cannot be read, with the line.
    """
    for number, line in enumerate(_lines(path), 1):
        columns = line.rstrip("\r\n").split("\t")
        if not line.strip() or line.startswith(("#", "track", "browser")) or _is_part(columns):
            continue
        try:
            names, extent = _extent_of(columns, assembly)
        except NotHeld:
            continue  # genes of scaffolds and patches cannot be asked for
        except (ValueError, BadQuestion):
            remedy = "Give BED (contig, start, end and name, by tabs), GTF or GFF3."
            raise BadInput(
                Place(str(path), number), f"not the place of a gene on {assembly}", remedy
            ) from None
        for name in names:
            word = name.strip().upper()
            yield word.split(".")[0] if word.startswith("ENSG") else word, extent


def _is_bed(columns: list[str]) -> bool:
    return len(columns) < 9 or (columns[1].isdecimal() and columns[2].isdecimal())


def _is_part(columns: list[str]) -> bool:
    """Whether this is a line of GTF or GFF3 about something else than a gene."""
    return not _is_bed(columns) and columns[2] not in ("gene", "ncRNA_gene", "pseudogene")


def _extent_of(columns: list[str], assembly: Assembly) -> tuple[list[str], Interval]:
    if _is_bed(columns):
        contig, left, right, name = columns[:4]
        return [name], Interval(Contig.read(contig, assembly), int(left), int(right))
    names = [match[1] for match in _ATTRIBUTE.finditer(columns[8])]
    if not names:
        raise ValueError("a gene without a name")
    return names, Interval.from_one_based(Contig.read(columns[0], assembly), int(columns[3]), int(columns[4]))


def _lines(path: Path) -> Iterable[str]:
    try:
        raw = path.read_bytes()
        text = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
        return text.decode("utf-8").splitlines()
    except (OSError, EOFError, UnicodeDecodeError) as fault:
        raise BadInput(
            Place(str(path)), f"the gene table cannot be read ({fault})", "Give a BED file."
        ) from None
