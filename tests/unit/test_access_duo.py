"""The use conditions of data against stated purposes: all terms of DUO, in three values."""

import csv
import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.access.duo import (
    CC,
    DS,
    GRU,
    GSO,
    HMB,
    NCU,
    NMDS,
    NPOA,
    NPU,
    NPUNCU,
    NRES,
    POA,
    PURPOSES,
    UNDERTAKINGS,
    Decision,
    Purpose,
    check_conditions,
    judge,
    read_purpose,
)
from node.reference.ontology import Ontologies
from schemas.errors import BadQuestion

ALLOW, HUMAN, DENY = Decision.ALLOW, Decision.HUMAN, Decision.DENY
DIABETES, TYPE_2, EPILEPSY = "MONDO:0005015", "MONDO:0005148", "MONDO:0005027"
MONDO = Ontologies()

# What each condition alone says to each purpose, with nothing undertaken: GRU, HMB, DS (type 2 diabetes),
# POA, CC, and a purpose that was not stated.
ORDER = (GRU, HMB, DS, POA, CC, None)
ALONE = {
    NRES: (ALLOW, ALLOW, ALLOW, ALLOW, ALLOW, ALLOW),
    GRU: (ALLOW, ALLOW, ALLOW, ALLOW, DENY, HUMAN),
    HMB: (DENY, ALLOW, ALLOW, DENY, DENY, HUMAN),
    DS: (DENY, DENY, HUMAN, DENY, DENY, HUMAN),  # its disease is not recorded
    POA: (DENY, DENY, DENY, ALLOW, DENY, HUMAN),
    # Modifiers, beside NRES, which permits everything.
    "DUO:0000012": (HUMAN,) * 6,
    NMDS: (HUMAN, ALLOW, ALLOW, ALLOW, ALLOW, HUMAN),
    GSO: (HUMAN,) * 6,
    NPUNCU: (HUMAN,) * 6,
    "DUO:0000019": (HUMAN,) * 6,
    "DUO:0000020": (HUMAN,) * 6,
    "DUO:0000021": (HUMAN,) * 6,
    "DUO:0000022": (HUMAN,) * 6,
    "DUO:0000024": (HUMAN,) * 6,
    "DUO:0000025": (HUMAN,) * 6,
    "DUO:0000026": (HUMAN,) * 6,
    "DUO:0000027": (HUMAN,) * 6,
    "DUO:0000028": (HUMAN,) * 6,
    "DUO:0000029": (HUMAN,) * 6,
    CC: (ALLOW,) * 6,
    NPOA: (HUMAN, ALLOW, ALLOW, DENY, ALLOW, HUMAN),
    NPU: (HUMAN,) * 6,
    NCU: (HUMAN,) * 6,
    # Classes of terms, which say nothing by themselves.
    "DUO:0000001": (DENY,) * 6,
    "DUO:0000017": (DENY,) * 6,
}
PERMISSIONS = {NRES, GRU, HMB, DS, POA}


def purpose(code: str | None, *undertaken: str) -> Purpose | None:
    if code is None:
        return None
    return Purpose(code, frozenset(undertaken), (TYPE_2,) if code == DS else ())


def conditions(code: str) -> tuple[str, ...]:
    return (code,) if code in PERMISSIONS else (NRES, code)


CASES = [
    pytest.param(code, stated, expected, id=f"{code} for {stated}")
    for code, row in ALONE.items()
    for stated, expected in zip(ORDER, row, strict=True)
]


@pytest.mark.parametrize(("code", "stated", "expected"), CASES)
def test_each_condition_alone_for_each_purpose(code: str, stated: str | None, expected: Decision) -> None:
    found = judge(conditions(code), purpose(stated), MONDO)
    assert found.decision is expected
    assert bool(found.reason) == (expected is not ALLOW)


@pytest.mark.shared
def test_no_term_of_the_ontology_is_left_out(shared: Path) -> None:
    with (shared / "data/reference/ontologies/duo.csv").open(encoding="utf-8") as file:
        terms = {row["id"] for row in csv.DictReader(file)}
    assert len(terms) == 25
    assert terms == ALONE.keys()


@pytest.mark.parametrize(
    ("condition", "undertaken", "expected"),
    [
        (GSO, (GSO,), ALLOW),
        (NPU, (NPU,), ALLOW),
        (NPU, (NPUNCU,), ALLOW),
        (NPU, (NCU,), HUMAN),
        (NCU, (NCU,), ALLOW),
        (NCU, (NPUNCU,), ALLOW),
        (NCU, (NPU,), HUMAN),
        (NPUNCU, (NPUNCU,), ALLOW),
        (NPUNCU, (NPU, NCU), ALLOW),
        (NPUNCU, (NPU,), HUMAN),
        (NPUNCU, (NCU,), HUMAN),
        (NMDS, (NMDS,), ALLOW),
        (NMDS, (NPOA,), HUMAN),
        (NPOA, (NPOA,), ALLOW),
    ],
)
def test_what_is_undertaken_satisfies_what_it_is_about(
    condition: str, undertaken: tuple[str, ...], expected: Decision
) -> None:
    assert judge((GRU, condition), purpose(GRU, *undertaken), MONDO).decision is expected


def test_prohibited_ancestry_research_is_not_allowed_by_an_undertaking() -> None:
    assert judge((GRU, NPOA), purpose(POA, NPOA), MONDO).decision is DENY


