"""Lines that are read many at a time say what they say when each is read alone."""

import random
from collections.abc import Iterator
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.store.abreast import Abreast, Line
from node.store.layout import Row
from node.store.reader import Record
from node.store.rows import RowMaker
from node.store.scanner import scan
from node.store.tally import tally
from schemas.errors import BadInput, Place
from schemas.genome import Assembly, Contig

CHR20 = Contig.read("20", Assembly.GRCH37)
KINDS = ("0|0 0|0 0|1 1|0 1|1 .|.", "0/0 0/0 0/1 1/1 ./.", "0|0 0|1 0/1 1/0 ./.", "0|0 0|1 .|1 0|2", ".|.")


def records(seed: int, people: int, lines: int) -> list[Record]:
    draw = random.Random(seed)
    made = []
    for n in range(lines):
        kind, form = draw.choices(KINDS, (12, 6, 1, 1, 1))[0].split(), draw.choice((b"GT",) * 9 + (b"GT:DP",))
        rest = b"" if form == b"GT" else b":7"
        text = b"\t".join(draw.choice(kind).encode() + rest for _ in range(people))
        alternates = draw.choice((b"C",) * 9 + (b"C,G", b"<DEL>", b"*"))
        alternates = b"C,G" if b"2" in text else alternates
        first = 1000 + n // 2  # some lines are of one allele
        made.append(Record(n, CHR20, first, b".", b"A", alternates, b".", b"PASS", b"END=2000", form, text))
    return made


def sizes() -> st.SearchStrategy[tuple[int, int, int]]:
    return st.tuples(st.integers(0, 1 << 32), st.integers(2, 60), st.integers(0, 200))


@given(sizes())
def test_a_line_says_what_the_scanner_finds_in_it(size: tuple[int, int, int]) -> None:
    _, people, _ = size
    ordinals, made = np.arange(7, 7 + people), records(*size)
    found = list(Abreast(ordinals).lines(iter(made)))
    assert [record for record, _ in found] == made
    for record, line in found:
        if line is None:
            continue
        calls = scan(record.form, record.text, people, 1)
        assert calls is not None
        held = calls.of(1)
        alone = tally(calls, 1, held)
        assert (line.carriers, line.uncalled) == (alone.carriers.size, alone.uncalled.size)
        for one in (field.name for field in fields(alone)):
            if one != "phases":
                assert np.array_equal(getattr(line.tally, one), getattr(alone, one))
        assert (line.tally.phases is None) == (held.phased is None)
        if line.tally.phases is not None and held.phased is not None:
            assert np.array_equal(line.tally.phases.people, held.phased.columns)
            assert np.array_equal(line.tally.phases.is_second, held.phased.is_second)


class Slow(RowMaker):
    """Reads line by line, and lets every allele wait for the next line."""

    def _ahead(self, records: Iterator[Record]) -> Iterator[tuple[Record, Line | None]]:
        return ((record, None) for record in records)

    def _take_alone(self, _record: Record, _line: Line | None) -> bool:
        return False


def rows(kind: type[RowMaker], made: list[Record], people: int) -> list[Row]:
    maker = kind("file", 1, 1, np.arange(7, 7 + people), False, lambda *_: None)
    return list(maker.rows(iter(made)))


@given(sizes())
def test_rows_are_those_of_lines_read_alone(size: tuple[int, int, int]) -> None:
    made = records(*size)
    assert rows(RowMaker, made, size[1]) == rows(Slow, made, size[1])


@given(st.integers(0, 1 << 32), st.integers(0, 60))
def test_rows_of_one_person_are_those_of_lines_looked_into(seed: int, lines: int) -> None:
    draw = random.Random(seed)
    made, first = [], 100
    for n in range(lines):
        first += draw.choice((0, 0, 1, 5))
        form, rest = draw.choice(
            ((b"GT", ""), (b"GT:DP", ":7"), (b"GT:PS", ":55"), (b"GT:PGT:PID", ":0|1:9"))
        )
        text = draw.choice(("0|1", "1|0", "0/1", "1/1", "1|1", "0/0", "./.", ".|1", "1", "0/1/1")) + rest
        reference, alternate = draw.sample((b"A", b"C", b"G", b"AT"), 2)
        names, filters = draw.choice((b".", b"rs1;rs2")), draw.choice((b"PASS", b".", b"q10;s50"))
        quality, said = draw.choice((b".", b"30", b"1e400", b"nan")), text.encode()
        made.append(Record(n, CHR20, first, names, reference, alternate, quality, filters, b".", form, said))
    assert rows(RowMaker, made, 1) == rows(Slow, made, 1)


def test_a_fault_comes_after_all_that_was_before_it() -> None:
    def faulty() -> Iterator[Record]:
        yield from records(1, 3, 100)
        raise BadInput(Place("file", 101), "it is cut off", "Copy it again.")

    read = Abreast(np.arange(3)).lines(faulty())
    seen: list[int] = []
    with pytest.raises(BadInput):
        seen.extend(record.line for record, _ in read)
    assert seen == list(range(100))


def test_most_lines_are_read_abreast() -> None:
    text = b"0|1\t1|1\t.|."
    made = [Record(n, CHR20, n + 1, b".", b"A", b"C", b".", b"PASS", b".", b"GT", text) for n in range(500)]
    assert all(line is not None for _, line in Abreast(np.arange(3)).lines(iter(made)))
