"""Who carries an allele, and how: the `caseLevelData` of a record.

Only for answers that may hold records; the caller has seen to that.  An allele with many carriers is counted,
and its carriers are asked for by `/g_variants/{id}/individuals`.

Spec: Beacon v2 models/json/.../genomicVariations/defaultSchema.json, CaseLevelVariant; GENO for zygosity.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from schemas.genome import Allele
from schemas.ports import HitTwice, PersonSet, Roster, VariantStore
from schemas.questions import Lying

MAX_CASES: Final = 100
_MEMBERS: Final = (("biosample", "biosampleId"), ("individual", "individualId"))
_TOLD: Final = (Lying.HOMOZYGOUS, Lying.TRANS, Lying.CIS, Lying.UNKNOWN)
_HETEROZYGOUS: Final = {"id": "GENO:0000135", "label": "heterozygous"}
_HOMOZYGOUS: Final = {"id": "GENO:0000136", "label": "homozygous"}
_ONE_GAINED: Final = 3
_HEMIZYGOUS: Final = {"id": "GENO:0000134", "label": "hemizygous"}


class Cases:
    """The carriers of alleles in one dataset, among `people` (None is everybody), by their entries."""

    def __init__(
        self,
        store: VariantStore,
        roster: Roster,
        dataset: str,
        people: PersonSet | None,
        hits: HitTwice | None = None,
    ) -> None:
        """hits: of people who are hit twice, how their alleles lie, which each case then tells."""
        self._store = store
        self._dataset = dataset
        self._people = people
        self._called = roster.called
        self._lying = {person: how for how in _TOLD for person in hits.lying(how)} if hits else {}

    def of(self, allele: Allele) -> list[dict[str, Any]]:
        """One case a carrier, in the order of ingest; none where there are more than 100."""
        found = self._store.zygosities(self._dataset, allele, self._people)
        total = allele.total_copies
        # Four copies may be two on each chromosome, or one and three: the zygosity is not known.
        het = None if total is not None and total > _ONE_GAINED else _HETEROZYGOUS
        kinds = ((found.het, het), (found.hom, _HOMOZYGOUS), (found.hemi, _HEMIZYGOUS))
        if sum(len(people) for people, _ in kinds) > MAX_CASES:
            return []
        by_person = {person: kind for people, kind in kinds for person in people}
        return [self._case(person, by_person[person]) for person in sorted(by_person)]

    def _case(self, person: int, zygosity: Mapping[str, str] | None) -> dict[str, Any]:
        called = self._called.get(person, {})
        case: dict[str, Any] = {member: called[entry] for entry, member in _MEMBERS if entry in called}
        if zygosity is not None:
            case["zygosity"] = dict(zygosity)
        if person in self._lying:
            case["info"] = {"hits": self._lying[person].value}
        return case
