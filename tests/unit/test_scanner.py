"""Genotype text: the quick reading and the exact one agree, and what is no genotype is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.store.scanner import BadGenotype, SiteCalls, _exact, scan

ALTERNATES = 3
SHAPES = {b"GT": "{}", b"GT:AD:DP": "{}:3,4:7", b"DP:GT": "7:{}"}


def genotypes(ploidies: tuple[int, ...]) -> st.SearchStrategy[str]:
    allele = st.sampled_from("000123.")
    one = st.sampled_from(ploidies).flatmap(lambda n: st.lists(allele, min_size=n, max_size=n))
    return st.builds(lambda alleles, separator: separator.join(alleles), one, st.sampled_from("/|"))


def told(calls: SiteCalls | None) -> object:
    assert calls is not None
    odd = [(call.column, call.alleles) for call in calls.odd]
    groups = [
        [part.tolist() for part in (calls.of(n).carriers, calls.of(n).homs, calls.of(n).hemis)]
        for n in range(1, ALTERNATES + 1)
    ]
    return calls.an, calls.uncalled.tolist(), calls.single.tolist(), odd, groups


@given(
    st.sampled_from(((2,), (1,), (1, 2), (1, 2, 3))).flatmap(
        lambda ploidies: st.lists(genotypes(ploidies), min_size=1, max_size=12)
    ),
    st.sampled_from(sorted(SHAPES)),
)
def test_both_readings_agree(samples: list[str], form: bytes) -> None:
    text = "\t".join(SHAPES[form].format(call) for call in samples).encode()
    assert told(scan(form, text, len(samples), ALTERNATES)) == told(
        _exact(form, text, len(samples), ALTERNATES)
    )


@given(st.text("01/|.:\t 9a-", max_size=24), st.integers(1, 4))
def test_any_text_is_read_the_same_or_refused(text: str, samples: int) -> None:
    """Nothing that the exact reading refuses is believed by the quick one, and nothing else is refused."""
    readings = []
    for read in (scan, _exact):
        try:
            readings.append(told(read(b"GT", text.encode(), samples, ALTERNATES)))
        except BadGenotype:
            readings.append(None)
    assert readings[0] == readings[1]


@pytest.mark.parametrize(
    ("genotype", "an", "carriers", "homs", "hemis"),
    [
        ("0/0", 2, [], [], []),
        ("0|1", 2, [1], [], []),
        ("1/1", 2, [1], [1], []),
        ("1/2", 2, [1], [], []),
        ("./1", 1, [1], [], []),
        ("1", 1, [1], [], [1]),
        (".", 0, [], [], []),
        ("./.", 0, [], [], []),
        ("0/1/1", 3, [1], [], []),
        ("1/1/1", 3, [1], [1], []),
        ("1/1/.", 2, [1], [1], []),
        ("|0|1", 2, [1], [], []),
    ],
)
def test_what_a_genotype_means(
    genotype: str, an: int, carriers: list[int], homs: list[int], hemis: list[int]
) -> None:
    calls = scan(b"GT", f"0/0\t{genotype}\t0|0".encode(), 3, 2)
    assert calls is not None
    held = calls.of(1)
    found = (calls.an - 4, held.carriers.tolist(), held.homs.tolist(), held.hemis.tolist())
    assert found == (an, carriers, homs, hemis)


def test_an_allele_of_two_digits() -> None:
    calls = scan(b"GT", b"0/11\t11/11\t1/1", 3, 11)
    assert calls is not None
    assert calls.of(11).carriers.tolist() == [0, 1]
    assert calls.of(11).homs.tolist() == [1]
    assert calls.of(1).carriers.tolist() == [2]


def test_trailing_fields_may_be_left_out() -> None:
    calls = scan(b"DP:GT", b"7\t7:0/1", 2, 1)
    assert calls is not None
    assert calls.uncalled.tolist() == [0]
    assert calls.of(1).carriers.tolist() == [1]


def test_no_gt_is_no_calls() -> None:
    assert scan(b"CN:DP", b"2:3\t2:4", 2, 1) is None


@pytest.mark.parametrize(
    ("form", "text"),
    [
        (b"GT", b"0/1"),
        (b"GT", b"0/1\t0/0\t0/0"),
        (b"GT", b"0/1\t"),
        (b"GT", b"0/1\t0/2"),
        (b"GT", b"0/1\t0-1"),
        (b"GT", b"0/1\tx"),
        (b"GT:DP", b"0/1:3\t0/:4"),
        (b"DP", b"3"),
        (b"GT", b"0/1\t0 1"),
    ],
)
def test_what_is_no_genotype_is_refused(form: bytes, text: bytes) -> None:
    with pytest.raises(BadGenotype):
        scan(form, text, 2, 1)
