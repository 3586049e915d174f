"""Masks cancel when everybody is there, and hide whatever they cover when somebody is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.federation.sums.masks import MODULUS, MaskKey, total
from tests.matching_worlds import UNTIMED

values = st.lists(st.integers(0, 10**9), min_size=3, max_size=3)


def shares_of(cells: list[list[int]], context: bytes = b"round") -> list[tuple[int, ...]]:
    keys = {f"https://node{number}.example": MaskKey() for number in range(len(cells))}
    return [
        key.share(cell, node, {n: k.public for n, k in keys.items() if n != node}, context)
        for cell, (node, key) in zip(cells, keys.items(), strict=True)
    ]


@UNTIMED
@given(cells=st.lists(values, min_size=2, max_size=6))
def test_the_shares_of_everybody_add_up(cells: list[list[int]]) -> None:
    assert list(total(shares_of(cells))) == [sum(column) for column in zip(*cells, strict=True)]


@UNTIMED
@given(cells=st.lists(values, min_size=3, max_size=6), gone=st.integers(0, 5))
def test_the_shares_of_some_tell_nothing(cells: list[list[int]], gone: int) -> None:
    """Small numbers stay 2**40 away from any small number, but for one chance in a million."""
    shares = shares_of(cells)
    del shares[gone % len(shares)]
    for column in total(shares):
        assert 2**40 < column < MODULUS - 2**40
    for share in shares:
        assert all(2**40 < number < MODULUS - 2**40 for number in share)


def test_the_masks_of_one_round_are_not_those_of_another() -> None:
    one, other = MaskKey(), MaskKey()
    others = {"b": other.public}
    first, second = one.share([0, 0], "a", others, b"1"), one.share([0, 0], "a", others, b"2")
    assert not set(first) & set(second)
    assert first == one.share([0, 0], "a", others, b"1")
    assert len(set(first)) == 2


@pytest.mark.parametrize("public", [b"", bytes(31), bytes(32), bytes(33)], ids=["none", "31", "zero", "33"])
def test_a_key_that_gives_no_secret_is_refused(public: bytes) -> None:
    """Of the zero point everybody knows the secret."""
    with pytest.raises(ValueError):  # noqa: PT011  # the library says it in its own words
        MaskKey().share([1], "a", {"b": public}, b"")


def test_a_key_does_not_show_itself() -> None:
    assert repr(MaskKey()) == "MaskKey()"
