"""What a Beacon says of itself (`/info`, `/configuration`, `/map` ...), derived from the entry types.

Spec: Beacon v2 framework/json/{endpoints,configuration,responses}; GA4GH service-info 1.0.0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from beacon.entries import ENDPOINTS, ENTRY_TYPES, EntryType
from beacon.query import VARIANTS
from beacon.room import Beacon
from beacon.variation import SCHEMA as VRS2
from schemas.access import Granularity, Policy
from schemas.beacon import Informational, SchemaReference
from schemas.ga4gh import BEACON_API, VERSION, service_info

_SPECIFICATION: Final = "https://raw.githubusercontent.com/ga4gh-beacon/beacon-v2/main"
_CONFIGURATION: Final = f"{_SPECIFICATION}/framework/json/configuration"
_MODEL: Final = f"{_SPECIFICATION}/models/json/beacon-v2-default-model"
_MATURITY: Final = {"prod": "PROD", "test": "TEST", "staging": "TEST", "dev": "DEV"}
_LEVELS: Final = {
    Policy.OPEN: "PUBLIC",
    Policy.PUBLIC: "PUBLIC",
    Policy.REGISTERED: "REGISTERED",
    Policy.CONTROLLED: "CONTROLLED",
}

_POLICIES: Final = {
    Policy.OPEN: "Everything, exactly, to anybody.",
    Policy.PUBLIC: "Yes or no to registered researchers; anonymous callers are refused, and told why.",
    Policy.REGISTERED: "Yes or no to registered researchers.",
    Policy.CONTROLLED: "Counts, fewer than {floor} people told as none, to holders of a visa for counts; "
    "records to holders of a visa for the dataset, for a purpose that its use conditions allow.",
}

Document = Callable[[Beacon], Mapping[str, Any] | Informational]


def information(beacon: Beacon) -> Informational:
    """`/` and `/info`."""
    identity = beacon.identity
    organization = {"id": identity.id, "name": identity.name, "welcomeUrl": identity.id}
    if identity.contact:
        organization["contactUrl"] = f"mailto:{identity.contact}"
    return _document(
        beacon,
        {
            "id": identity.id,
            "name": identity.name,
            "apiVersion": BEACON_API,
            "environment": identity.environment,
            "version": VERSION,
            "welcomeUrl": identity.id,
            "organization": organization,
            "info": {"country": identity.country},
        },
    )


def configuration(beacon: Beacon) -> Informational:
    """`/configuration`; the security levels are those of the datasets held now."""
    policies = {dataset.policy for dataset in beacon.catalogue.datasets()}
    return _document(
        beacon,
        {
            "$schema": f"{_CONFIGURATION}/beaconConfigurationSchema.json",
            "maturityAttributes": {"productionStatus": _MATURITY.get(beacon.identity.environment, "DEV")},
            "securityAttributes": {
                "defaultGranularity": Granularity.BOOLEAN,
                "securityLevels": list(dict.fromkeys(_LEVELS[p] for p in Policy if p in policies)),
            },
            "entryTypes": {entry.id: _definition(entry) for entry in ENTRY_TYPES},
            "datasetPolicies": {p.value: _policy(p, beacon.floor) for p in Policy if p in policies},
        },
    )


def _policy(policy: Policy, floor: int) -> dict[str, Any]:
    """What each kind of caller is told of a dataset with this policy, in words and in granularities."""
    told: dict[str, Any] = {"description": _POLICIES[policy].format(floor=floor)}
    if policy is Policy.OPEN:
        return told | {"anonymous": Granularity.RECORD}
    if policy is not Policy.CONTROLLED:
        told |= {"registered": Granularity.BOOLEAN}
    return told | {
        "visaForCounts": Granularity.COUNT,
        "visaForRecords": Granularity.RECORD,
        "floor": floor,
    }


def entry_types(beacon: Beacon) -> Informational:
    """`/entry_types`."""
    return _document(beacon, {"entryTypes": {entry.id: _definition(entry) for entry in ENTRY_TYPES}})


def endpoint_map(beacon: Beacon) -> Informational:
    """`/map`."""
    endpoints: dict[str, dict[str, Any]] = {}
    for endpoint in ENDPOINTS:
        url = f"{beacon.url}/{endpoint.path}"
        above = endpoint.below or endpoint.entry
        listed = endpoints.setdefault(above.id, {"entryType": above.id})
        if endpoint.below is None:
            listed["rootUrl"] = url
        elif endpoint.below is endpoint.entry:
            listed["singleEntryUrl"] = url
        else:
            lookup = {"returnedEntryType": endpoint.entry.id, "url": url}
            listed.setdefault("endpoints", {})[f"{endpoint.entry.id}Lookup"] = lookup
        if above.terms:
            listed["filteringTermsUrl"] = f"{beacon.url}/{above.path}/{{id}}/filtering_terms"
    return _document(beacon, {"$schema": f"{_CONFIGURATION}/beaconMapSchema.json", "endpointSets": endpoints})


def filtering_terms(beacon: Beacon, listed: Mapping[str, Any], page: slice) -> Informational:
    """A list of filtering terms; page: which of them are shown."""
    return _document(beacon, {**listed, "filteringTerms": listed["filteringTerms"][page]})


def service(beacon: Beacon) -> Mapping[str, Any]:
    """`/service-info`, which has no Beacon envelope."""
    return service_info(beacon.identity)


FRAMEWORK: Final[tuple[tuple[str, str, Document], ...]] = (
    ("", "Who this Beacon is", information),
    ("/", "Who this Beacon is", information),
    ("/info", "Who this Beacon is", information),
    ("/service-info", "The GA4GH service-info document", service),
    ("/configuration", "Maturity, security levels and entry types", configuration),
    ("/map", "Endpoints by entry type", endpoint_map),
    ("/entry_types", "Entry types and their schemas", entry_types),
)


def _document(beacon: Beacon, response: Mapping[str, Any]) -> Informational:
    schemas: list[SchemaReference] = [
        {"entityType": entry.id, "schema": entry.kind.schema} for entry in ENTRY_TYPES
    ]
    return Informational(
        meta={"beaconId": beacon.identity.id, "apiVersion": BEACON_API, "returnedSchemas": schemas},
        response=response,
    )


_VRS2: Final = {
    "id": VRS2,
    "name": "Default schema of genomicVariant, its variation in VRS 2 where VRS 2 has one",
    "referenceToSchemaDefinition": "https://w3id.org/ga4gh/schema/vrs/2.0.1/json/Variation",
    "schemaVersion": "v2.0.1",
}


def _definition(entry: EntryType) -> dict[str, Any]:
    definition: dict[str, Any] = {
        "id": entry.id,
        "name": entry.name,
        "description": entry.description,
        "ontologyTermForThisType": {"id": entry.ontology.id, "label": entry.ontology.label},
        "partOfSpecification": f"Beacon {BEACON_API}",
        "defaultSchema": {
            "id": entry.kind.schema,
            "name": f"Default schema of {entry.id}",
            "referenceToSchemaDefinition": f"{_MODEL}/{entry.definition}",
            "schemaVersion": entry.kind.schema.rpartition("-")[2],
        },
        "additionallySupportedSchemas": [_VRS2] if entry.id == VARIANTS.entry else [],
        "nonFilteredQueriesAllowed": not entry.kind.needs_query,
    }
    if entry.collection_of:
        definition["aCollectionOf"] = [{"id": kind.entry, "name": kind.entry} for kind in entry.collection_of]
    return definition
