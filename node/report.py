"""A Beacon answer as people and scripts want it: one line per node, and a sum that says what it is.

Reads only what was released in the response document; it has no other source.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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

    @property
    def remark(self) -> str:
        """What a reader must know beside the state; "" when that says it all."""
        if self.refused:
            return f"did not look into {len(self.refused)} of its datasets: {', '.join(self.refused)}"
        return self.reason


@dataclass(frozen=True, slots=True)
class Report:
    """The lines, in the order in which the network lists its nodes.

    exact: whether every node answered in full; otherwise a sum is only a lower bound.
    """

    lines: tuple[NodeLine, ...]
    exact: bool

    @property
    def total(self) -> Tally | None:
        """Sum of the released counts; None when there are none."""
        return _sum(line.tally for line in self.lines if line.tally is not None)

    def document(self) -> list[dict[str, Any]]:
        """The lines for `--json`."""
        return [_line_document(line) for line in self.lines]

    def sum_document(self) -> dict[str, Any]:
        total = self.total
        kind = "exact" if self.exact else "lower_bound"
        return {"ac": total.ac if total else None, "an": total.an if total else None, "kind": kind}

    def table(self) -> Table:
        """One row per node and a last one for the sum, for a terminal."""
        table = Table(
            Column("node", no_wrap=True), "state", "exists", "alleles", "AC/AN", "het/hom/hemi", "ms"
        )
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
        if len(self.lines) > 1 and self.total is not None:
            kind = "sum" if self.exact else "sum, at least"
            table.add_section()
            table.add_row(kind, "", "", "", *_cells(self.total), "")
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
    return Report(lines, exact=information.get("counts", {}).get("kind") == "exact")


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
