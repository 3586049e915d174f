"""Somebody withdraws: every name finds him, nothing brings him back, and scrubbing leaves no byte of him."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from node import db
from node.config import IngestSection
from node.people import Format, biosamples, import_people, people
from node.roster import DatabasePeople
from node.store import open_store
from node.store.catalogue import held_files
from node.store.compaction import compact
from node.store.ingest import ingest
from node.store.inspection import check_index
from node.store.layout import COLUMNS
from node.store.scrubbing import scrub
from node.store.withdrawal import bring_back, withdraw
from schemas.errors import BadInput
from schemas.genome import Assembly, Contig, Interval
from schemas.ports import Page
from schemas.questions import RangeQuery
from tests import vcfs

CHR20 = Contig.read("20", Assembly.GRCH37)
WHOLE = RangeQuery(Interval(CHR20, 0, CHR20.length_bp))
LIMITS = IngestSection()
SECRET = "ZEBRA-SAMPLE-7041"
SAMPLES = (*(f"P{n}" for n in range(40)), SECRET)
FEMALE = {"id": "NCIT:C16576", "label": "female"}
KNOWN = {"biosampleStatus": FEMALE, "sampleOriginType": FEMALE}
RECORDS = [
    {"id": "patient-zebra", "sex": FEMALE, "info": {"note": "rare-zebra-note"}},
    {"id": "patient-1", "sex": FEMALE},
]
TAKEN = [
    {"id": "zebra-blood", "individualId": "patient-zebra", **KNOWN},
    {"id": SECRET, "individualId": "patient-zebra", **KNOWN},
]


def cohort() -> vcfs.Vcf:
    """He alone carries the first allele, with every second person the second, and lacks the third."""
    half = ["0/1" if n % 2 == 0 else "0/0" for n in range(40)]
    lines = (
        vcfs.Line("20", 100, "A", ("C",), ("0/0",) * 40 + ("0/1",)),
        vcfs.Line("20", 200, "G", ("T",), (*half, "1/1")),
        vcfs.Line("20", 300, "G", ("T",), (*half, "./.")),
        vcfs.Line("20", 400, "G", ("T",), (*half, "0/0/1")),
    )
    return vcfs.Vcf(SAMPLES, lines)


@pytest.fixture
def vcf(tmp_path: Path) -> Path:
    return cohort().write(tmp_path / "cohort.vcf.gz")


@pytest.fixture
def engine(tmp_path: Path, vcf: Path) -> Iterator[Engine]:
    made = vcfs.new_node(tmp_path / "node", vcfs.open_dataset("here"), vcfs.open_dataset("there"))
    ingest(made, LIMITS, vcf, "here")
    bring_records(made, tmp_path)
    yield made
    made.dispose()


def bring_records(engine: Engine, folder: Path) -> list[int]:
    """The clinical records; how many were left out of each file."""
    left_out = []
    for name, content in (("individuals", RECORDS), ("biosamples", TAKEN)):
        path = folder / f"{name}.json"
        path.write_text(json.dumps(content))
        left_out.append(import_people(engine, "here", path, Format.BFF).left_out)
    return left_out


def state(engine: Engine) -> tuple[object, ...]:
    """Everything an answer is made of."""
    store, roster = open_store(engine), DatabasePeople(engine)
    told = store.people("here"), store.find("here", WHOLE, Page(0, 100)), store.count("here", WHOLE)
    ledgers = roster.roster("here").ledgers
    ids = {entry: ledger.ids for entry, ledger in ledgers.items()}
    records = {entry: roster.records("here", entry, list(names)) for entry, names in ids.items()}
    store.close()
    return *told, ids, records, people(engine, "here"), biosamples(engine, "here")


def figures(engine: Engine) -> list[tuple[int, ...]]:
    """First base, AC and AN of every allele."""
    store = open_store(engine)
    found = store.find("here", WHOLE, Page(0, 10_000))
    store.close()
    return [(one.allele.interval.start + 1, one.counts.ac, one.counts.an) for one in found]


WITH_HIM = [(100, 1, 82), (200, 22, 82), (300, 20, 80), (400, 21, 83)]
WITHOUT_HIM = [(200, 20, 80), (300, 20, 80), (400, 20, 80)]


@pytest.mark.parametrize("name", ["patient-zebra", "zebra-blood", SECRET])
@pytest.mark.parametrize("dataset", ["here", None])
def test_any_of_his_names_takes_him_out_and_back(engine: Engine, name: str, dataset: str | None) -> None:
    before, reader = state(engine), open_store(engine)
    assert reader.count("here", WHOLE) == 4
    assert figures(engine) == WITH_HIM
    (done,) = withdraw(engine, name, dataset)
    assert (done.dataset, done.samples, done.records) == ("here", 1, 3)
    assert figures(engine) == WITHOUT_HIM
    assert reader.count("here", WHOLE) == 3  # a reader that was open already
    told = repr(state(engine))
    assert not any(secret in told for secret in (SECRET, "zebra"))
    (back,) = bring_back(engine, "patient-zebra")
    assert (back.samples, back.records, back.was_scrubbed, back.files) == (1, 3, False, ())
    assert state(engine) == before
    reader.close()


def test_nothing_brings_him_back(engine: Engine, tmp_path: Path, vcf: Path) -> None:
    withdraw(engine, SECRET)
    copy = vcfs.Vcf(SAMPLES, (vcfs.Line("20", 900, "A", ("C",), ("0/1",) * 41),)).write(tmp_path / "more.vcf")
    report = ingest(engine, LIMITS, copy, "here")
    assert report.people == 40
    assert report.skipped[-1] == (0, "1 samples of people who have withdrawn are left out")
    assert figures(engine) == [*WITHOUT_HIM, (900, 40, 80)]
    assert bring_records(engine, tmp_path) == [1, 2]
    alone = vcfs.Vcf((SECRET,), (vcfs.Line("20", 950, "A", ("C",), ("0/1",)),)).write(tmp_path / "alone.vcf")
    with pytest.raises(BadInput, match="everybody in it has withdrawn"):
        ingest(engine, LIMITS, alone, "here")
    assert SECRET not in repr(state(engine))
    scrub(engine)
    assert ingest(engine, LIMITS, vcf, "here", replace=True).people == 40
    assert figures(engine) == [*WITHOUT_HIM, (900, 40, 80)]
    assert bring_records(engine, tmp_path) == [1, 2]
    assert ingest(engine, LIMITS, copy, "there").people == 41  # another dataset is another matter


def files_of(engine: Engine) -> bytes:
    path = Path(str(engine.url.database))
    return b"".join(one.read_bytes() for one in path.parent.iterdir() if one.name.startswith(path.name))


@pytest.mark.parametrize("rebuild", [False, True])
@pytest.mark.parametrize("merged", [False, True])
def test_scrubbing_leaves_no_byte_of_him(engine: Engine, tmp_path: Path, rebuild: bool, merged: bool) -> None:
    """None of his names, his records, or the sets of people he was in."""
    for name in ("P50", "P51"):
        line = vcfs.Line("20", 200, "G", ("T",), ("0/1",))
        ingest(engine, LIMITS, vcfs.Vcf((name,), (line,)).write(tmp_path / f"{name}.vcf"), "here")
    with engine.connect() as connection:
        places = sa.select(db.variant.c.start, db.variant.c.carriers).where(db.variant.c.seg == 1)
        sets = dict(map(tuple, connection.execute(places)))
    with_him, without_him = {bytes(sets[199]), bytes(sets[399])}, bytes(sets[299])
    names = [SECRET.encode(), b"patient-zebra", b"zebra-blood", b"rare-zebra-note"]
    held = files_of(engine)
    assert all(one in held for one in (*names, *with_him, without_him))
    if merged:
        assert compact(engine, "here").files == 3
    withdraw(engine, SECRET)
    report = scrub(engine, rebuild=rebuild)
    assert report.is_log_empty
    assert (report.people, report.dropped) == (1, 1)
    held = files_of(engine)
    assert without_him in held
    assert not any(one in held for one in (*names, *with_him))
    assert figures(engine) == [(200, 22, 84), *WITHOUT_HIM[1:]]
    assert check_index(engine, LIMITS, whole=True) == []
    again = scrub(engine)
    assert (again.people, again.rows) == (0, 0)


def test_back_after_scrubbing_means_taking_the_file_anew(engine: Engine, tmp_path: Path, vcf: Path) -> None:
    before = figures(engine)
    withdraw(engine, SECRET)
    scrub(engine)
    (back,) = bring_back(engine, SECRET)
    assert back.was_scrubbed
    assert back.files == (str(vcf),)
    assert ingest(engine, LIMITS, vcf, "here").already
    assert figures(engine) == WITHOUT_HIM
    assert not ingest(engine, LIMITS, vcf, "here", replace=True).already
    assert figures(engine) == before
    assert bring_records(engine, tmp_path) == [0, 0]
    assert ingest(engine, LIMITS, vcf, "here", replace=True).already


def test_whoever_withdraws_while_his_file_is_read_never_appears(engine: Engine, tmp_path: Path) -> None:
    lines = tuple(vcfs.Line("20", 1000 + n, "A", ("C",), ("0/1",) * 41) for n in range(5000))
    path, seen = vcfs.Vcf(SAMPLES, lines).write(tmp_path / "more.vcf"), []

    def watch(_done: float, what: str) -> None:
        if "alleles" in what and not seen:
            withdraw(engine, SECRET)
            seen.append(figures(engine))

    ingest(engine, LIMITS, path, "here", progress=watch)
    assert seen == [WITHOUT_HIM]
    assert {figure[1:] for figure in figures(engine) if figure[0] >= 1000} == {(40, 80)}
    assert [file.people for file in held_files(engine, "here")] == [40, 40]
    scrub(engine)
    assert {figure[1:] for figure in figures(engine) if figure[0] >= 1000} == {(40, 80)}
    assert check_index(engine, LIMITS, whole=True) == []


def test_who_is_not_there_cannot_leave(engine: Engine) -> None:
    with pytest.raises(BadInput, match="nobody of this name"):
        withdraw(engine, "P999")
    with pytest.raises(BadInput, match="no dataset"):
        withdraw(engine, SECRET, "nowhere")
    with pytest.raises(BadInput, match="nobody of this name"):
        withdraw(engine, SECRET, "there")
    with pytest.raises(BadInput, match="nobody of this name"):
        bring_back(engine, SECRET)


def test_there_is_no_way_back_from_half_a_scrubbing(engine: Engine) -> None:
    withdraw(engine, SECRET)
    with engine.begin() as connection:
        connection.execute(sa.update(db.withdrawn).values(going=True))
    with pytest.raises(BadInput, match="being deleted"):
        bring_back(engine, SECRET)
    scrub(engine)
    assert bring_back(engine, SECRET)[0].was_scrubbed


def test_doctor_sees_a_wrong_count_and_a_row_too_many(engine: Engine, vcf: Path) -> None:
    assert check_index(engine, LIMITS) == check_index(engine, LIMITS, whole=True) == []
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE variant SET ac = ac + 1 WHERE start = 199")
    (found,) = check_index(engine, LIMITS)
    assert (found.dataset, found.path) == ("here", str(vcf))
    assert "in 1 alleles of 4" in found.problem
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE variant SET ac = ac - 1, start = 150 WHERE start = 199")
    assert "in 1 alleles" in check_index(engine, LIMITS)[0].problem
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE variant SET start = 199 WHERE start = 150")
        names = ", ".join(f'"{name}"' for name in COLUMNS if name != "start")
        again = f"INSERT INTO variant (start, {names}) SELECT 500, {names} FROM variant WHERE start = 199"
        connection.exec_driver_sql(again)
    assert "in 1 alleles" in check_index(engine, LIMITS, whole=True)[0].problem
