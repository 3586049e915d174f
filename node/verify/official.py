"""The official JSON schemas, from a checkout of the specification, for every document that was had.

The network is never used: what the checkout lacks is told as such.  Needs the extra `verify`.

Spec: https://github.com/ga4gh-beacon/beacon-v2, framework/json and models/json.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from node.federation.reading import objects
from node.verify.check import FRAMEWORK, MODEL, Check, Examine, Fault, Severity
from node.verify.orient import World
from node.verify.skipping import SkipCheck
from node.verify.visit import Exchange
from schemas.errors import BadInput, Place

_PUBLISHED: Final = "https://raw.githubusercontent.com/ga4gh-beacon/beacon-v2/main/"
_VRS: Final = "https://w3id.org/ga4gh/schema/vrs/1.3/vrs.json"
_RESPONSES: Final = "framework/json/responses/"
_MODELS: Final = "models/json/beacon-v2-default-model/"
_FRAMEWORK: Final[Mapping[str, str]] = {
    "": "beaconInfoResponse",
    "/info": "beaconInfoResponse",
    "/service-info": "ga4gh-service-info-1-0-0-schema",
    "/configuration": "beaconConfigurationResponse",
    "/map": "beaconMapResponse",
    "/entry_types": "beaconEntryTypesResponse",
    "/filtering_terms": "beaconFilteringTermsResponse",
}
_FOLDERS: Final[Mapping[str, str]] = {
    "analysis": "analyses",
    "biosample": "biosamples",
    "cohort": "cohorts",
    "dataset": "datasets",
    "genomicVariant": "genomicVariations",
    "genomicVariation": "genomicVariations",
    "individual": "individuals",
    "run": "runs",
}
_MOST: Final = 10


class Schemas:
    """The schemas of one checkout."""

    def __init__(self, folder: Path) -> None:
        """Raises BadInput: no schemas there, or the libraries that read them are not installed."""
        self._folder = folder
        if not (folder / "framework" / "json" / "responses").is_dir():
            remedy = "Give the folder of a checkout of github.com/ga4gh-beacon/beacon-v2."
            raise BadInput(Place(str(folder)), "holds no framework/json/responses", remedy)
        try:
            from jsonschema import Draft202012Validator  # noqa: PLC0415  # an extra, needed only here
            from referencing import Registry  # noqa: PLC0415
        except ModuleNotFoundError:
            remedy = "Install them with: pip install 'varhaven[verify]'"
            raise BadInput(
                Place("--schemas"), "jsonschema and referencing are not installed", remedy
            ) from None
        registry: Any = Registry(retrieve=cache(self._retrieve))  # type: ignore[call-arg]
        self._validator = cache(
            lambda path: Draft202012Validator({"$ref": _PUBLISHED + path}, registry=registry)
        )

    def faults(self, path: str, document: Any) -> Iterator[str]:
        """What the schema at `path` of the checkout has against `document`, a line each."""
        from referencing.exceptions import Unresolvable  # noqa: PLC0415

        try:
            for fault in self._validator(path).iter_errors(document):
                place = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in fault.absolute_path)
                yield f"${place}: {fault.message[:200]}"
        except Unresolvable as fault:
            yield f"the checkout lacks a schema that {path} refers to: {fault.ref!r}"

    def _retrieve(self, address: str) -> Any:
        from referencing.exceptions import NoSuchResource  # noqa: PLC0415
        from referencing.jsonschema import DRAFT202012  # noqa: PLC0415

        try:
            return DRAFT202012.create_resource(json.loads(self._path(address).read_bytes()))
        except (OSError, ValueError):
            raise NoSuchResource(address) from None

    def _path(self, address: str) -> Path:
        """Raises ValueError: an address that is not of the specification."""
        if address == _VRS:
            return self._folder / "vrs" / "1.3" / "vrs.json"
        if not address.startswith(_PUBLISHED):
            raise ValueError(address)
        path = address.removeprefix(_PUBLISHED).partition("#")[0]
        # Five default schemas of 2.1 refer to a file that is not there; the framework's own is meant.
        if path == _MODELS + "common/info.json" and not (self._folder / path).exists():
            path = "framework/json/common/info.json"
        return self._folder / path

    def checks(self) -> tuple[Check, ...]:
        """The checks that hold every document of a verification against these schemas."""
        table: tuple[tuple[str, str, str, Examine], ...] = (
            ("official.framework", "Framework documents are valid", FRAMEWORK, self._framework),
            ("official.answers", "Answers are valid", f"{FRAMEWORK}/responses", self._answers),
            ("official.errors", "Refusals are valid", f"{FRAMEWORK}/responses", self._errors),
            ("official.records", "Records are valid", MODEL, self._records),
        )
        return tuple(Check(name, says, link, Severity.ERROR, examine) for name, says, link, examine in table)

    async def _framework(self, world: World) -> AsyncIterator[Fault]:
        for exchange in world.visit.transcript:
            name = _FRAMEWORK.get(exchange.url.removeprefix(world.root).partition("?")[0].rstrip("/"))
            if exchange.method == "GET" and exchange.status == 200 and name is not None:
                for text in self._first(f"{_RESPONSES}{name}.json", exchange.document):
                    yield Fault(text, exchange)

    async def _answers(self, world: World) -> AsyncIterator[Fault]:
        for exchange, text in self._each(
            _answers(world), lambda e: (_RESPONSES + _response_schema(e), e.answer)
        ):
            yield Fault(text, exchange)

    async def _errors(self, world: World) -> AsyncIterator[Fault]:
        refusals = [e for e in world.visit.transcript if e.status >= 400 and "error" in e.answer]
        if not refusals:
            raise SkipCheck("nothing was refused")
        name = f"{_RESPONSES}beaconErrorResponse.json"
        for exchange, text in self._each(refusals, lambda e: (name, e.answer)):
            yield Fault(text, exchange)

    async def _records(self, world: World) -> AsyncIterator[Fault]:
        seen: set[bytes] = set()
        told: set[str] = set()
        for exchange in _answers(world):
            kind = _entry_type(exchange)
            for record in (*exchange.records, *exchange.collections):
                raw = json.dumps(record, sort_keys=True).encode()
                if raw in seen or kind is None:
                    continue
                seen.add(raw)
                for text in self._first(f"{_MODELS}{_FOLDERS[kind]}/defaultSchema.json", record):
                    if text not in told and len(told) < _MOST:
                        told.add(text)
                        yield Fault(f"{kind}: {text}", exchange)
        if not seen:
            raise SkipCheck("no records were listed")

    def _first(self, path: str, document: Any) -> list[str]:
        return [text for text, _ in zip(self.faults(path, document), range(_MOST), strict=False)]

    def _each(self, exchanges: list[Exchange], subject: Any) -> Iterator[tuple[Exchange, str]]:
        """Faults of many exchanges, each text once."""
        told: set[str] = set()
        for exchange in exchanges:
            for text in self._first(*subject(exchange)):
                if text not in told and len(told) < _MOST:
                    told.add(text)
                    yield exchange, text


def _answers(world: World) -> list[Exchange]:
    found = [e for e in world.visit.transcript if e.status == 200 and "responseSummary" in e.answer]
    if not found:
        raise SkipCheck("there was no answer")
    return found


def _response_schema(exchange: Exchange) -> str:
    response = exchange.at("response")
    if "resultSets" in response:
        return "beaconResultsetsResponse.json"
    if "collections" in response:
        return "beaconCollectionsResponse.json"
    return "beaconBooleanResponse.json" if exchange.total is None else "beaconCountResponse.json"


def _entry_type(exchange: Exchange) -> str | None:
    for one in objects(exchange.document, "meta", "returnedSchemas"):
        if one.get("entityType") in _FOLDERS:
            return str(one["entityType"])
    return None
