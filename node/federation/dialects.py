"""How the Beacons of the world want to be asked: one table, from which a question is spelled.

The specification nests the parameters of a variant under `g_variant`, names a contig
`refseq:NC_000020.11` and counts `skip` in pages; most servers differ in one of these, and some answer a
question they did not understand with everything or with "no".  A dialect is tried as one or more forms, the
likeliest first.

A question comes as the canonical body of a POST (`beacon.query.Asked.body`) and leaves as the document, or
the parameters of a GET, that the other side reads as the same question.  What a server cannot be asked
without being misunderstood is refused here, with the reason.

Spec: GA4GH Beacon v2 framework/json/requests; the deviations were read from the servers' sources.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from schemas.errors import BadQuestion
from schemas.genome import Assembly, Contig


class Naming(StrEnum):
    """How a contig is called."""

    REFSEQ = "refseq:NC_000020.11"
    ACCESSION = "NC_000020.11"
    CHR = "chr20"
    BARE = "20"

    def spell(self, contig: Contig) -> str:
        if self is Naming.REFSEQ:
            return f"refseq:{contig.accession}"
        if self is Naming.ACCESSION:
            return contig.accession
        return f"chr{contig.name}" if self is Naming.CHR else contig.name


class DatasetsAt(StrEnum):
    """Where a restriction to datasets stands."""

    PARAMETERS = "requestParameters.datasets.datasetIds"
    LIST = "requestParameters.datasets"
    QUERY = "query.datasets.datasetIds"


class Shape(StrEnum):
    """What a question about variants looks for, told by the parameters that are present."""

    SEQUENCE = "one allele"
    RANGE = "a region"
    BRACKET = "a bracket"
    OTHER = "a gene or a named change"


_EVERY: Final = frozenset(Shape)


@dataclass(frozen=True, slots=True)
class Form:
    """One spelling of a question.

    flat: the parameters of the variant stand beside each other in `requestParameters`.
    skip_records: `skip` counts records, not pages.
    schemas: `requestedSchemas` is understood.
    descendants_told: a filter that does not ask for descendants is taken without them, against the
    specification.
    shapes: what is answered as it is meant.
    needs_reference: one allele is asked with its reference bases.
    get: in the address instead of a body.
    """

    flat: bool = False
    naming: Naming = Naming.REFSEQ
    skip_records: bool = False
    datasets_at: DatasetsAt = DatasetsAt.PARAMETERS
    schemas: bool = True
    descendants_told: bool = False
    shapes: frozenset[Shape] = _EVERY
    needs_reference: bool = False
    get: bool = False

    def body(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """The body of the POST that asks the canonical `question`.

        Raises BadQuestion: it cannot be asked in this form.
        """
        meta, query = dict(question["meta"]), dict(question["query"])
        parameters = dict(query.get("requestParameters", {}))
        variant = parameters.pop("g_variant", None)
        chosen = parameters.pop("datasets", {}).get("datasetIds")
        if variant is not None:
            self._refuse(variant)
            spelled = self._variant(variant)
            parameters |= spelled if self.flat else {"g_variant": spelled}
        if chosen and self.datasets_at is DatasetsAt.QUERY:
            query["datasets"] = {"datasetIds": chosen}
        elif chosen:
            parameters["datasets"] = chosen if self.datasets_at is DatasetsAt.LIST else {"datasetIds": chosen}
        query["requestParameters"] = parameters
        if "filters" in query:
            query["filters"] = [self._filter(term) for term in query["filters"]]
        if self.skip_records and "pagination" in query:
            pages = query["pagination"]
            query["pagination"] = pages | {"skip": pages["skip"] * pages["limit"]}
        if not self.schemas:
            meta["requestedSchemas"] = []
        return {"meta": meta, "query": query}

    def parameters(self, question: Mapping[str, Any]) -> list[tuple[str, str]]:
        """The parameters of the GET that asks the canonical `question`; lists are joined by commas.

        Raises BadQuestion: it cannot be asked in this form, or not by GET at all.
        """
        body = self.body(question)
        query = body["query"]
        asked = dict(query["requestParameters"])
        chosen = asked.pop("datasets", None) or query.get("datasets")
        members = {**asked, **asked.pop("g_variant", {})}
        members.pop("g_variant", None)
        if chosen:
            name = "datasets" if self.datasets_at is DatasetsAt.LIST else "datasetIds"
            members[name] = chosen["datasetIds"] if isinstance(chosen, dict) else chosen
        if query.get("filters"):
            members["filters"] = [_filter_text(term) for term in query["filters"]]
        for name in ("requestedGranularity", "includeResultsetResponses", "testMode"):
            if query.get(name):
                members[name] = query[name]
        members |= query.get("pagination", {})
        return [(name, _text(value)) for name, value in members.items()]

    def _refuse(self, variant: Mapping[str, Any]) -> None:
        shape = shape_of(variant)
        if shape not in self.shapes:
            raise BadQuestion(f"this kind of Beacon does not answer for {shape}; it would seem to say no")
        if self.needs_reference and shape is Shape.SEQUENCE and "referenceBases" not in variant:
            raise BadQuestion("this kind of Beacon must be told the reference bases of an allele")

    def _variant(self, variant: Mapping[str, Any]) -> dict[str, Any]:
        spelled = dict(variant)
        if "referenceName" in spelled:
            spelled["referenceName"] = self.naming.spell(contig_asked(variant))
        return spelled

    def _filter(self, term: Any) -> Any:
        """A term, or a list of alternatives."""
        if isinstance(term, list):
            return [self._filter(one) for one in term]
        if self.descendants_told and "operator" not in term:
            return {"includeDescendantTerms": True, **term}
        return dict(term)


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one kind of server is asked.

    signs: what it says of itself, in lower case, in `/info` or `/service-info`.  forms: tried in this order
    until one is understood.  trusted: a "no" in the first form that is understood is a "no"; otherwise it is
    believed only once every form that is understood says it.
    """

    name: str
    forms: tuple[Form, ...]
    signs: tuple[str, ...] = ()
    trusted: bool = True


