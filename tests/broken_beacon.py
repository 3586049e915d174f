"""A little Beacon that is right, until one of its planted faults is switched on.

It is written from the specification alone and shares nothing with the node: a few variants in a list, looked
through one by one.  Each plant is a fault seen in real servers, with the check that has to find it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

_SPEC = "https://raw.githubusercontent.com/ga4gh-beacon/beacon-v2/main"
_MODEL = f"{_SPEC}/models/json/beacon-v2-default-model"
_LENGTHS = {"GRCh38": {"1": 248_956_422, "19": 58_617_616, "20": 64_444_167}}
_ACCESSIONS = {"NC_000001.11": "1", "NC_000019.10": "19", "NC_000020.11": "20"}
_REFSEQ = {name: accession for accession, name in _ACCESSIONS.items()}
_OLD = {"NC_000001.10", "NC_000019.9", "NC_000020.10"}
_RANK = {"boolean": 0, "count": 1, "record": 2}


TOKEN = "Bearer hush-hush"  # the only one it takes; without one it answers just the same


class Plant(Enum):
    """A fault, and the check that has to find it."""

    def __init__(self, what: str, check: str) -> None:
        self.what = what
        self.check = check

    COORDINATES_FROM_1 = "start is read as counted from 1", "places.sequence"
    RECORDS_FROM_1 = "records tell locations counted from 1", "places.sequence"
    HGVS_FROM_0 = "HGVS names are written with 0-based positions", "places.records"
    START_FUZZY = "one base to either side is found too", "places.neighbours"
    ALTERNATE_IGNORED = "alternateBases is ignored", "places.bases"
    REFERENCE_IGNORED = "referenceBases is ignored", "places.bases"
    ALWAYS_YES = "everything is found", "places.made-up"
    END_INCLUSIVE = "the end of a range belongs to it", "places.range"
    START_IN_RANGE = "a range finds only what begins in it", "places.overlap"
    BRACKET_IS_RANGE = "a bracket query is answered as a range", "places.bracket"
    REVERSED_ANSWERED = "a range that ends before it begins is answered", "places.reversed"
    CONTIG_BY_PREFIX = "contigs are compared by their beginning: 19 finds 1", "names.others"
    REFSEQ_FINDS_NOTHING = "refseq: names are taken, and find nothing", "names.same"
    CHR_REFUSED = "names with chr are refused", "names.all"
    UNKNOWN_CONTIG_IS_NO = "a contig that does not exist is a no", "names.refused"
    CONTIG_IGNORED = "the contig is ignored", "names.unknown"
    ASSEMBLY_IGNORED = "assemblyId is ignored", "assembly.other"
    UNKNOWN_ASSEMBLY_IS_NO = "an assembly that does not exist is a no", "assembly.refused"
    UNKNOWN_ASSEMBLY_DEFAULTS = "an assembly that does not exist is taken for GRCh38", "assembly.unknown"
    ASSEMBLY_BELIEVED = "the accession decides, whatever assemblyId says", "assembly.accession"
    FILTER_IGNORED = "an unknown filter is ignored", "honesty.filter"
    FILTER_IS_NO = "an unknown filter is a no", "honesty.filter-refused"
    FILTER_WIDENS = "a known filter adds to the answer", "honesty.terms"
    PARAMETER_IGNORED = "an unknown parameter is ignored", "honesty.parameter"
    DATASET_IGNORED = "an unknown dataset is ignored", "honesty.dataset"
    TYPE_IGNORED = "variantType is ignored", "honesty.conditions"
    LENGTH_IGNORED = "variantMinLength is ignored", "honesty.conditions"
    GENE_IGNORED = "an unknown gene finds everything", "honesty.names"
    TEST_MODE_OPENS = "testMode opens a closed dataset", "honesty.test-mode"
    DATASET_UNLISTED = "a dataset that answers is not listed", "honesty.listed"
    FINER_THAN_ASKED = "records are returned whatever was asked", "granularity.asked"
    DATASETS_FINER = "datasets are described whatever was asked", "granularity.entries"
    COLLECTIONS_IN_COUNT = "a count of datasets describes them", "every.leaks"
    DATASETS_UNFILTERED = "datasets are listed whatever the filter", "honesty.entries"
    DEFAULT_IS_RECORD = "without a granularity, records are returned", "granularity.default"
    COUNT_CAPPED = "the total depends on the granularity", "granularity.same"
    GET_IGNORES_BASES = "GET reads only the position", "answers.methods"
    HIT_LISTS_MISSES = "HIT lists datasets without a hit", "answers.included"
    NONE_LISTS_HITS = "NONE lists result sets", "answers.included"
    MISS_CHANGES_SUMMARY = "MISS turns the summary round", "answers.included"
    ECHO_FIXED = "the echo is always the same", "answers.echo"
    FLICKERS = "every other answer lacks its last record", "answers.repeated"
    LIMIT_IGNORED = "limit is ignored", "pages.limit"
    SKIP_COUNTS_RECORDS = "skip counts records", "pages.pages"
    PAGES_UNORDERED = "pages are cut from another order", "pages.pages"
    TOTAL_IS_PAGE = "the total is that of the page", "pages.total"
    END_IS_NO = "a page past the end says no", "pages.end"
    LIMIT_0_IS_NOTHING = "limit 0 gives nothing", "pages.zero"
    NEGATIVE_TAKEN = "a negative start is answered", "refusals.refused"
    WORDS_TAKEN = "an unknown granularity is answered", "refusals.refused"
    BAD_JSON_FAILS = "a body that is not JSON is a 500", "refusals.status"
    BARE_ERRORS = "refusals have no envelope", "refusals.envelope"
    ERRORS_ARE_200 = "refusals come with status 200", "refusals.refused"
    WRONG_CODE = "errorCode is not the status", "refusals.envelope"
    NOWHERE_IS_HOME = "every path gives the information", "refusals.nowhere"
    DELETE_TAKEN = "DELETE is answered", "refusals.methods"
    TOKEN_IGNORED = "a token that is not valid is ignored", "http.token"
    CREDENTIALS_FOR_ALL = "any page may ask with credentials", "http.browsers"
    CACHED_BY_ALL = "answers are for public caches", "http.caching"
    COUNT_IN_BOOLEAN = "a boolean answer tells the total", "every.leaks"
    RECORDS_IN_COUNT = "a count answer holds the records", "every.leaks"
    EXISTS_CONTRADICTS = "exists is true with a total of 0", "every.agrees"
    META_CUT = "answers have no receivedRequestSummary", "every.envelope"
    INNARDS_SHOWN = "an error shows a traceback", "every.innards"
    RANGES_FAIL = "range queries are a 500", "every.failure"
    DATASETS_MOVED = "datasets are somewhere else, by redirect", "every.redirect"
    SENT_AS_HTML = "JSON is sent as HTML", "every.media-type"
    ID_PER_PATH = "beaconId differs from document to document", "surface.identity"
    INFO_CUT = "/info has no organization", "surface.framework"
    MAP_LEADS_NOWHERE = "the map names an endpoint that is not served", "surface.get"
    NO_POST = "POST is not served", "surface.post"
    TYPES_DIFFER = "/entry_types lacks one that is served", "surface.entry-types"
    MAP_ELSEWHERE = "the map leads to another host", "surface.map"
    NO_SINGLE = "a listed entry is not at its address", "surface.single"
    NAMES_NO_CURIE = "records name their contig without a prefix", "official.records"
    HALF_ENVELOPE = "refusals have no returnedSchemas", "official.errors"
    SCHEMA_UNNAMED = "entry types do not say where their schema is", "official.framework"
    PAGES_NEGATIVE = "pagination is echoed as numbers below 0", "official.answers"
    ANY_ID = "every id finds something", "surface.unknown-id"
    FLAT_ONLY = "only flat parameters are read", "surface.manner"
    NO_GET = "variants are served by POST alone", "surface.methods"


@dataclass(frozen=True)
class Carried:
    """A variant with the sexes of its carriers, a letter each; `first` is 0-based."""

    contig: str
    first: int
    reference: str
    alternate: str
    sexes: str

    @property
    def last(self) -> int:
        return self.first + len(self.reference)

    @property
    def kind(self) -> str:
        if len(self.reference) == len(self.alternate):
            return "SNP"
        return "DEL" if len(self.reference) > len(self.alternate) else "INS"

    @property
    def id(self) -> str:
        return f"{self.contig}-{self.first + 1}-{self.reference}-{self.alternate}"


HELD: Mapping[str, tuple[Carried, ...]] = {
    "open": (
        Carried("1", 5_000, "G", "T", "FM"),
        Carried("1", 5_003, "C", "A", "M"),
        Carried("1", 5_010, "ATGC", "A", "F"),
        Carried("1", 5_030, "T", "C", "FFM"),
        Carried("1", 5_040, "T", "TAA", "F"),
        Carried("1", 5_050, "A", "G", "M"),
        Carried("1", 5_061, "A", "C", "M"),
        Carried("1", 5_075, "C", "G", "FF"),
    ),
    "other": (Carried("1", 5_030, "T", "C", "M"), Carried("20", 7_000, "A", "G", "F")),
    "closed": (Carried("1", 5_000, "G", "T", "F"),),
}
_FEMALE = "NCIT:C16576"
_VARIANT_NAMES = {
    "assemblyId", "referenceName", "start", "end", "referenceBases", "alternateBases",
    "variantType", "variantMinLength", "variantMaxLength",
}  # fmt: skip
_SETTINGS = {"requestedGranularity", "includeResultsetResponses", "testMode", "filters"}


class Refused(Exception):
    """A refusal: its status and why."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status
        self.why = why


