"""`/filtering_terms`: what filters may name here.

The fields of the model are the same for everybody.  Terms, assays and fields that are in use are told of the
datasets that the caller may ask, since a filter would show the same; how many entries have each, and which
values a field has, where counts or records are open to him.  A filter may name other terms too: any of the
vocabularies in `resources`.

Spec: Beacon v2 framework/json/responses/sections/beaconFilteringTermsResults.json.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pyroaring import BitMap

from beacon.crowd import Crowd
from beacon.disclosure import tellable
from beacon.entries import INDIVIDUAL, EntryType
from beacon.fields import FIELDS, VARIANT
from beacon.looking import Looking, datasets_meant, look_into
from beacon.query import Asked, Within
from beacon.room import Beacon
from beacon.selection import SCOPES
from beacon.vocabulary import TERMS
from schemas.access import Grant, Granularity
from schemas.consequences import LABELS
from schemas.curies import curie
from schemas.filters import Text, Value
from schemas.people import Dataset, Term
from schemas.ports import Ledger, Rows, Vocabulary

_MOST_VALUES: Final = 50


@dataclass(frozen=True, slots=True)
class TermsEndpoint:
    """A path at which filtering terms are listed: all, those of an entry type, or those below one entry."""

    of: EntryType | None = None
    single: bool = False

    @property
    def path(self) -> str:
        """With `{id}` where the id of an entry goes; without slashes around it."""
        parts = [self.of.path] if self.of else []
        return "/".join([*parts, *(["{id}"] if self.single else []), "filtering_terms"])

    def within(self, name: str) -> Within | None:
        return Within(self.of.id, name) if self.of and self.single else None

    @property
    def scopes(self) -> tuple[str, ...]:
        """The entry types whose records are meant."""
        return (self.of.id,) if self.of and self.of.id in SCOPES else SCOPES


def terms_endpoints(entries: Iterable[EntryType]) -> tuple[TermsEndpoint, ...]:
    """Every path at which filtering terms are listed."""
    own = [TermsEndpoint(entry, single) for entry in entries if entry.terms for single in (False, True)]
    return (TermsEndpoint(), *own)


@dataclass(slots=True)
class _Found:
    """What is in use: by scope the entries that have a term, the entry's values of each field, and labels."""

    terms: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    fields: dict[str, dict[str, set[str]]] = field(default_factory=lambda: defaultdict(dict))
    labels: dict[str, str] = field(default_factory=dict)


def list_terms(beacon: Beacon, grant: Grant, endpoint: TermsEndpoint, name: str = "") -> dict[str, Any]:
    """The `response` of a list of filtering terms; name: the id in its path.

    Reads the rosters of the datasets concerned.  Raises NotFound: no such dataset or cohort; NotAuthorised,
    Forbidden: the terms of one person, where records are not open.
    """
    asked = Asked(INDIVIDUAL.kind, None, Granularity.RECORD, within=endpoint.within(name))
    meant = datasets_meant(beacon, asked)
    depths = [tellable(asked, grant.ceiling(dataset.id)) for dataset in meant]
    open_to_him = tuple(dataset for dataset, depth in zip(meant, depths, strict=True) if depth is not None)
    looked_at = meant if asked.is_personal else open_to_him
    found = _Found()
    if looked_at:
        looking = look_into(beacon, asked, grant, looked_at)
        for dataset, _ in looking.opened.datasets:
            _add(found, looking, dataset, endpoint.scopes)
    least = min((depth for depth in depths if depth is not None), key=lambda d: d.rank, default=None)
    listed = [*_ontology_terms(beacon, found, least), *_fields(found, endpoint.scopes, least)]
    if endpoint.of is None and open_to_him:
        listed += _variant_terms(beacon, open_to_him)
    return {
        "resources": [_resource(vocabulary) for vocabulary in beacon.ontology.vocabularies()],
        "filteringTerms": listed,
    }


def _variant_terms(beacon: Beacon, open_to_him: Iterable[Dataset]) -> Iterable[dict[str, Any]]:
    """Terms that narrow variants; those for consequences where a VCF is annotated."""
    annotations = beacon.annotations
    annotated = annotations is not None and any(annotations.is_annotated(one.id) for one in open_to_him)
    for term, label in {**TERMS, **(LABELS if annotated else {})}.items():
        yield {"type": "ontologyTerm", "id": term, "label": label, "scopes": [VARIANT]}


def _add(found: _Found, looking: Looking, dataset: Dataset, scopes: Iterable[str]) -> None:
    roster, crowd = looking.roster(dataset), looking.crowd(dataset)
    for scope in scopes:
        ledger, rows = roster.ledgers[scope], looking.rows(dataset, scope)
        for term, having in ledger.terms.items():
            here = having & rows
            if crowd.shows(len(here)) and crowd.shows(crowd.behind_rows(ledger, here)):
                found.terms[term][scope] += len(here)
        _add_fields(found, scope, ledger, rows, crowd)
        found.labels |= {term: label for term, label in ledger.labels.items() if term not in found.labels}


def _add_fields(found: _Found, scope: str, ledger: Ledger, rows: Rows, crowd: Crowd) -> None:
    for path, values in ledger.fields.items():
        here = [(row, value) for row, value in values if row in rows]
        if crowd.shows(crowd.behind_rows(ledger, BitMap(row for row, _ in here))):
            words = {} if crowd.floor else dict.fromkeys(filter(None, (_word(value) for _, value in here)))
            found.fields[path].setdefault(scope, set()).update(words)


def _word(value: Value) -> str:
    """How a value that can be listed is written; "" for one of those that cannot, numbers and ages."""
    if isinstance(value, Term):
        return value.label or value.id
    return value.text if isinstance(value, Text) else ""


def _ontology_terms(beacon: Beacon, found: _Found, least: Granularity | None) -> Iterable[dict[str, Any]]:
    for term in sorted(found.terms):
        scopes = found.terms[term]
        listed: dict[str, Any] = {"type": "ontologyTerm", "id": term, "scopes": sorted(scopes)}
        known = beacon.ontology.find(term)
        label = found.labels.get(term) or (known.label if known else "")
        if label:
            listed["label"] = label
        if least is not None and least is not Granularity.BOOLEAN:
            listed["count"] = {scope: scopes[scope] for scope in sorted(scopes)}
        yield listed


def _fields(found: _Found, scopes: Iterable[str], least: Granularity | None) -> Iterable[dict[str, Any]]:
    held: dict[str, set[str]] = defaultdict(set)
    for one in FIELDS:
        if one.entry in scopes:
            held[one.path].add(one.entry)
    for path, by_scope in found.fields.items():
        held[path] |= set(by_scope)
    for path in sorted(held):
        listed: dict[str, Any] = {"type": "alphanumeric", "id": path, "scopes": sorted(held[path])}
        if curie(path) and found.labels.get(path):
            listed["label"] = found.labels[path]
        values = set().union(*found.fields.get(path, {}).values())
        if least is Granularity.RECORD and 0 < len(values) <= _MOST_VALUES:
            listed["values"] = sorted(values)
        yield listed


def _resource(vocabulary: Vocabulary) -> Mapping[str, str]:
    return {
        "id": vocabulary.prefix.lower(),
        "name": vocabulary.name,
        "url": vocabulary.url,
        "version": vocabulary.version,
        "nameSpacePrefix": vocabulary.prefix,
        "iriPrefix": vocabulary.iri_prefix,
    }
