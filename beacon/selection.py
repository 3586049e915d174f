"""Whom a question means: its filters, and the entry it asks below, as sets of entries or of genotyped people.

Every filter must be known before any is applied: a term that is in a vocabulary held here or in the records
of a dataset that may be looked at, a field of the model or of these records.  An unknown one is refused with
what is like it, since ignoring it would answer a wider question and an empty answer would read as "no".

A filter is settled in the records it is about, and then carried over to what is asked for: an individual
satisfies what one of his biosamples satisfies, and a biosample what its individual does.  What does not
satisfy a filter satisfies its negation, and so does whoever nothing is recorded of.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from pyroaring import BitMap

from beacon.crowd import thinned
from beacon.fields import BIOSAMPLE, INDIVIDUAL, find_field, near_fields
from beacon.measuring import Wanted, holds, is_known_unit, read_wanted
from schemas.curies import curie
from schemas.errors import BadQuestion, NotHeld
from schemas.filters import (
    EXCLUDED_FEATURES,
    AnyOf,
    CustomFilter,
    FieldFilter,
    Filter,
    OneFilter,
    Operator,
    Similarity,
    TermFilter,
)
from schemas.ports import Ledger, Ontology, People, PersonSet, Roster, Rows

SCOPES: Final = (INDIVIDUAL, BIOSAMPLE)
# Least similarity of another term, by the word of the specification, which leaves the measure to the node.
BOUNDS: Final = {Similarity.HIGH: 0.8, Similarity.MEDIUM: 0.6, Similarity.LOW: 0.4}


@dataclass(frozen=True, slots=True)
class _Place:
    """A field as the records of one entry type have it, of the model or beside it."""

    entry: str
    path: str


@dataclass(frozen=True, slots=True)
class Selection:
    """What a question means in the datasets that may be looked at."""

    rosters: Mapping[str, Roster]
    filters: tuple[Filter, ...]
    ontology: Ontology

    def rows(self, dataset: str, entry: str) -> Rows:
        """The entries of this type that satisfy every filter."""
        roster = self.rosters[dataset]
        ledger = roster.ledgers[entry]
        found = ledger.everybody
        for one in self.filters:
            found &= self._satisfying(one, roster, ledger)
        return found

    def people(self, dataset: str, units: BitMap | None = None) -> PersonSet:
        """The genotyped people that satisfy every filter; `units`: among these samples alone."""
        roster = self.rosters[dataset]
        return BitMap().union(*(roster.ordinals[unit] for unit in self.units(dataset, units)))

    def units(self, dataset: str, units: BitMap | None = None) -> BitMap:
        """The samples that satisfy every filter; `units`: among these alone."""
        roster = self.rosters[dataset]
        found = BitMap(range(len(roster.ordinals))) if units is None else BitMap(units)
        for one in self.filters:
            found &= self._satisfying(one, roster, None)
        return found

    def _satisfying(self, one: Filter, roster: Roster, target: Ledger | None) -> Rows:
        """The rows of `target` that satisfy a filter; without one, the samples."""
        if isinstance(one, AnyOf):
            return BitMap().union(*(self._satisfying(each, roster, target) for each in one.filters))
        found = BitMap()
        for scope in SCOPES:
            if one.scope in ("", scope):
                ledger = roster.ledgers[scope]
                rows = self._recorded(one, ledger, scope)
                found |= units_of(rows, ledger) if target is None else carried_over(rows, ledger, target)
        negated = one.operator is Operator.UNLIKE if isinstance(one, FieldFilter) else one.negated
        if not negated:
            return found
        return (BitMap(range(len(roster.ordinals))) if target is None else target.everybody) - found

    def _recorded(self, one: OneFilter, ledger: Ledger, scope: str) -> Rows:
        """The rows whose own record satisfies a filter, its negation left aside."""
        if isinstance(one, TermFilter):
            return _with_terms(self._terms_of(one, ledger.terms), ledger.terms)
        if isinstance(one, CustomFilter):
            return self._with_word(one, ledger, scope)
        places = places_of(one.id, scope, self.rosters.values())
        return BitMap().union(*(self._with_value(one, place, ledger) for place in places))

    def _terms_of(self, one: TermFilter, recorded: Iterable[str]) -> frozenset[str]:
        """The terms that satisfy the filter."""
        wanted = self.ontology.ids(one.id, descendants=one.descendants)
        if one.similarity is Similarity.EXACT:
            return wanted
        bound = BOUNDS[one.similarity]
        return wanted | {term for term in recorded if self.ontology.similarity(one.id, term) >= bound}

    def _with_value(self, one: FieldFilter, place: _Place, ledger: Ledger) -> Rows:
        wanted, inner = read_place(one, place)
        if place.path == EXCLUDED_FEATURES and (term := curie(one.value)):
            return _with_terms(self._entailing(term, ledger.excluded), ledger.excluded)
        values = ledger.fields.get(place.path, ())
        return BitMap(row for row, value in values if holds(one.operator, wanted, value, inner))

    def _entailing(self, term: str, recorded: Iterable[str]) -> frozenset[str]:
        """Of the terms that were excluded, those that exclude `term`: itself and whatever it is a kind of."""
        own = self.ontology.ids(term, descendants=False)
        return frozenset(other for other in recorded if own & self.ontology.ids(other))

    def _with_word(self, one: CustomFilter, ledger: Ledger, scope: str) -> Rows:
        name, _, value = one.id.partition(":")
        if value and find_field(name):
            asked = FieldFilter(name, Operator.EQUAL, value)
            return self._recorded(asked, ledger, scope)
        word = one.id.casefold()
        same = [term for term, label in ledger.labels.items() if label.casefold() == word]
        return _with_terms(same, ledger.terms)


def select(
    people: People, ontology: Ontology, floors: Mapping[str, int], filters: Iterable[Filter]
) -> Selection:
    """What `filters` mean in the datasets of `floors`, which may all be looked at.

    floors: by dataset, how many people must have something before it counts as known; 0: anybody.

    Raises NotHeld: a term or field that is not known here; BadQuestion: a value that its field cannot have.
    """
    rosters = {dataset: people.roster(dataset) for dataset in floors}
    selection = Selection(rosters, tuple(filters), ontology)
    if selection.filters:
        showing = {dataset: thinned(roster, floors[dataset]) for dataset, roster in rosters.items()}
        known = Selection(showing, selection.filters, ontology)
        for one in selection.filters:
            for each in one.filters if isinstance(one, AnyOf) else (one,):
                _check(each, known)
    return selection


def carried_over(rows: Rows, source: Ledger, target: Ledger) -> Rows:
    """The entries of `target` that have a sample in common with these rows of `source`."""
    if source is target:
        return rows
    units = units_of(rows, source)
    if not units:
        return BitMap()
    return BitMap(row for row, own in enumerate(target.units) if units.intersect(own))


def units_of(rows: Rows, ledger: Ledger) -> BitMap:
    return BitMap().union(*(ledger.units[row] for row in rows))


def _with_terms(terms: Iterable[str], recorded: Mapping[str, Rows]) -> Rows:
    wanted = frozenset(terms)
    few, many = (wanted, recorded) if len(wanted) < len(recorded) else (recorded, wanted)
    return BitMap().union(*(recorded[term] for term in few if term in many))


# --------------------------------------------------------------------------------- what is known here


def _check(one: OneFilter, selection: Selection) -> None:
    if isinstance(one, TermFilter):
        _check_term(one, selection)
    elif isinstance(one, CustomFilter):
        _check_word(one, selection)
    else:
        _check_field(one, selection)


def _ledgers(selection: Selection, scope: str) -> Iterable[Ledger]:
    for roster in selection.rosters.values():
        for name in SCOPES:
            if scope in ("", name):
                yield roster.ledgers[name]


def _check_term(one: TermFilter, selection: Selection) -> None:
    if selection.ontology.find(one.id) is not None:
        return
    if any(one.id in ledger.terms or one.id in ledger.excluded for ledger in _ledgers(selection, "")):
        return
    raise _unknown(f"filter {one.id[:80]!r}: the term is not known here", one.id, selection)


def _check_word(one: CustomFilter, selection: Selection) -> None:
    name, _, value = one.id.partition(":")
    if value and find_field(name):
        _check_field(FieldFilter(name, Operator.EQUAL, value, one.scope), selection)
        return
    word = one.id.casefold()
    if not any(
        word == label.casefold()
        for ledger in _ledgers(selection, one.scope)
        for label in ledger.labels.values()
    ):
        raise _unknown(f"filter {one.id[:80]!r} is no term, field or label known here", one.id, selection)


def _check_field(one: FieldFilter, selection: Selection) -> None:
    rosters = selection.rosters.values()
    scopes = [scope for scope in SCOPES if one.scope in ("", scope)]
    places = [place for scope in scopes for place in places_of(one.id, scope, rosters)]
    paths = sorted({place.path for place in places})
    if not paths:
        complaint = f"filter {one.id[:80]!r}: no such field or assay is known here"
        near = "; ".join(near_fields(one.id))
        raise (
            NotHeld(f"{complaint}; near matches: {near}") if near else _unknown(complaint, one.id, selection)
        )
    if len(paths) > 1:
        raise BadQuestion(f"filter {one.id[:80]!r} could mean {' or '.join(paths)}; name it in full")
    for place in places:
        wanted, _ = read_place(one, place)
        recorded = [v for ledger in _ledgers(selection, "") for _, v in ledger.fields.get(place.path, ())]
        if wanted.unit and wanted.days is None and not is_known_unit(wanted.unit, recorded):
            raise BadQuestion(f"filter {str(one)[:80]!r}: the unit {wanted.unit[:40]!r} is not known here")


def read_place(one: FieldFilter, place: _Place) -> tuple[Wanted, str]:
    """The value of a filter as a field needs it, and the part of the field's values that is meant."""
    named = find_field(one.id)
    kinds = [found.kind for found in named.fields if found.path == place.path] if named else []
    kind = kinds[0] if kinds else None
    if place.path == EXCLUDED_FEATURES:
        kind = None
    return read_wanted(one, kind), named.inner if named else ""


