"""Who may see what: every role against every policy, visas exactly, and purposes against use conditions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.access.duo import CC, DS, GRU, HMB, POA, Purpose
from node.access.grant import REGISTERED_ACCESS, Rules
from node.access.principal import Anonymous, Caller, PeerPrincipal, Principal, Role, Visa
from node.reference.ontology import Ontologies
from schemas.access import Ceiling, Granularity, Policy, Tier
from schemas.genome import Assembly
from schemas.people import Dataset

NODE, NOW_S, LATER_S = "https://a.example", 1_000_000.0, 2_000_000.0
DATASETS = [Dataset(policy.value, Assembly.GRCH38, policy) for policy in Policy]
RULES = Rules(NODE, Ontologies(), clock=lambda: NOW_S)
BOOLEAN, COUNT, RECORD = Granularity.BOOLEAN, Granularity.COUNT, Granularity.RECORD


def visa(kind: str, value: str, by: str | None = "dac", **other: float) -> Visa:
    times = {"asserted_s": NOW_S - 10, "expires_s": LATER_S} | other
    return Visa("https://visas.example", "alice", kind, value, "https://dac.example", by, **times)


STATUS = visa("ResearcherStatus", REGISTERED_ACCESS, "so")
TERMS = visa("AcceptedTermsAndPolicies", REGISTERED_ACCESS, "self")


def controlled(value: str, by: str | None = "dac", **other: float) -> Visa:
    return visa("ControlledAccessGrants", value, by, **other)


def records(dataset: str) -> Visa:
    return controlled(f"{NODE}/beacon/datasets/{dataset}")


def counts(dataset: str) -> Visa:
    return controlled(f"{NODE}/beacon/datasets/{dataset}?granularity=count")


def caller(*visas: Visa, roles: set[Role] | None = None, expires_s: float = LATER_S) -> Caller:
    return Caller("https://login.example", "alice", "ui", expires_s, frozenset(roles or ()), visas=visas)


def told(principal: Principal, purpose: Purpose | None = None, *duo: str) -> dict[str, Granularity | None]:
    held = [Dataset(d.id, d.assembly, d.policy, duo=duo) for d in DATASETS]
    grant = RULES.decide(principal, held, purpose)
    return {name: ceiling.granularity for name, ceiling in grant.ceilings.items()}


NOTHING = {"open": RECORD, "public": None, "registered": None, "controlled": None}
YES_NO = NOTHING | {"public": BOOLEAN, "registered": BOOLEAN}
WHO: dict[str, tuple[Principal, dict[str, Granularity | None]]] = {
    "anonymous": (Anonymous(), NOTHING),
    "a peer": (PeerPrincipal("https://b.example"), NOTHING),
    "a peer for a registered researcher": (PeerPrincipal("https://b.example", Tier.REGISTERED), YES_NO),
    "a peer for an approved one": (
        PeerPrincipal("https://b.example", Tier.CONTROLLED),
        YES_NO | {"controlled": COUNT},
    ),
    "a peer that is told yes and no": (
        PeerPrincipal("https://b.example", Tier.CONTROLLED, BOOLEAN),
        {"open": BOOLEAN, "public": BOOLEAN, "registered": BOOLEAN, "controlled": BOOLEAN},
    ),
    "somebody signed in": (caller(), NOTHING),
    "a registered researcher": (caller(STATUS, TERMS), YES_NO),
    "a researcher by his role": (caller(roles={Role.RESEARCHER}), YES_NO),
    "half registered: status": (caller(STATUS), NOTHING),
    "half registered: terms": (caller(TERMS), NOTHING),
    "registered elsewhere": (caller(visa("ResearcherStatus", "https://x.example"), TERMS), NOTHING),
    "terms accepted by nobody": (
        caller(STATUS, visa("AcceptedTermsAndPolicies", REGISTERED_ACCESS, None)),
        NOTHING,
    ),
    "status that has ended": (
        caller(visa("ResearcherStatus", REGISTERED_ACCESS, "so", expires_s=NOW_S), TERMS),
        NOTHING,
    ),
    "approved for counts": (caller(counts("controlled")), NOTHING | {"controlled": COUNT}),
    "approved for records": (caller(records("controlled")), NOTHING | {"controlled": RECORD}),
    "approved for both": (
        caller(counts("controlled"), records("controlled")),
        NOTHING | {"controlled": RECORD},
    ),
    "approved for a registered dataset": (caller(records("registered")), NOTHING | {"registered": RECORD}),
    "an administrator": (caller(roles={Role.ADMINISTRATOR}), NOTHING),
    "a data-protection officer": (caller(roles={Role.DATA_PROTECTION_OFFICER}), NOTHING),
    "a clinician": (caller(roles={Role.CLINICIAN}), NOTHING),
    "a citizen": (caller(roles={Role.CITIZEN}), NOTHING),
    "whose sign-in has ended": (caller(STATUS, TERMS, records("controlled"), expires_s=NOW_S), NOTHING),
}


@pytest.mark.parametrize("who", WHO)
def test_every_role_has_its_ceiling_for_every_policy(who: str) -> None:
    principal, expected = WHO[who]
    assert told(principal) == expected


@pytest.mark.parametrize("who", WHO)
def test_whatever_is_refused_has_a_reason(who: str) -> None:
    for ceiling in RULES.decide(WHO[who][0], DATASETS).ceilings.values():
        assert bool(ceiling.reason) == (ceiling.granularity is None)


def test_counts_have_a_floor_and_records_none() -> None:
    assert RULES.decide(caller(counts("controlled")), DATASETS).ceiling("controlled") == Ceiling(
        COUNT, floor=10
    )
    assert RULES.decide(caller(records("controlled")), DATASETS).ceiling("controlled") == Ceiling(RECORD)
    narrow = PeerPrincipal("https://b.example", Tier.CONTROLLED, BOOLEAN)
    assert RULES.decide(narrow, DATASETS).ceiling("controlled") == Ceiling(BOOLEAN, floor=10)


FORGED = {
    "another dataset": records("other"),
    "another node": controlled("https://b.example/beacon/datasets/controlled"),
    "a longer name": controlled(f"{NODE}/beacon/datasets/controlled2"),
    "a slash at the end": controlled(f"{NODE}/beacon/datasets/controlled/"),
    "another scheme": controlled("http://a.example/beacon/datasets/controlled"),
    "capitals": controlled("https://A.example/beacon/datasets/controlled"),
    "a port": controlled("https://a.example:443/beacon/datasets/controlled"),
    "a user": controlled("https://x@a.example/beacon/datasets/controlled"),
    "a way around": controlled(f"{NODE}/beacon/datasets/x/../controlled"),
    "percent signs": controlled(f"{NODE}/beacon/datasets/%63ontrolled"),
    "more granularity": controlled(f"{NODE}/beacon/datasets/controlled?granularity=record"),
    "counts twice": controlled(f"{NODE}/beacon/datasets/controlled?granularity=count?granularity=count"),
    "the id alone": controlled("controlled"),
    "a fragment": controlled(f"{NODE}/beacon/datasets/controlled#"),
    "a space": controlled(f"{NODE}/beacon/datasets/controlled "),
    "everything": controlled("*"),
    "the root": controlled(f"{NODE}/beacon/datasets/"),
    "by nobody": controlled(f"{NODE}/beacon/datasets/controlled", None),
    "by himself": controlled(f"{NODE}/beacon/datasets/controlled", "self"),
    "by a signing official": controlled(f"{NODE}/beacon/datasets/controlled", "so"),
    "of another type": visa("AffiliationAndRole", f"{NODE}/beacon/datasets/controlled"),
    "one that has ended": controlled(f"{NODE}/beacon/datasets/controlled", expires_s=NOW_S),
    "one from the future": controlled(f"{NODE}/beacon/datasets/controlled", asserted_s=NOW_S + 1),
}


@pytest.mark.parametrize("name", FORGED)
def test_a_visa_is_good_for_exactly_what_it_names(name: str) -> None:
    assert told(caller(FORGED[name])) == NOTHING


def test_a_dataset_may_be_named_percent_encoded() -> None:
    held = [Dataset("a:b", Assembly.GRCH38, Policy.CONTROLLED)]
    for name in ("a:b", "a%3Ab"):
        assert RULES.decide(caller(records(name)), held).ceiling("a:b").granularity is RECORD
    assert RULES.decide(caller(records("a%3ab")), held).ceiling("a:b").granularity is None


# ------------------------------------------------------------------------------------ use conditions

RESEARCHER, HOLDER = caller(STATUS, TERMS), caller(STATUS, TERMS, records("controlled"))
TYPE_2 = Purpose(DS, diseases=("MONDO:0005148",))


@pytest.mark.parametrize(
    ("purpose", "duo", "expected"),
    [
        (None, (GRU,), BOOLEAN),  # registered researchers do research
        (None, (HMB,), None),  # but which, they have to say
        (Purpose(HMB), (HMB,), BOOLEAN),
        (Purpose(POA), (HMB,), None),
        (TYPE_2, (DS, "MONDO:0005015"), BOOLEAN),
        (TYPE_2, (DS, "MONDO:0005027"), None),
        (Purpose(GRU), (GRU, "DUO:0000021"), None),  # somebody has to decide
        (Purpose(GRU), ("DUO:0000099",), None),
        (Purpose(CC), (GRU, CC), None),  # no clinician
    ],
)
def test_registered_data_is_for_what_it_may_be_used_for(
    purpose: Purpose | None, duo: tuple[str, ...], expected: Granularity | None
) -> None:
    assert told(RESEARCHER, purpose, *duo)["registered"] is expected


@pytest.mark.parametrize(
    ("purpose", "duo", "expected"),
    [
        (None, (GRU,), RECORD),  # the committee knows what for
        (None, (HMB, "DUO:0000021"), RECORD),
        (Purpose(GRU), (GRU, "DUO:0000021"), RECORD),
        (Purpose(POA), (HMB,), None),  # what the conditions forbid, no committee opens
        (TYPE_2, (DS, "MONDO:0005027"), None),
        (None, ("DUO:0000099",), None),
        (Purpose(CC), (GRU, CC), None),
    ],
)
def test_a_committee_decides_what_a_machine_cannot(
    purpose: Purpose | None, duo: tuple[str, ...], expected: Granularity | None
) -> None:
    assert told(HOLDER, purpose, *duo)["controlled"] is expected


def test_a_clinician_may_ask_for_care_where_that_is_permitted() -> None:
    clinician = caller(records("controlled"), roles={Role.CLINICIAN})
    assert told(clinician, Purpose(CC), GRU, CC)["controlled"] is RECORD
    assert told(clinician, Purpose(CC), GRU)["controlled"] is None


def test_the_purpose_goes_with_the_grant() -> None:
    assert RULES.decide(RESEARCHER, DATASETS, TYPE_2).purpose == "DUO:0000007 MONDO:0005148"
    assert RULES.decide(RESEARCHER, DATASETS).purpose == ""


def test_a_dataset_nobody_decided_on_is_closed() -> None:
    assert RULES.decide(Anonymous(), DATASETS).ceiling("another").granularity is None


def test_callers_have_stable_names() -> None:
    assert RULES.decide(Anonymous(), []).principal == "anonymous"
    assert RULES.decide(PeerPrincipal("https://b.example"), []).principal == "peer https://b.example"
    assert RULES.decide(RESEARCHER, []).principal == "https://login.example alice"


ranks = {None: -1, BOOLEAN: 0, COUNT: 1, RECORD: 2}
visas = st.lists(
    st.sampled_from(
        [STATUS, TERMS, *FORGED.values(), *(make(d.id) for d in DATASETS for make in (counts, records))]
    ),
    max_size=6,
)
roles = st.sets(st.sampled_from(list(Role)))
purposes = st.sampled_from([None, Purpose(GRU), Purpose(HMB), TYPE_2, Purpose(POA), Purpose(CC)])
duo = st.lists(st.sampled_from([GRU, HMB, DS, CC, "DUO:0000021", "DUO:0000099"]), max_size=3, unique=True)


@given(visas, roles, purposes, duo)
def test_nobody_sees_less_for_being_somebody(
    held: list[Visa], has: set[Role], purpose: Purpose | None, conditions: list[str]
) -> None:
    """Anonymous callers see the least; and no role but the researcher's opens anything."""
    somebody, nobody = (
        told(caller(*held, roles=has), purpose, *conditions),
        told(Anonymous(), purpose, *conditions),
    )
    assert all(ranks[somebody[name]] >= ranks[nobody[name]] for name in nobody)
    without = told(caller(*held, roles=has & {Role.RESEARCHER, Role.CLINICIAN}), purpose, *conditions)
    assert somebody == without


@given(visas, purposes, duo)
def test_records_are_for_visas_of_that_very_dataset(
    held: list[Visa], purpose: Purpose | None, conditions: list[str]
) -> None:
    for name, granularity in told(caller(*held, roles=set(Role)), purpose, *conditions).items():
        if granularity is RECORD and name != "open":
            assert records(name) in held
        if granularity is COUNT:
            assert counts(name) in held