_EXACT: Final = frozenset({Shape.SEQUENCE})
_EGA: Final = Form(
    flat=True,
    naming=Naming.BARE,
    datasets_at=DatasetsAt.LIST,
    schemas=False,
    descendants_told=True,
    needs_reference=True,
)
GENERIC: Final = Dialect(
    "generic",
    (
        Form(),
        Form(naming=Naming.BARE),
        Form(flat=True, naming=Naming.BARE, schemas=False),
        Form(flat=True, naming=Naming.CHR, schemas=False),
    ),
    trusted=False,
)
DIALECTS: Final = (
    Dialect("varhaven", (Form(),), ("varhaven",)),
    Dialect("ega-pi", (_EGA,), ("beacon2-pi", "beacon-production-implementation", "beacon.pi")),
    Dialect("ega-ri", (replace(_EGA, skip_records=True),), ("beacon-ri", "beacon2-ri", "ega-archive")),
    Dialect("bycon", (Form(datasets_at=DatasetsAt.QUERY),), ("bycon", "progenetix", "beaconplus")),
    Dialect(
        "bento",
        (
            Form(
                naming=Naming.BARE,
                datasets_at=DatasetsAt.QUERY,
                shapes=frozenset({Shape.SEQUENCE, Shape.RANGE, Shape.OTHER}),
                needs_reference=True,
            ),
        ),
        ("bento",),
    ),
    Dialect(
        "gdi-mini-node",
        (
            Form(
                flat=True,
                naming=Naming.BARE,
                datasets_at=DatasetsAt.LIST,
                shapes=_EXACT,
                needs_reference=True,
            ),
        ),
        ("gdi-mini-node", "mini-node", "genomicdatainfrastructure"),
    ),
    GENERIC,
)


def dialect_named(name: str) -> Dialect:
    """The dialect called `name`.

    Raises BadQuestion: none is, with those that are.
    """
    for dialect in DIALECTS:
        if dialect.name == name:
            return dialect
    known = ", ".join(dialect.name for dialect in DIALECTS)
    raise BadQuestion(f"dialect {name[:40]!r} is not known; known are {known}")


def recognise(said: str) -> Dialect:
    """The dialect of a Beacon that says this of itself; the generic one when nothing tells."""
    words = said.lower()
    for dialect in DIALECTS:
        if any(sign in words for sign in dialect.signs):
            return dialect
    return GENERIC


def shape_of(variant: Mapping[str, Any]) -> Shape:
    if "start" not in variant:
        return Shape.OTHER
    if len(variant["start"]) == 2 or len(variant.get("end", ())) == 2:
        return Shape.BRACKET
    return Shape.RANGE if "end" in variant and "referenceBases" not in variant else Shape.SEQUENCE


def contig_asked(variant: Mapping[str, Any]) -> Contig:
    """The contig that canonical parameters name; they always tell the assembly too."""
    return Contig.read(variant["referenceName"], Assembly.read(variant["assemblyId"]))


def _filter_text(term: Any) -> str:
    """`HP:0001250`, or `age:>P70Y` as the specification writes a comparison in an address.

    Raises BadQuestion: alternatives, which an address cannot tell.
    """
    if isinstance(term, list):
        raise BadQuestion("alternatives among filters cannot be asked by GET")
    if "operator" not in term:
        return str(term["id"])
    return f"{term['id']}:{term['operator']}{term.get('value', '')}"


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(str(item) for item in value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def coordinates_of(variant: Mapping[str, Any]) -> Iterator[int]:
    """Every coordinate in canonical parameters."""
    for name in ("start", "end"):
        yield from variant.get(name, ())
