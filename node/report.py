"""A Beacon answer as people and scripts want it: one line per node, and a sum that says what it is.

Reads only what was released in the response document; it has no other source.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Column, Table

from schemas.beacon import Record, Response, ResultSet, is_variant
from schemas.network import PeerState
from schemas.questions import (
    AnnotationQuery,
    BracketQuery,
    GeneQuery,
    HgvsQuery,
    SequenceQuery,
    Single,
    contig_of,
)


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts of one allele: copies, called alleles, and people by zygosity."""

    ac: int
    an: int
    het: int
    hom: int
    hemi: int

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.ac + other.ac,
            self.an + other.an,
            self.het + other.het,
            self.hom + other.hom,
            self.hemi + other.hemi,
        )


@dataclass(frozen=True, slots=True)
class NodeLine:
    """What one node said.

    exists: None when the node gave no answer, which is not "no".  alleles: how many it counted; None at
    boolean granularity.  tally: None unless the question is about one allele and records were released.
    refused: datasets of the node that it did not look into for this caller; nothing is known of them.
    notes: how the answer was come by.  via: the node that asked it, when this node did not.
    """

    node: str
    name: str
    state: PeerState
    ms: float
    reason: str
    exists: bool | None
    alleles: int | None
    tally: Tally | None
    refused: tuple[str, ...]
    results: tuple[Record, ...]
    notes: tuple[str, ...] = ()
    via: str = ""

    @property
    def remark(self) -> str:
        """What a reader must know beside the state; "" when that says it all."""
        told = [self.reason, *self.notes]
        if self.refused:
            told.append(f"did not look into {len(self.refused)} of its datasets: {', '.join(self.refused)}")
        if self.via:
            told.append(f"asked by {self.via}")
        return "; ".join(text for text in told if text)

    @property
    def sentence(self) -> str:
        """The line in plain words."""
        counts = f", AC/AN {self.tally.ac}/{self.tally.an}" if self.tally else ""
        remark = f" ({self.remark})" if self.remark else ""
        return f"{self.name or self.node}: {self.state}{counts}{remark}, {self.ms:.0f} ms"


@dataclass(frozen=True, slots=True)
class Report:
    """The lines, in the order in which the network lists its nodes.

    exact: whether every node answered in full and every one that has the allele told its counts; otherwise a
    sum is only a lower bound.  caveats: what a reader must know of the sum.
    """

    lines: tuple[NodeLine, ...]
    exact: bool
    caveats: tuple[str, ...] = ()

    @property
    def total(self) -> Tally | None:
        """Sum of the released counts; None when there are none."""
        return _sum(line.tally for line in self.lines if line.tally is not None)

    def document(self) -> list[dict[str, Any]]:
        """The lines for `--json`."""
        return [_line_document(line) for line in self.lines]

    def sum_document(self) -> dict[str, Any]:
        total = self.total
        return {
            "ac": total.ac if total else None,
            "an": total.an if total else None,
            "het": total.het if total else None,
            "hom": total.hom if total else None,
            "hemi": total.hemi if total else None,
            "kind": "exact" if self.exact else "lower_bound",
            "nodes": sum(line.tally is not None for line in self.lines),
            "caveats": list(self.caveats),
        }

    def table(self, waiting: Sequence[str] = ()) -> Table:
        """One row per node and a last one for the sum, for a terminal.  waiting: who has not answered yet."""
        # In a narrow terminal names and remarks are wrapped, never a number.
        figures = (
            Column(name, no_wrap=True) for name in ("exists", "alleles", "AC/AN", "het/hom/hemi", "ms")
        )
        words = (Column(name, overflow="fold") for name in ("node", "state"))
        table = Table(*words, *figures)
        for line in self.lines:
            state = f"{line.state} ({line.remark})" if line.remark else str(line.state)
            table.add_row(
                line.name or line.node,
                state,
                _word(line.exists),
                _number(line.alleles),
                *_cells(line.tally),
                f"{line.ms:.0f}",
            )
        for name in waiting:
            table.add_row(name, "asking ...", "", "", "", "", "", style="dim")
        if waiting:
            return table
        if len(self.lines) > 1 and self.total is not None:
            kind = "sum" if self.exact else "sum, at least"
            table.add_section()
            table.add_row(kind, "", "", "", *_cells(self.total), "")
        if len(self.lines) > 1 and self.caveats:
            table.caption = "\n".join(self.caveats)
            table.caption_justify = "left"
        return table