def places_of(name: str, scope: str, rosters: Iterable[Roster]) -> list[_Place]:
    """Where the records of `scope` have what a filter calls `name`: a field of the model, one that the
    records have beside it (`info.batch`), or an assay by its code or label.
    """
    named = find_field(name, scope)
    if named is not None:
        return [_Place(field.entry, field.path) for field in named.fields if field.entry == scope]
    word, found = name.casefold(), set()
    for roster in rosters:
        ledger = roster.ledgers[scope]
        if name in ledger.fields:
            found.add(name)
        found |= {
            code
            for code, label in ledger.labels.items()
            if label.casefold() == word and code in ledger.fields
        }
    return [_Place(scope, path) for path in sorted(found)]


def _unknown(complaint: str, text: str, selection: Selection) -> NotHeld:
    """The refusal, with terms that are like what was asked: of the vocabularies, then of those in use."""
    near = {term.id: term.label for term in selection.ontology.near(text)}
    word, prefix = text.casefold(), text.partition(":")[0]
    in_use = {
        term: label for ledger in _ledgers(selection, "") for term, label in sorted(ledger.labels.items())
    }
    near |= {term: label for term, label in in_use.items() if label and word in label.casefold()}
    if not near and ":" in text:
        near = {term: label for term, label in in_use.items() if term.partition(":")[0] == prefix}
    names = "; ".join(f"{term} {label}".strip() for term, label in list(near.items())[:5])
    return NotHeld(
        f"{complaint}; near matches: {names}" if names else f"{complaint}; /filtering_terms lists them"
    )
