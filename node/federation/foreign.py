"""The answer of any Beacon, brought into the form that our own nodes give.

Trusted peers are read strictly (`schemas.beacon.read_response`).  A Beacon that was only asked by its address
may leave members out, spell them otherwise or contradict itself; what it means is kept, what cannot be
understood is dropped, and every repair is told.  The result passes the strict reading.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from node.federation.reading import boolean, mapping, natural, objects, text
from node.federation.sighting import read_sighting
from schemas.access import Granularity
from schemas.beacon import Response, read_response
from schemas.network import told_nodes

_WHOLE: Final = frozenset({"total", "all", "overall", "whole", "global", "adj"})
_COUNTS: Final = (
    "alleleCount",
    "alleleNumber",
    "alleleCountHeterozygous",
    "alleleCountHomozygous",
    "alleleCountHemizygous",
)
_COLLECTIONS: Final = frozenset({"datasets", "cohorts"})
_NAMES: Final = ("genomicHGVSId", "clinvarVariantId")
_NAME_LISTS: Final = ("proteinHGVSIds", "transcriptHGVSIds")


@dataclass(frozen=True, slots=True)
class Foreign:
    """An answer in our form; `notes` say what was repaired or dropped, each once."""

    response: Response
    notes: tuple[str, ...]


def read_foreign(raw: bytes, path: str = "g_variants") -> Foreign:
    """What `raw` answers to a question at `path`.  CPU-bound: about 2 ms for 100 kB.

    Raises ValueError, with a short reason: not JSON, an error in place of an answer, or nothing in it says
    whether there is a hit.
    """
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise ValueError("the answer is not JSON") from None
    if not isinstance(document, dict):
        raise ValueError("the answer is not a Beacon response: no object")  # noqa: TRY004
    if "error" in document and "responseSummary" not in document:
        raise ValueError("an error was answered as if it were a result")
    parts = path.split("/")
    mended = _Mending(parts[-1] if len(parts) % 2 else parts[-2])
    return Foreign(read_response(orjson.dumps(mended.response(document))), tuple(mended.notes))


@dataclass
class _Mending:
    """One document being read; `notes` gather as an ordered set.  entries: the path of their type."""

    entries: str = "g_variants"
    notes: dict[str, None] = field(default_factory=dict)

    def note(self, words: str) -> None:
        self.notes[words] = None

    def response(self, document: Mapping[str, Any]) -> dict[str, Any]:
        sets = [self.result_set(given) for given in objects(document, "response", "resultSets")]
        collections = self.collections(document) if self.entries in _COLLECTIONS else []
        summary = self.summary(mapping(document, "responseSummary"), sets, len(collections))
        told = self.granularity(mapping(document, "meta"), summary, sets)
        mended: dict[str, Any] = {"meta": _meta(document, told), "responseSummary": summary}
        if told != Granularity.BOOLEAN and self.entries in _COLLECTIONS:
            mended["response"] = {"collections": collections}
        elif told != Granularity.BOOLEAN:
            mended["response"] = {"resultSets": sets}
        if isinstance(document.get("info"), dict):
            mended["info"] = self.information(document["info"])
        return mended

    def information(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """As it came; the states of a network's nodes only where all of them can be read."""
        kept = dict(given)
        if "nodes" in kept and not told_nodes(kept):
            del kept["nodes"]
            self.note("the states of its nodes could not be read")
        return kept

    def collections(self, document: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Datasets or cohorts, as far as they say what they are."""
        found = []
        for given in objects(document, "response", "collections"):
            name = text(given.get("id"))
            if not name:
                self.note("an entry without an id is left out")
                continue
            kept: dict[str, Any] = {"id": name, "name": text(given.get("name")) or name}
            if isinstance(given.get("description"), str):
                kept["description"] = given["description"]
            found.append(kept)
        return found

    def entry(self, given: Mapping[str, Any]) -> dict[str, Any] | None:
        """An entry of another type than a variant, as it came; None without an id."""
        if not text(given.get("id")) or "variantInternalId" in given:
            self.note("an entry without an id is left out")
            return None
        return dict(given)

    def summary(
        self, given: Mapping[str, Any], sets: Sequence[Mapping[str, Any]], listed: int = 0
    ) -> dict[str, Any]:
        hits = bool(listed) or any(one["exists"] for one in sets)
        total, exists = natural(given.get("numTotalResults")), boolean(given.get("exists"))
        if exists is None:
            if total is None and not sets and not listed:
                raise ValueError(
                    "the answer is not a Beacon response: it does not say whether there is a hit"
                )
            self.note("the summary does not say whether there is a hit; the counts do")
            exists = hits or bool(total)
        if hits and not exists:
            self.note("the summary says no, a dataset says yes; taken as yes")
            exists = True
        if total is not None and exists != (total > 0):
            self.note("the total does not agree with the hit, and is left out")
            total = None
        return {"exists": exists} if total is None else {"exists": exists, "numTotalResults": total}

    def granularity(
        self, meta: Mapping[str, Any], summary: Mapping[str, Any], sets: Sequence[Mapping[str, Any]]
    ) -> str:
        told = meta.get("returnedGranularity")
        if told in tuple(Granularity):
            return str(told)
        self.note("the answer does not name its granularity")
        if any(one["results"] for one in sets):
            return Granularity.RECORD
        counted = "numTotalResults" in summary or any("resultsCount" in one for one in sets)
        return Granularity.COUNT if counted else Granularity.BOOLEAN

    def result_set(self, given: Mapping[str, Any]) -> dict[str, Any]:
        told = map(self.record if self.entries == "g_variants" else self.entry, objects(given, "results"))
        records = [record for record in told if record is not None]
        count = natural(given.get("resultsCount", given.get("resultCount")))
        exists = boolean(given.get("exists"))
        if exists is None or ((records or count) and not exists):
            self.note("a dataset does not say that it has the hits it counts")
            exists = bool(records or count)
        if count is not None and count < len(records):
            self.note("a dataset counts fewer results than it lists; its count is left out")
            count = None
        mended: dict[str, Any] = {
            "id": text(given.get("id")) or text(given.get("datasetId")) or "unnamed",
            "setType": text(given.get("setType")) or "dataset",
            "exists": exists,
            "results": records,
        }
        if count is not None:
            mended["resultsCount"] = count
        if isinstance(given.get("info"), dict):
            mended["info"] = given["info"]
        if isinstance(given.get("beaconId"), str):
            mended["beaconId"] = given["beaconId"]
        return mended

    def record(self, given: Mapping[str, Any]) -> dict[str, Any] | None:
        """The record as it came, but for frequencies that could not be read."""
        seen = read_sighting(given)
        variation = given.get("variation")
        if not isinstance(variation, dict):
            self.note("records describe their variant outside `variation`")
            variation = {name: given[name] for name in ("location", "state", "variantType") if name in given}
        kept = {name: value for name, value in given.items() if name != "frequencyInPopulations"}
        for name, kind in _MEMBERS:
            if name in kept and not isinstance(kept[name], kind):
                self.note(f"records have an unreadable `{name}`, left out")
                del kept[name]
        kept["variantInternalId"] = seen.name or seen.text
        kept["variation"] = variation
        if "identifiers" in kept:
            kept["identifiers"] = _identifiers(kept["identifiers"])
        frequencies = self.frequencies(given)
        if frequencies:
            kept["frequencyInPopulations"] = frequencies
        return kept

    def frequencies(self, given: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Sources whose first entry is the whole of what was counted: only such an entry may be summed."""
        sources = []
        for source in objects(given, "frequencyInPopulations"):
            name = text(source.get("source")) or "unknown"
            entries = [e for e in map(self.frequency, objects(source, "frequencies")) if e is not None]
            wholes = [e for e in entries if e["population"].strip().lower() in (*_WHOLE, name.lower())]
            whole = wholes[0] if wholes else entries[0] if len(entries) == 1 else None
            if whole is None or "alleleNumber" not in whole:
                self.note("frequencies without counts, or by population only, are not summed")
                continue
            entries.sort(key=lambda entry: entry is not whole)
            reference = text(source.get("sourceReference")) or "unknown"
            sources.append({"source": name, "sourceReference": reference, "frequencies": entries})
        return sources

    def frequency(self, given: Mapping[str, Any]) -> dict[str, Any] | None:
        share = given.get("alleleFrequency")
        if not isinstance(share, int | float) or isinstance(share, bool) or not 0 <= share <= 1:
            self.note("a frequency could not be read")
            return None
        counts = {name: natural(given.get(name)) for name in _COUNTS}
        return {"population": text(given.get("population")) or "whole", "alleleFrequency": float(share)} | {
            name: count for name, count in counts.items() if count is not None
        }


# Members of a record that the strict reading looks into.
_MEMBERS: Final = (
    ("molecularAttributes", dict),
    ("variantLevelData", dict),
    ("info", dict),
    ("caseLevelData", list),
    ("identifiers", dict),
)


def _identifiers(given: Mapping[str, Any]) -> dict[str, Any]:
    """Those whose value is of the kind that the specification gives them."""
    texts = {name: given[name] for name in _NAMES if isinstance(given.get(name), str)}
    lists = {
        name: [one for one in given[name] if isinstance(one, str)]
        for name in _NAME_LISTS
        if isinstance(given.get(name), list)
    }
    references = objects(given, "variantAlternativeIds")
    return texts | lists | ({"variantAlternativeIds": references} if references else {})


def _meta(document: Mapping[str, Any], told: str) -> dict[str, Any]:
    given = mapping(document, "meta")
    version = text(given.get("apiVersion")) or "unknown"
    return {
        "beaconId": text(given.get("beaconId")) or "unknown",
        "apiVersion": version,
        "returnedSchemas": [],
        "returnedGranularity": told,
        "receivedRequestSummary": {
            "apiVersion": version,
            "requestedSchemas": [],
            "pagination": {},
            "requestedGranularity": told,
        },
    }