def describe(query: Single) -> str:
    """How a question was understood, in words for people: positions counted from 1, and the assembly."""
    if isinstance(query, GeneQuery):
        return f"{query.assembly or 'every assembly'} gene {query.gene}"
    if isinstance(query, HgvsQuery):
        return f"{query.change.interval.contig.assembly} {query.change}"
    if isinstance(query, AnnotationQuery):
        change = query.coding or query.protein
        return f"{query.assembly or 'every assembly'} {query.transcript or query.gene} {change}, as annotated"
    contig = contig_of(query)
    if isinstance(query, SequenceQuery):
        first = query.interval.start + 1
        change = f"{query.reference if query.reference is not None else '?'}>{query.alternate or '-'}"
        return f"{contig.assembly} {contig.name}:{first} {change}"
    if isinstance(query, BracketQuery):
        return f"{contig.assembly} from {query.starts} to {query.ends}"
    return f"{contig.assembly} {query.interval}"


def read_report(response: Response, one_allele: bool) -> Report:
    """The report on a network's response document.

    one_allele: whether the question was about a single allele; only then do counts of records add up.
    """
    sets: Sequence[ResultSet] = response.get("response", {}).get("resultSets", [])
    information = response.get("info", {})
    refused = information.get("refused", [])
    lines = tuple(
        _line(
            node,
            [s for s in sets if s.get("beaconId") == node["node"]],
            tuple(r["id"] for r in refused if r["node"] == node["node"]),
            one_allele,
        )
        for node in information.get("nodes", [])
    )
    counts = information.get("counts", {})
    untold = [one for one in lines if one.exists and one.tally is None] if one_allele else []
    exact = counts.get("kind") == "exact" and not untold
    return Report(lines, exact, tuple(_caveats(lines, counts, untold=bool(untold))))


def _caveats(lines: Sequence[NodeLine], counts: Mapping[str, Any], *, untold: bool) -> Iterator[str]:
    given = counts.get("caveats")
    yield from (text for text in (given if isinstance(given, list) else ()) if isinstance(text, str))
    if untold:
        yield "A lower bound: a node that has the allele told no counts of it."
    if any(line.tally for line in lines) and any(line.exists is False for line in lines):
        yield "AN counts only where the allele was found: a node without it tells no AN."


def _line(
    node: dict[str, Any], sets: Sequence[ResultSet], refused: tuple[str, ...], one_allele: bool
) -> NodeLine:
    state = PeerState(node["state"])
    # A report is about variants, and a node that answers with something else has none to report.
    records = tuple(r for one in sets for r in one.get("results", []) if is_variant(r))
    counted = [s["resultsCount"] for s in sets if "resultsCount" in s]
    alleles = sum(counted) if counted else (0 if state is PeerState.NO_HIT else None)
    return NodeLine(
        node=node["node"],
        name=node.get("name", ""),
        state=state,
        ms=float(node.get("ms", 0)),
        reason=node.get("reason", ""),
        exists=state is PeerState.HIT if state.answered else None,
        alleles=alleles,
        tally=_sum(t for t in map(_tally, records) if t is not None) if one_allele else None,
        refused=refused,
        results=records,
        notes=tuple(text for text in node.get("notes", ()) if isinstance(text, str)),
        via=str(node.get("via", "")),
    )


def _tally(record: Record) -> Tally | None:
    for source in record.get("frequencyInPopulations", []):
        for whole in source["frequencies"][:1]:
            return Tally(
                whole.get("alleleCount", 0),
                whole.get("alleleNumber", 0),
                whole.get("alleleCountHeterozygous", 0),
                whole.get("alleleCountHomozygous", 0),
                whole.get("alleleCountHemizygous", 0),
            )
    return None


def _sum(tallies: Iterable[Tally]) -> Tally | None:
    total: Tally | None = None
    for tally in tallies:
        total = tally if total is None else total + tally
    return total


def _line_document(line: NodeLine) -> dict[str, Any]:
    tally = line.tally
    return {
        "node": line.node,
        "name": line.name,
        "state": line.state,
        "reason": line.reason,
        "refused": list(line.refused),
        "notes": list(line.notes),
        "via": line.via,
        "exists": line.exists,
        "alleles": line.alleles,
        "ac": tally.ac if tally else None,
        "an": tally.an if tally else None,
        "het": tally.het if tally else None,
        "hom": tally.hom if tally else None,
        "hemi": tally.hemi if tally else None,
        "ms": round(line.ms, 1),
        "results": list(line.results),
    }


def _word(exists: bool | None) -> str:
    return "?" if exists is None else ("yes" if exists else "no")


def _number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _cells(tally: Tally | None) -> tuple[str, str]:
    if tally is None:
        return "", ""
    return f"{tally.ac}/{tally.an}", f"{tally.het}/{tally.hom}/{tally.hemi}"