@dataclass
class LittleBeacon:
    """`url` is the root of its API.  A test may change the rest.

    most: the finest granularity that it gives.
    patience: one in so many requests is refused as one too many; 0 for none.
    planted: the faults that are on.
    asked, requests: how many questions it answered, and how many came.
    heard: the credentials that came with requests for framework documents.
    """

    url: str
    most: str = "record"
    patience: int = 0
    planted: set[Plant] = field(default_factory=set)
    asked: int = 0
    requests: int = 0
    heard: set[str] = field(default_factory=set)

    def has(self, plant: Plant) -> bool:
        return plant in self.planted

    # ------------------------------------------------------------------------------ the question

    def read_get(self, parameters: Mapping[str, str]) -> dict[str, Any]:
        variant: dict[str, Any] = {}
        query: dict[str, Any] = {"pagination": {}}
        for name, value in parameters.items():
            if name in ("start", "end"):
                variant[name] = [_number(item) for item in value.split(",")]
            elif name in ("skip", "limit"):
                query["pagination"][name] = _number(value)
            elif name == "filters":
                query["filters"] = [{"id": term} for term in value.split(",")]
            elif name == "testMode":
                query["testMode"] = value == "true"
            elif name == "datasetIds":
                query["datasets"] = value.split(",")
            elif name in _SETTINGS:
                query[name] = value
            else:
                variant[name] = _number(value) if name.endswith("Length") else value
        if self.has(Plant.GET_IGNORES_BASES):
            variant.pop("alternateBases", None)
        return {"variant": variant, **query}

    def read_post(self, raw: bytes) -> dict[str, Any]:
        try:
            body = json.loads(raw)
        except ValueError:
            raise Refused(500 if self.has(Plant.BAD_JSON_FAILS) else 400, "not JSON") from None
        if not isinstance(body, dict):
            raise Refused(400, "not an object")
        query = dict(body.get("query", {}))
        parameters = dict(query.pop("requestParameters", {}))
        datasets = parameters.pop("datasets", {}).get("datasetIds")
        if self.has(Plant.FLAT_ONLY):
            if "g_variant" in parameters:
                raise Refused(400, "parameters are flat here")
            variant = parameters
        else:
            variant = parameters.pop("g_variant", {})
            if parameters:
                raise Refused(400, "parameters are nested under g_variant")
        return {"variant": variant, **query, **({"datasets": datasets} if datasets else {})}

    def judge(self, question: dict[str, Any]) -> None:
        """Refuses what cannot be answered."""
        variant, pages = question["variant"], question.get("pagination", {})
        if question.get("requestedGranularity", "boolean") not in _RANK:
            if not self.has(Plant.WORDS_TAKEN):
                raise Refused(400, "unknown granularity")
            question["requestedGranularity"] = "boolean"
        if question.get("includeResultsetResponses", "HIT") not in ("HIT", "MISS", "ALL", "NONE"):
            raise Refused(400, "unknown includeResultsetResponses")
        if any(not isinstance(number, int) or number < 0 for number in pages.values()):
            raise Refused(400, "pages are whole numbers")
        for term in question.get("filters", ()):
            if (
                term["id"] != _FEMALE
                and not self.has(Plant.FILTER_IGNORED)
                and not self.has(Plant.FILTER_IS_NO)
            ):
                raise Refused(400, "unknown filter")
        if set(question.get("datasets", ())) - set(HELD) and not self.has(Plant.DATASET_IGNORED):
            raise Refused(400, "unknown dataset")
        self._judge_variant(variant)

    def _judge_variant(self, variant: dict[str, Any]) -> None:
        if not variant:
            return
        strange = set(variant) - _VARIANT_NAMES
        if "geneId" in strange and self.has(Plant.GENE_IGNORED):
            variant.clear()
            return
        if strange and not (self.has(Plant.PARAMETER_IGNORED) and "noSuchParameter" in strange):
            raise Refused(400, "unknown parameter")
        coordinates = [*variant.get("start", ()), *variant.get("end", ())]
        if not coordinates or any(not isinstance(number, int) for number in coordinates):
            raise Refused(400, "start and end are whole numbers")
        if min(coordinates) < 0 and not self.has(Plant.NEGATIVE_TAKEN):
            raise Refused(400, "negative coordinate")
        if set(variant.get("alternateBases", "") + variant.get("referenceBases", "")) - set("ACGT"):
            raise Refused(400, "not bases")
        variant["contig"] = self.contig(variant)
        if max(coordinates) > _LENGTHS["GRCh38"].get(variant["contig"], 10**9):
            raise Refused(400, "beyond the end of the contig")
        if "end" in variant and self.has(Plant.RANGES_FAIL):
            raise Refused(500, "failed")
        one = len(variant["start"]) == len(variant.get("end", ())) == 1
        if one and variant["start"] >= variant["end"] and not self.has(Plant.REVERSED_ANSWERED):
            raise Refused(400, "the range ends before it begins")

    def contig(self, variant: Mapping[str, Any]) -> str:
        """The contig meant.  Raises Refused: of another assembly, or unknown."""
        name, assembly = str(variant.get("referenceName", "")), str(variant.get("assemblyId", "GRCh38"))
        if name.startswith("chr") and self.has(Plant.CHR_REFUSED):
            raise Refused(400, "no chr here")
        if assembly != "GRCh38" and not self.has(Plant.ASSEMBLY_IGNORED):
            believed = self.has(Plant.ASSEMBLY_BELIEVED) and name.removeprefix("refseq:") in _ACCESSIONS
            defaults = self.has(Plant.UNKNOWN_ASSEMBLY_DEFAULTS) and assembly != "GRCh37"
            if assembly != "GRCh37" and self.has(Plant.UNKNOWN_ASSEMBLY_IS_NO):
                return "nothing"
            if not believed and not defaults:
                raise Refused(400, "another assembly")
        if name.startswith("refseq:") and self.has(Plant.REFSEQ_FINDS_NOTHING):
            return "nothing"
        bare = name.removeprefix("refseq:").removeprefix("chr")
        if bare in _OLD and self.has(Plant.ASSEMBLY_IGNORED):
            return {"NC_000001.10": "1", "NC_000019.9": "19"}.get(bare, "20")
        found = _ACCESSIONS.get(bare, bare)
        if self.has(Plant.CONTIG_IGNORED) and found not in _REFSEQ:
            return "any"
        if found not in _REFSEQ and not found.isdecimal():
            raise Refused(400, "unknown contig")
        if found.isdecimal() and int(found) > 22 and not self.has(Plant.UNKNOWN_CONTIG_IS_NO):
            raise Refused(400, "unknown contig")
        return found

    # -------------------------------------------------------------------------------- the looking

    def means(self, variant: Mapping[str, Any], held: Carried) -> bool:
        if not variant:
            return True
        contig = variant["contig"]
        prefix = self.has(Plant.CONTIG_BY_PREFIX) and contig.startswith(held.contig)
        if contig not in (held.contig, "any") and not prefix:
            return False
        starts, ends = variant["start"], variant.get("end", [])
        if len(starts) == 2 and not self.has(Plant.BRACKET_IS_RANGE):
            return starts[0] <= held.first < starts[1] and ends[0] <= held.last < ends[1]
        if ends and "referenceBases" not in variant:
            return self._overlaps(min(starts), max(ends), held) and self._conditions(variant, held)
        return self._is(variant, held)

    def _overlaps(self, left: int, right: int, held: Carried) -> bool:
        if self.has(Plant.END_INCLUSIVE):
            right += 1
        if self.has(Plant.START_IN_RANGE):
            return left <= held.first < right
        return left < max(held.last, held.first + 1) and held.first < right

    def _conditions(self, variant: Mapping[str, Any], held: Carried) -> bool:
        length = max(len(held.reference), len(held.alternate))
        if variant.get("variantType", held.kind) != held.kind and not self.has(Plant.TYPE_IGNORED):
            return False
        if variant.get("variantMinLength", 0) > length and not self.has(Plant.LENGTH_IGNORED):
            return False
        if variant.get("variantMaxLength", length) < length:
            return False
        return bool(variant.get("alternateBases", held.alternate) == held.alternate)

    def _is(self, variant: Mapping[str, Any], held: Carried) -> bool:
        asked = variant["start"][0] - (1 if self.has(Plant.COORDINATES_FROM_1) else 0)
        if self.has(Plant.ALWAYS_YES):
            return True
        if abs(asked - held.first) > (1 if self.has(Plant.START_FUZZY) else 0):
            return False
        alternate = variant.get("alternateBases", held.alternate)
        reference = variant.get("referenceBases", held.reference)
        same_alternate = alternate == held.alternate or (
            self.has(Plant.ALTERNATE_IGNORED) and len(alternate) == len(held.alternate)
        )
        return same_alternate and (reference == held.reference or self.has(Plant.REFERENCE_IGNORED))

    def look(self, question: Mapping[str, Any]) -> dict[str, list[Carried]]:
        """What is found in each dataset that may be looked into."""
        wanted = [name for name in question.get("datasets", ()) if name in HELD]
        opened = ["open", "other"]
        if question.get("testMode") and self.has(Plant.TEST_MODE_OPENS):
            opened.append("closed")
        found = {}
        for name in opened:
            if wanted and name not in wanted:
                continue
            found[name] = [v for v in HELD[name] if self.means(question["variant"], v)]
            for term in question.get("filters", ()):
                if term["id"] == _FEMALE:
                    found[name] = [v for v in found[name] if "F" in v.sexes]
                    if self.has(Plant.FILTER_WIDENS):
                        found[name] = [*HELD[name], *found[name]]
                elif self.has(Plant.FILTER_IS_NO):
                    found[name] = []
        return found

    # --------------------------------------------------------------------------------- the answer

    def answer(self, question: dict[str, Any]) -> dict[str, Any]:
        self.judge(question)
        self.asked += 1
        found = self.look(question)
        granularity = question.get("requestedGranularity")
        if granularity is None:
            granularity = "record" if self.has(Plant.DEFAULT_IS_RECORD) else "boolean"
        told = min(granularity, self.most, key=lambda word: _RANK[word])
        if self.has(Plant.FINER_THAN_ASKED):
            told = "record"
        include = question.get("includeResultsetResponses", "HIT")
        sets = [self.result_set(name, variants, question, told) for name, variants in found.items()]
        total = sum(map(len, found.values()))
        listed = [one for one in sets if self.lists(include, one["exists"])]
        if self.has(Plant.FLICKERS) and self.asked % 2:
            listed = [{**one, "results": one["results"][:-1]} for one in listed]
        if self.has(Plant.TOTAL_IS_PAGE) and told == "record":
            total = sum(len(one["results"]) for one in sets) or total
        if self.has(Plant.COUNT_CAPPED) and told == "count":
            total = min(total, 3)
        past = self.has(Plant.END_IS_NO) and told == "record" and not any(one["results"] for one in sets)
        exists = total > 0 and not (past and include == "HIT")
        if self.has(Plant.MISS_CHANGES_SUMMARY) and include == "MISS":
            exists = not exists
        summary: dict[str, Any] = {"exists": exists}
        if _RANK[told] > 0 or self.has(Plant.COUNT_IN_BOOLEAN):
            summary["numTotalResults"] = total if exists else 0
        if self.has(Plant.EXISTS_CONTRADICTS) and not exists and told != "boolean":
            summary["exists"] = True
        document = {"meta": self.meta(question, told, granularity), "responseSummary": summary}
        if _RANK[told] > 0:
            document["response"] = {"resultSets": listed}
        return document

    def lists(self, include: str, exists: bool) -> bool:
        if include == "NONE":
            return self.has(Plant.NONE_LISTS_HITS) and exists
        if include == "ALL" or (include == "HIT" and self.has(Plant.HIT_LISTS_MISSES)):
            return True
        return exists == (include == "HIT")

    def result_set(
        self, name: str, variants: list[Carried], question: Mapping[str, Any], told: str
    ) -> dict[str, Any]:
        pages = question.get("pagination", {})
        skip, limit = pages.get("skip", 0), pages.get("limit", 10)
        if limit == 0:
            limit = 0 if self.has(Plant.LIMIT_0_IS_NOTHING) else 100
        if self.has(Plant.LIMIT_IGNORED):
            limit = 100
        offset = skip if self.has(Plant.SKIP_COUNTS_RECORDS) else skip * limit
        ordered = variants[::-1] if self.has(Plant.PAGES_UNORDERED) and skip % 2 else variants
        page = ordered[offset : offset + limit]
        shown = told == "record" or (told == "count" and self.has(Plant.RECORDS_IN_COUNT))
        return {
            "id": name,
            "setType": "dataset",
            "exists": bool(variants),
            "resultsCount": len(variants),
            "results": [self.record(variant) for variant in page] if shown else [],
        }

    def record(self, held: Carried) -> dict[str, Any]:
        moved = 1 if self.has(Plant.RECORDS_FROM_1) else 0
        named = held.first + (0 if self.has(Plant.HGVS_FROM_0) else 1)
        interval = {
            "type": "SequenceInterval",
            "start": {"type": "Number", "value": held.first + moved},
            "end": {"type": "Number", "value": held.last + moved},
        }
        record: dict[str, Any] = {
            "variantInternalId": held.id,
            "variation": {
                "variantType": held.kind,
                "referenceBases": held.reference,
                "alternateBases": held.alternate,
                "location": {
                    "type": "SequenceLocation",
                    "sequence_id": held.contig
                    if self.has(Plant.NAMES_NO_CURIE)
                    else f"refseq:{_REFSEQ[held.contig]}",
                    "interval": interval,
                },
            },
        }
        if held.kind == "SNP":
            name = f"{_REFSEQ[held.contig]}:g.{named}{held.reference}>{held.alternate}"
            record["identifiers"] = {"genomicHGVSId": name}
        return record

    def meta(self, question: Mapping[str, Any], told: str, asked: str) -> dict[str, Any]:
        pages = question.get("pagination", {})
        echo = {k: v for k, v in question.get("variant", {}).items() if k != "contig"}
        summary: dict[str, Any] = {
            "apiVersion": "v2.0.0",
            "requestedSchemas": [],
            "pagination": {"skip": pages.get("skip", 0), "limit": pages.get("limit", 10)},
            "requestedGranularity": asked,
            "includeResultsetResponses": question.get("includeResultsetResponses", "HIT"),
            "requestParameters": {"g_variant": echo},
        }
        if self.has(Plant.PAGES_NEGATIVE):
            summary["pagination"]["skip"] = -1
        if self.has(Plant.ECHO_FIXED):
            summary["pagination"], summary["requestedGranularity"] = {"skip": 0, "limit": 10}, "boolean"
        meta = {
            **self.about("genomicVariant"),
            "returnedGranularity": told,
            "receivedRequestSummary": summary,
        }
        if self.has(Plant.META_CUT):
            del meta["receivedRequestSummary"]
        return meta

    def about(self, entry: str, path: str = "") -> dict[str, Any]:
        beacon = f"org.example.{path or 'little'}" if self.has(Plant.ID_PER_PATH) else "org.example.little"
        schema = {"entityType": entry, "schema": f"ga4gh-beacon-{entry}-v2.0.0"} if entry else {}
        return {"beaconId": beacon, "apiVersion": "v2.0.0", "returnedSchemas": [schema] if schema else []}

    def error(self, status: int, why: str) -> Response:
        code = 1 if self.has(Plant.WRONG_CODE) else status
        if self.has(Plant.INNARDS_SHOWN):
            why = 'Traceback (most recent call last):\n  File "/srv/beacon/query.py", line 7'
        document: dict[str, Any] = {"error": {"errorCode": code, "errorMessage": why}}
        if self.has(Plant.BARE_ERRORS):
            document = {"detail": why}
        else:
            document["meta"] = self.meta({}, "boolean", "boolean")
            if self.has(Plant.HALF_ENVELOPE):
                del document["meta"]["returnedSchemas"]
        return self.reply(document, 200 if self.has(Plant.ERRORS_ARE_200) else status)

    def reply(self, document: Any, status: int = 200) -> Response:
        headers = {"cache-control": "no-store"}
        if self.has(Plant.CACHED_BY_ALL):
            headers["cache-control"] = "public, max-age=86400"
        if self.has(Plant.CREDENTIALS_FOR_ALL):
            headers |= {
                "access-control-allow-origin": "https://elsewhere.example",
                "access-control-allow-credentials": "true",
            }
        media = "text/html" if self.has(Plant.SENT_AS_HTML) else "application/json"
        return Response(json.dumps(document).encode(), status, headers, media_type=media)

    # ---------------------------------------------------------------------- what it says of itself

    def document(self, path: str) -> dict[str, Any]:
        if path == "service-info":
            kind = {"group": "org.ga4gh", "artifact": "beacon", "version": "v2.0.0"}
            return {**self._who(), "type": kind, "version": "1", "id": "org.example.little"}
        told: dict[str, Any] = {
            "configuration": self._configuration,
            "map": self._map,
            "entry_types": lambda: {"entryTypes": self._types("entry_types")},
            "filtering_terms": lambda: {
                "filteringTerms": [{"id": _FEMALE, "type": "ontologyTerm", "label": "female"}],
                "resources": [],
            },
        }.get(path, self._info)()
        return {"meta": self.about("", path), "response": told}

    def _who(self) -> dict[str, Any]:
        return {
            "id": "org.example.little",
            "name": "Little Beacon",
            "organization": {"id": "example", "name": "Example", "url": "https://example.org"},
        }

    def _info(self) -> dict[str, Any]:
        told = {**self._who(), "apiVersion": "v2.0.0", "environment": "test"}
        if self.has(Plant.INFO_CUT):
            del told["organization"]
        return told

    def _configuration(self) -> dict[str, Any]:
        return {
            "$schema": f"{_SPEC}/framework/json/configuration/beaconConfigurationSchema.json",
            "maturityAttributes": {"productionStatus": "TEST"},
            "securityAttributes": {"defaultGranularity": "boolean", "securityLevels": ["PUBLIC"]},
            "entryTypes": self._types("configuration"),
        }

    def _types(self, path: str) -> dict[str, Any]:
        types = {
            entry: {
                "id": entry,
                "name": entry,
                "partOfSpecification": "Beacon v2.0.0",
                "ontologyTermForThisType": {"id": "ENSGLOSSARY:0000092"},
                "defaultSchema": {
                    "id": f"ga4gh-beacon-{entry}-v2.0.0",
                    "name": entry,
                    "referenceToSchemaDefinition": f"{_MODEL}/{folder}/defaultSchema.json",
                },
            }
            for entry, folder in (("genomicVariant", "genomicVariations"), ("dataset", "datasets"))
        }
        if self.has(Plant.SCHEMA_UNNAMED):
            del types["dataset"]["defaultSchema"]["referenceToSchemaDefinition"]
        if path == "entry_types" and self.has(Plant.TYPES_DIFFER):
            del types["dataset"]
        return types

    def _map(self) -> dict[str, Any]:
        url = "https://elsewhere.example/api" if self.has(Plant.MAP_ELSEWHERE) else self.url
        datasets = "collections" if self.has(Plant.MAP_LEADS_NOWHERE) else "datasets"
        return {
            "$schema": f"{_SPEC}/framework/json/configuration/beaconMapSchema.json",
            "endpointSets": {
                "genomicVariant": {
                    "entryType": "genomicVariant",
                    "rootUrl": f"{url}/g_variants",
                    "singleEntryUrl": f"{url}/g_variants/{{id}}",
                },
                "dataset": {
                    "entryType": "dataset",
                    "rootUrl": f"{url}/{datasets}",
                    "endpoints": {
                        "genomicVariant": {
                            "url": f"{url}/datasets/{{id}}/g_variants",
                            "returnedEntryType": "genomicVariant",
                        }
                    },
                },
            },
        }

    # ---------------------------------------------------------------------------------- the routes

    async def variants(self, request: Request) -> Response:
        self.requests += 1
        if self.patience and self.requests % self.patience == 0:
            refused = self.error(429, "too many requests")
            refused.headers["retry-after"] = "0"
            return refused
        token = request.headers.get("authorization", TOKEN)
        if token != TOKEN and not self.has(Plant.TOKEN_IGNORED):
            return self.error(401, "the token is not valid")
        if request.method == "POST" and self.has(Plant.NO_POST):
            return self.error(405, "GET alone")
        if request.method == "GET" and self.has(Plant.NO_GET) and request.query_params.get("start"):
            return self.error(405, "POST alone")
        if request.method == "DELETE" and not self.has(Plant.DELETE_TAKEN):
            return self.error(405, "neither")
        if request.method == "POST":
            question = self.read_post(await request.body())
        else:
            question = self.read_get(request.query_params)
        named = request.path_params.get("dataset")
        if named is not None:
            if named not in ("open", "other"):
                return self.error(404, "no such dataset")
            question["datasets"] = [named]
        return self.reply(self.answer(question))

    async def variant(self, request: Request) -> Response:
        wanted = [v for v in HELD["open"] if v.id == request.path_params["id"]]
        if self.has(Plant.ANY_ID):
            wanted = wanted or [HELD["open"][0]]
        if self.has(Plant.NO_SINGLE) or not wanted:
            return self.error(404, "no such variant")
        question = {"variant": {}, "requestedGranularity": "record"}
        sets = [self.result_set("open", wanted, question, "record")]
        return self.reply(
            {
                "meta": self.meta(question, "record", "record"),
                "responseSummary": {"exists": True, "numTotalResults": 1},
                "response": {"resultSets": sets},
            }
        )

    async def datasets(self, request: Request) -> Response:
        if request.method == "POST" and self.has(Plant.NO_POST):
            return self.error(405, "GET alone")
        if self.has(Plant.DATASETS_MOVED):
            return Response(status_code=307, headers={"location": f"{self.url}/datasets/"})
        names = ["other"] if self.has(Plant.DATASET_UNLISTED) else ["open", "other"]
        asked = self.read_get(request.query_params) if request.method == "GET" else {}
        if asked.get("filters") and not self.has(Plant.DATASETS_UNFILTERED):
            return self.error(400, "datasets have no filters")
        told = asked.get("requestedGranularity", "record")
        if self.has(Plant.DATASETS_FINER):
            told = "record"
        meta = self.meta({**asked, "variant": {}}, told, told) | self.about("dataset")
        document: dict[str, Any] = {"meta": meta, "responseSummary": {"exists": True}}
        if told != "boolean":
            document["responseSummary"]["numTotalResults"] = len(names)
        if told == "record" or (told == "count" and self.has(Plant.COLLECTIONS_IN_COUNT)):
            page = names[int(asked.get("pagination", {}).get("skip") or 0) :][
                :1
            ]  # one a page, as a server may that has many
            document["response"] = {"collections": [{"id": name, "name": name} for name in page]}
        return self.reply(document)

    async def framework(self, request: Request) -> Response:
        self.heard.add(request.headers.get("authorization", ""))
        path = request.path_params.get("path", "")
        known = ("", "info", "service-info", "configuration", "map", "entry_types", "filtering_terms")
        if path not in known and not self.has(Plant.NOWHERE_IS_HOME):
            return self.error(404, "nothing here")
        return self.reply(self.document(path))

    def app(self) -> Starlette:
        async def refuse(_request: Request, fault: Exception) -> Response:
            assert isinstance(fault, Refused | HTTPException)
            if isinstance(fault, Refused):
                return self.error(fault.status, fault.why)
            return self.error(fault.status_code, fault.detail)

        every = ["GET", "POST", "DELETE"]
        return Starlette(
            routes=[
                Route("/api/g_variants", self.variants, methods=every),
                Route("/api/g_variants/{id}", self.variant),
                Route("/api/datasets", self.datasets, methods=["GET", "POST"]),
                Route("/api/datasets/{dataset}/g_variants", self.variants, methods=["GET", "POST"]),
                Route("/api/", self.framework),
                Route("/api/{path}", self.framework),
            ],
            exception_handlers={Refused: refuse, HTTPException: refuse},
        )


def _number(text: str) -> Any:
    return int(text) if text.lstrip("-").isdecimal() else text
