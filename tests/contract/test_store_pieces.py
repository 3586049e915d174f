"""Questions about many alleles at once, which are counted in pieces that are kept from one to the next."""

import random
from pathlib import Path

import numpy as np
import pytest
from pyroaring import BitMap

from node.config import IngestSection
from node.store import open_store, overview
from node.store.compaction import compact
from node.store.ingest import ingest
from node.store.pieces import Longs, Piece, Pieces
from node.store.scrubbing import scrub
from node.store.withdrawal import withdraw
from schemas.genome import Assembly, Interval
from schemas.ports import Page
from schemas.questions import BracketQuery, RangeQuery, VariantQuery
from tests import engines, vcfs

CHR20 = vcfs.CONTIGS[0]
PEOPLE = 150
ALL = Page(0, 100_000)


def made(seed: int, first: int, people: int) -> vcfs.Vcf:
    """Alleles over two megabases: many with few carriers, some with many, some long."""
    draw = random.Random(seed)
    lines = []
    for position in draw.sample(range(900_000, 2_100_000), 1500):
        share = draw.choice((0.01, 0.02, 0.3, 0.9))
        genotypes = tuple("0|1" if draw.random() < share else "0|0" for _ in range(people))
        if draw.random() < 0.05:
            end = position + draw.choice((3, 300, 5_000, 900_000))
            lines.append(vcfs.Line("20", position, "N", ("<DEL>",), genotypes, info=f"END={end}"))
        else:
            lines.append(vcfs.Line("20", position, "A", (draw.choice("CGT"),), genotypes))
    return vcfs.Vcf(tuple(f"P{first + n}" for n in range(people)), vcfs.in_order(lines))


def questions() -> list[VariantQuery]:
    edges = (0, 900_000, 1_048_575, 1_048_576, 1_048_577, 1_310_720, 1_500_001, 2_097_152, 2_100_000)
    found: list[VariantQuery] = [
        RangeQuery(Interval(CHR20, left, right)) for left in edges for right in edges if left <= right
    ]
    window = Interval(CHR20, 1_000_000, 1_600_000)
    return [*found, BracketQuery(window, window), BracketQuery(window, Interval(CHR20, 1_900_000, 2_900_000))]


@pytest.mark.parametrize("shared_people", [False, True])
def test_counts_are_those_of_the_alleles_found(
    tmp_path: Path, new_database: engines.NewDatabase, shared_people: bool
) -> None:
    """Asked twice, over files that come, people who leave, and rows that are merged and deleted."""
    engine = vcfs.new_node(
        tmp_path / "node", vcfs.open_dataset("here", Assembly.GRCH37), url=new_database(tmp_path)
    )
    store = open_store(engine)
    draw = random.Random(5)

    def check() -> None:
        asked = (None, BitMap(draw.sample(range(PEOPLE), 15)), BitMap([draw.randrange(PEOPLE)]), BitMap())
        for people in asked:
            for query in draw.sample(questions(), 12):
                wanted = len(store.find("here", query, ALL, people))
                assert [store.count("here", query, people) for _ in range(2)] == [wanted, wanted]

    first_of_second = 60 if shared_people else 100
    for seed, first, people in ((1, 0, 100), (2, first_of_second, 50)):
        path = made(seed, first, people).write(tmp_path / f"{seed}.vcf")
        ingest(engine, IngestSection(), path, "here")
        check()
    withdraw(engine, "P3")
    check()
    withdraw(engine, f"P{first_of_second + 5}")
    compact(engine, "here")
    check()
    scrub(engine)
    check()
    store.close()
    engine.dispose()


def test_what_is_kept_is_of_one_state_and_no_more_than_has_room() -> None:
    kept, some = Pieces(), Piece.of([(1, n, n + 1, 0, b"h\0\0") for n in range(1000)], 8, once=True)
    kept.keep(1, (1, 1), some)
    assert kept.get(1, (1, 1)) is some
    assert kept.get(2, (1, 1)) is None
    assert kept.get(1, (1, 1)) is None  # a reader who is behind
    kept.keep(1, (1, 1), some)
    assert kept.get(2, (1, 1)) is None
    most = (64 << 20) // some.size_bytes
    for number in range(most + 2):
        kept.keep(2, (1, number), some)
    assert kept.get(2, (1, 0)) is None
    assert kept.get(2, (1, most + 1)) is some


def test_levels_of_long_alleles_that_may_reach_a_place() -> None:
    few = Longs({1: np.array([(100, 500), (200, 900)]), 3: np.array([(50, 30_000)])})
    assert few.levels(49, 49) == ()
    assert few.levels(600, 600) == (1, 3)
    assert few.levels(1_000, 1_000) == (3,)
    assert few.levels(40_000, 40_000) == ()
    assert Longs({1: None}).levels(5, 5) == (1,)
    assert Longs({}).levels(5, 5) == ()


def test_of_very_many_people_nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overview, "_MOST_KEPT_PEOPLE", 50)
    monkeypatch.setattr(overview, "_BATCH_BYTES", 1000)
    engine = vcfs.new_node(tmp_path / "node", vcfs.open_dataset("here", Assembly.GRCH37))
    ingest(engine, IngestSection(), made(1, 0, 100).write(tmp_path / "1.vcf"), "here")
    store, draw = open_store(engine), random.Random(5)
    for people in (BitMap(draw.sample(range(100), 10)), BitMap([7]), BitMap()):
        for query in draw.sample(questions(), 12):
            assert store.count("here", query, people) == len(store.find("here", query, ALL, people))
    store.close()
    engine.dispose()
