"""Runs over many files: taken together where they can be, each with its own report, and merged at the end."""

import signal
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pysam
import pytest
from sqlalchemy.engine import Engine

from node.config import IngestSection
from node.store import files, open_store
from node.store.crew import Child
from node.store.index import SqlStore
from node.store.ingest import IngestReport
from node.store.inspection import check_index
from node.store.intake import Run
from node.store.memory import MemoryStore
from node.store.scrubbing import scrub
from node.store.withdrawal import withdraw
from schemas.errors import NodeError
from schemas.genome import Assembly, Contig, Interval
from schemas.ports import Page
from schemas.questions import RangeQuery
from tests import engines, vcfs

ALL = Page(0, 100_000)
LIMITS = IngestSection()
WHOLE = [RangeQuery(Interval(contig, 0, contig.length_bp)) for contig in vcfs.CONTIGS]


@pytest.fixture
def engine(tmp_path: Path, new_database: engines.NewDatabase) -> Iterator[Engine]:
    made = vcfs.new_node(tmp_path / "node", vcfs.open_dataset("here"), url=new_database(tmp_path))
    yield made
    made.dispose()


@pytest.fixture
def store(engine: Engine) -> Iterator[SqlStore]:
    opened = open_store(engine)
    yield opened
    opened.close()


def person(n: int, step: int = 1) -> vcfs.Vcf:
    """Somebody with every n-th of some alleles, phased in some files, in two contigs."""
    calls = ("0/1", "1/1", "0|1", "1|0")
    lines = [
        vcfs.Line(contig, 1000 + 10 * at, "A", ("C", "G"), (calls[(n + at) % 4],), quality=str(at))
        for contig in ("20", "22")
        for at in range(40)
        if at % (n % 5 + step) == 0
    ]
    return vcfs.Vcf((f"P{n}",), tuple(lines))


def run(engine: Engine, paths: Sequence[Path], **options: bool) -> list[IngestReport | NodeError]:
    return list(Run(engine, LIMITS, "here", lambda _name: lambda _done, _what: None, **options).take(paths))


def oracle_of(made: Sequence[vcfs.Vcf]) -> MemoryStore:
    oracle = MemoryStore({"here": Assembly.GRCH37})
    for vcf in made:
        looked_at = vcfs.expected_spans(vcf, Assembly.GRCH37)
        oracle.add("here", vcf.samples, vcfs.expected(vcf, Assembly.GRCH37), looked_at)
    return oracle


def check(store: SqlStore, made: Sequence[vcfs.Vcf]) -> None:
    oracle = oracle_of(made)
    assert set(store.people("here")) == set(oracle.people("here"))
    for query in WHOLE:
        assert store.find("here", query, ALL) == oracle.find("here", query, ALL)
        assert store.count("here", query) == oracle.count("here", query)


def test_files_of_one_person_each_are_one_place_to_look_at(
    engine: Engine, store: SqlStore, tmp_path: Path
) -> None:
    made = [person(n) for n in range(70)]
    paths = [vcf.write(tmp_path / f"{n}.vcf.gz") for n, vcf in enumerate(made)]
    told = run(engine, paths)
    assert [report.file for report in told if isinstance(report, IngestReport)] == list(map(str, paths))
    assert [(one.records, one.people, one.skipped, one.already) for one in told] == [
        (len(vcf.lines), 1, (), False) for vcf in made
    ]
    check(store, made)
    with engine.connect() as connection:
        live = connection.exec_driver_sql("SELECT COUNT(*) FROM vcf_file WHERE live").scalar()
    assert live == 2
    held = files.live_files(engine, files.find_target(engine, "here").no)
    assert [file.path for file in held] == list(map(str, paths))
    assert [file.alleles for file in held] == [report.alleles for report in told]
    assert check_index(engine, LIMITS, whole=True) == []
    assert all(report.already for report in run(engine, paths))


def test_whatever_is_wrong_with_one_file_is_told_of_that_one(
    engine: Engine, store: SqlStore, tmp_path: Path
) -> None:
    """And the others are taken: broken, unsorted, twice, not there, of somebody who is in another one."""
    made = [person(n) for n in range(6)]
    paths = [vcf.write(tmp_path / f"{n}.vcf") for n, vcf in enumerate(made)]
    bad = replace(person(10), lines=(*person(10).lines[:5], replace(person(10).lines[0], genotypes=("x",))))
    paths.insert(1, bad.write(tmp_path / "bad.vcf"))
    backwards = replace(person(11), lines=person(11).lines[::-1])
    paths.insert(3, backwards.write(tmp_path / "backwards.vcf"))
    paths.insert(4, vcfs.write(tmp_path / "copy.vcf", paths[0].read_bytes()))
    paths.insert(6, tmp_path / "nowhere.vcf")
    again = vcfs.Vcf(("P2",), person(7).lines)
    paths.append(again.write(tmp_path / "again.vcf"))
    told = run(engine, paths)
    names = {path.name: one for path, one in zip(paths, told, strict=True)}
    refused = {name: one.message for name, one in names.items() if isinstance(one, NodeError)}
    assert refused.keys() == {"bad.vcf", "backwards.vcf", "nowhere.vcf"}
    assert "line 8" in refused["bad.vcf"]
    assert "not sorted" in refused["backwards.vcf"]
    assert "no such file" in refused["nowhere.vcf"]
    copy = names["copy.vcf"]
    assert isinstance(copy, IngestReport)
    assert copy.already
    check(store, [*made, again])


