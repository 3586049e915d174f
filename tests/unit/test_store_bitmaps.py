"""Sets of people as bytes: whatever form is chosen, it is the same set."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap

from node.store.bitmaps import (
    decode,
    decode_part,
    decode_set,
    encode,
    encode_each,
    encode_each_part,
    encode_part,
    encode_set,
    mask_of,
    touches,
)

PEOPLE = st.one_of(
    st.sets(st.integers(0, 200)),
    st.sets(st.integers(0, 200_000), max_size=30),
    # Runs and thick patches, where bitsets and roaring bitmaps win.
    st.builds(
        lambda first, size, step: set(range(first, first + size, step)),
        st.integers(0, 140_000),
        st.integers(0, 20_000),
        st.sampled_from((1, 2, 3, 40)),
    ),
)


@given(PEOPLE)
def test_a_set_comes_back(people: set[int]) -> None:
    blob = encode(np.array(sorted(people), np.int64))
    assert decode(blob).tolist() == sorted(people)
    assert decode_set(blob) == BitMap(people)
    assert encode_set(BitMap(people)) == blob
    assert (blob is None) == (not people)


@given(PEOPLE.filter(bool))
def test_the_form_is_no_longer_than_a_list_or_a_bitset(people: set[int]) -> None:
    width = 2 if max(people) < 65_536 else 4
    blob = encode(np.array(sorted(people), np.int64))
    assert blob is not None
    assert len(blob) <= 1 + min(width * len(people), 5 + max(people) // 8)


@given(st.lists(PEOPLE.filter(bool), max_size=6), PEOPLE)
def test_touching_is_having_somebody_in_common(sets: list[set[int]], asked: set[int]) -> None:
    blobs = [encode(np.array(sorted(people), np.int64)) or b"" for people in sets]
    found = touches(blobs, mask_of(BitMap(asked), 200_001))
    assert found.tolist() == [bool(people & asked) for people in sets]


@given(st.lists(st.tuples(PEOPLE.filter(bool), PEOPLE), max_size=6))
def test_a_part_comes_back_whether_alone_or_among_others(sets: list[tuple[set[int], set[int]]]) -> None:
    wholes = [np.array(sorted(whole), np.int64) for whole, _ in sets]
    parts = [np.array(sorted(whole & part), np.int64) for whole, part in sets]
    alone = [encode_part(part, whole) for part, whole in zip(parts, wholes, strict=True)]
    back = [decode_part(one, encode(whole) or b"") for one, whole in zip(alone, wholes, strict=True)]
    assert [one.tolist() for one in back] == [part.tolist() for part in parts]
    ends = np.cumsum([0, *(whole.size for whole in wholes)])
    together = np.concatenate([np.empty(0, np.int64), *wholes])
    chosen = [np.isin(whole, part) for whole, part in zip(wholes, parts, strict=True)]
    assert encode_each_part(together, ends, np.concatenate([np.empty(0, np.bool_), *chosen])) == alone
    assert encode_each(together, ends) == [encode(whole) for whole in wholes]
