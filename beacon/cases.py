"""Who carries an allele, and how: the `caseLevelData` of a record.

Only for answers that may hold records; the caller has seen to that.  An allele with many carriers is counted,
and its carriers are asked for by `/g_variants/{id}/individuals`.

Spec: Beacon v2 models/json/.../genomicVariations/defaultSchema.json, CaseLevelVariant; GENO for zygosity.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from schemas.genome import Allele
from schemas.ports import PersonSet, Roster, VariantStore

MAX_CASES: Final = 100
_HETEROZYGOUS: Final = {"id": "GENO:0000135", "label": "heterozygous"}
_HOMOZYGOUS: Final = {"id": "GENO:0000136", "label": "homozygous"}
_HEMIZYGOUS: Final = {"id": "GENO:0000134", "label": "hemizygous"}


class Cases:
    """The carriers of alleles in one dataset, among `people` (None is everybody), by their entries."""

    def __init__(self, store: VariantStore, roster: Roster, dataset: str, people: PersonSet | None) -> None:
        self._store = store
        self._dataset = dataset
        self._people = people
        self._known = _names_of(roster)

    def of(self, allele: Allele) -> list[dict[str, Any]]:
        """One case a carrier, in the order of ingest; none where there are more than 100."""
        found = self._store.zygosities(self._dataset, allele, self._people)
        kinds = ((found.het, _HETEROZYGOUS), (found.hom, _HOMOZYGOUS), (found.hemi, _HEMIZYGOUS))
        if sum(len(people) for people, _ in kinds) > MAX_CASES:
            return []
        by_person = {person: kind for people, kind in kinds for person in people}
        return [
            {**self._known.get(person, {}), "zygosity": by_person[person]} for person in sorted(by_person)
        ]


def _names_of(roster: Roster) -> Mapping[int, dict[str, str]]:
    """What each genotyped person is called as an entry: biosample and individual."""
    units = {person: unit for unit, people in enumerate(roster.ordinals) for person in people}
    names: dict[int, dict[str, str]] = {}
    for entry, member in (("biosample", "biosampleId"), ("individual", "individualId")):
        ledger = roster.ledgers.get(entry)
        if ledger is None:
            continue
        by_unit = {unit: row for row, own in enumerate(ledger.units) for unit in own}
        for person, unit in units.items():
            if unit in by_unit:
                names.setdefault(person, {})[member] = ledger.ids[by_unit[unit]]
    return names