def test_contigs_in_another_order_are_taken_alone(engine: Engine, store: SqlStore, tmp_path: Path) -> None:
    turned = [replace(vcf, lines=vcf.lines[::-1]) for vcf in (person(3), person(4))]
    turned = [
        replace(vcf, lines=tuple(sorted(vcf.lines, key=lambda line: (-int(line.contig), line.pos))))
        for vcf in turned
    ]
    made = [person(0), *turned, person(1)]
    paths = [vcf.write(tmp_path / f"{n}.vcf") for n, vcf in enumerate(made)]
    assert not any(isinstance(one, NodeError) for one in run(engine, paths))
    check(store, [made[0], made[3], made[1], made[2]])


def test_many_runs_are_merged_when_it_is_worthwhile(engine: Engine, store: SqlStore, tmp_path: Path) -> None:
    made = [person(n) for n in range(24)]
    paths = [vcf.write(tmp_path / f"{n}.vcf") for n, vcf in enumerate(made)]
    for n in range(0, 24, 2):
        run(engine, paths[n : n + 2])
    check(store, made)
    with engine.connect() as connection:
        live = connection.exec_driver_sql("SELECT COUNT(*) FROM vcf_file WHERE live").scalar() or 0
    assert live < 8
    withdraw(engine, "P7")
    scrub(engine)
    left = [vcf for vcf in made if vcf.samples != ("P7",)]
    assert {name for name in store.people("here") if name} == {vcf.samples[0] for vcf in left}
    for query in WHOLE:
        wanted = oracle_of(left).find("here", query, ALL)
        assert [held.counts for held in store.find("here", query, ALL)] == [held.counts for held in wanted]


def test_somebody_who_has_withdrawn_is_in_no_bundle(engine: Engine, store: SqlStore, tmp_path: Path) -> None:
    run(engine, [person(0).write(tmp_path / "first.vcf")])
    withdraw(engine, "P0")
    made = [replace(person(n), samples=(f"P{n}",)) for n in range(4)]
    paths = [replace(vcf, header=("##x=1",)).write(tmp_path / f"{n}.vcf") for n, vcf in enumerate(made)]
    told = run(engine, paths)
    refused = [one.message for one in told if isinstance(one, NodeError)]
    assert len(refused) == 1
    assert "everybody in it has withdrawn" in refused[0]
    assert {name for name in store.people("here") if name} == {"P1", "P2", "P3"}


def test_a_reader_that_dies_takes_nothing_with_it(
    engine: Engine, store: SqlStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bundle comes to nothing, and each file is taken by itself."""
    made = [person(n) for n in range(3)]
    paths = [vcf.write(tmp_path / f"{n}.vcf") for n, vcf in enumerate(made)]
    receive, asked = Child.receive, []

    def dying(self: Child, *wanted: object) -> object:
        asked.append(wanted)
        if len(asked) == 2:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
        return receive(self, *wanted)  # type: ignore[arg-type]

    monkeypatch.setattr(Child, "receive", dying)
    told = run(engine, paths)
    assert not any(isinstance(one, NodeError) for one in told)
    check(store, made)
    with engine.connect() as connection:
        dead = connection.exec_driver_sql("SELECT COUNT(*) FROM vcf_file WHERE NOT live").scalar()
    assert dead == 0


def test_interrupted_at_its_last_moment_it_is_as_if_it_had_not_begun(
    engine: Engine, store: SqlStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Annotations and spans of the files go with their rows, and the next run takes everything."""
    note = "CSQ=-|DMD|NM_1.1|c.1A>C|p.Arg97Ter|stop_gained|HIGH|1"
    made = [
        vcfs.Vcf(
            (f"P{n}",),
            (
                vcfs.Line("20", 100, "A", ("C",), ("0/1",), info=note),
                vcfs.Line("20", 200, "A", ("<NON_REF>",), ("0/0",), info="END=900"),
            ),
            (vcfs.CSQ,),
        )
        for n in range(3)
    ]
    paths = [vcf.write(tmp_path / f"{n}.vcf") for n, vcf in enumerate(made)]
    tables = ("variant", "annotation", "coverage", "vcf_file", "merged_file", "person")

    def held() -> list[int]:
        with engine.connect() as connection:
            counts = (connection.exec_driver_sql(f"SELECT COUNT(*) FROM {name}") for name in tables)
            return [int(count.scalar() or 0) for count in counts]

    def stopped(*_: object) -> None:
        assert held()[:4] == [1, 3, 3, 4]
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(files, "make_bundle_live", stopped)
        with pytest.raises(KeyboardInterrupt):
            run(engine, paths)
    assert held() == [0] * 6
    assert store.people("here") == ()
    run(engine, paths)
    assert held() == [1, 3, 3, 1, 3, 3]
    check(store, made)


@pytest.mark.shared
def test_real_gvcfs_together(engine: Engine, shared: Path) -> None:
    """As one by one, and as plainly read (see test_store_gvcf)."""
    paths = sorted((shared / "data/network").glob("hospital-*/gvcf.chr22.grch38/*.g.vcf.gz"))
    vcfs.add_dataset(engine, vcfs.open_dataset("together", Assembly.GRCH38))
    vcfs.add_dataset(engine, vcfs.open_dataset("alone", Assembly.GRCH38))
    quiet = Run(engine, LIMITS, "together", lambda _name: lambda _done, _what: None)
    assert len(list(quiet.take(paths))) == len(paths) > 10
    for path in paths:
        list(replace(quiet, dataset="alone").take([path]))
    contig = Contig.read("22", Assembly.GRCH38)
    whole = RangeQuery(Interval(contig, 0, contig.length_bp))
    store = open_store(engine)
    found = store.find("together", whole, ALL)
    assert len(found) > 100
    assert found == store.find("alone", whole, ALL)
    samples = []
    for path in paths:
        with pysam.VariantFile(str(path)) as source:
            samples += list(source.header.samples)
    assert store.people("together") == tuple(samples)
    store.close()