@pytest.mark.parametrize(
    ("held", "wanted", "expected"),
    [
        ((DIABETES,), (DIABETES,), ALLOW),
        ((DIABETES,), (TYPE_2,), ALLOW),  # a kind of it
        ((TYPE_2,), (DIABETES,), DENY),  # wider than it
        ((DIABETES,), (EPILEPSY,), DENY),
        ((DIABETES, EPILEPSY), (EPILEPSY,), ALLOW),
        ((DIABETES,), (TYPE_2, EPILEPSY), DENY),  # every disease of the purpose must be covered
        ((), (TYPE_2,), HUMAN),
    ],
)
def test_a_disease_is_covered_by_itself_and_what_is_above_it(
    held: tuple[str, ...], wanted: tuple[str, ...], expected: Decision
) -> None:
    assert judge((DS, *held), Purpose(DS, diseases=wanted), MONDO).decision is expected


def test_clinical_care_needs_the_permission_of_each_use() -> None:
    assert judge((GRU, CC), purpose(CC), MONDO).decision is ALLOW
    assert judge((DS, DIABETES, CC), purpose(CC), MONDO).decision is ALLOW
    assert judge((GRU,), purpose(CC), MONDO).decision is DENY


def test_the_worst_of_several_conditions_counts() -> None:
    assert judge((GRU, "DUO:0000021"), purpose(HMB), MONDO).decision is HUMAN
    assert judge((HMB, "DUO:0000021"), purpose(POA), MONDO).decision is DENY
    assert judge((GRU, HMB), purpose(GRU), MONDO).decision is DENY


@pytest.mark.parametrize("unknown", ["DUO:0000099", "ADAM:0000001", "nonsense", "duo:0000042", ""])
def test_an_unknown_condition_denies(unknown: str) -> None:
    assert judge((NRES, unknown), purpose(GRU), MONDO).decision is DENY


def test_diseases_without_their_condition_deny() -> None:
    assert judge((GRU, DIABETES), purpose(DS), MONDO).decision is DENY


def test_modifiers_alone_and_nothing_at_all_are_for_people() -> None:
    assert judge((NPU,), purpose(GRU, NPU), MONDO).decision is HUMAN
    assert judge((), purpose(GRU), MONDO).decision is HUMAN


codes = st.lists(st.sampled_from([*ALONE, DIABETES, EPILEPSY, "DUO:0000099"]), max_size=5, unique=True)
stated = st.builds(
    lambda code, undertaken: purpose(code, *undertaken),
    st.sampled_from(ORDER),
    st.sets(st.sampled_from(sorted(UNDERTAKINGS))),
)


@given(codes, stated, st.sampled_from(sorted(ALONE)))
def test_one_more_condition_never_allows_more(held: list[str], wanted: Purpose | None, more: str) -> None:
    """But for those that make others whole: CC permits care, DS has its diseases, all need a permission."""
    if more in (CC, DS) or not PERMISSIONS & set(held):
        return
    assert judge([*held, more], wanted, MONDO).decision >= judge(held, wanted, MONDO).decision


@given(codes, stated)
def test_the_order_of_conditions_means_nothing(held: list[str], wanted: Purpose | None) -> None:
    found = {judge(order, wanted, MONDO).decision for order in itertools.permutations(held)}
    assert len(found) == 1


@given(codes, stated)
def test_undertaking_more_never_allows_less(held: list[str], wanted: Purpose | None) -> None:
    if wanted is not None:
        all_of_them = Purpose(wanted.code, frozenset(UNDERTAKINGS), wanted.diseases)
        assert judge(held, all_of_them, MONDO).decision <= judge(held, wanted, MONDO).decision


# ---------------------------------------------------------------------------------- stating a purpose


@pytest.mark.parametrize("code", [code for code in PURPOSES if code != DS])
def test_a_purpose_is_read_as_it_is_written(code: str) -> None:
    assert read_purpose(code, MONDO) == Purpose(code)
    assert read_purpose(f" {code}, {NPU} ", MONDO) == Purpose(code, frozenset({NPU}))


def test_a_disease_belongs_to_its_purpose() -> None:
    found = read_purpose(f"{DS} {TYPE_2} {NCU}", MONDO)
    assert found == Purpose(DS, frozenset({NCU}), (TYPE_2,))
    assert read_purpose(str(found), MONDO) == found


@pytest.mark.parametrize(
    "text",
    [
        "",
        " , ",
        "research",
        "DUO:42",
        "duo:0000042",
        "DUO:0000099",
        "DUO:0000004",
        "DUO:0000021",
        f"{GRU} {HMB}",
        NPU,
        DS,
        f"{HMB} {TYPE_2}",
        f"{DS} MONDO:9999999",
        f"{DS} HP:0001250",
        GRU + " x" * 40,
        f"{GRU}; DROP TABLE audit",
        f"{GRU}\nDUO:0000006",
    ],
)
def test_what_is_not_understood_is_refused(text: str) -> None:
    with pytest.raises(BadQuestion):
        read_purpose(text, MONDO)


def test_conditions_that_could_only_be_denied_are_refused_when_a_dataset_is_made() -> None:
    check_conditions((DS, DIABETES, NPU, CC, "DUO:0000021"), MONDO)
    for bad in (("DUO:0000099",), (GRU, DIABETES), ("DUO:0000001",), (DS, "MONDO:9999999"), ("GRU",)):
        with pytest.raises(BadQuestion, match="use condition"):
            check_conditions(bad, MONDO)
