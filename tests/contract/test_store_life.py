"""Files and people come and go in any order, and the engine answers what the oracle would."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from pyroaring import BitMap
from sqlalchemy.engine import Engine

from node.store import files, open_store
from node.store.compaction import compact
from node.store.memory import CalledAllele, LookedAt, MemoryStore
from node.store.removal import remove_dataset
from node.store.scrubbing import scrub
from node.store.withdrawal import bring_back, withdraw
from schemas.errors import BadInput
from schemas.genome import Allele, Assembly, Interval
from schemas.people import Sex
from schemas.ports import Page, VariantStore
from schemas.questions import RangeQuery
from tests import engines, vcfs

NAMES = ("P1", "P2", "P3", "P4", "P5")
WHOLE = [RangeQuery(Interval(contig, 0, contig.length_bp)) for contig in vcfs.CONTIGS]
EVERYTHING = Page(0, 1000)


def hits(store: VariantStore, alleles: list[Allele], people: BitMap | None = None) -> list[set[str]]:
    """By name, in the order of `HitTwice`."""
    found, names = store.hit_twice("here", alleles, people), store.people("here")
    sets = (found.homozygous, found.trans, found.cis, found.unknown)
    return [{names[n] for n in people} for people in sets]


@dataclass(frozen=True)
class Given:
    """A file as the dataset has it.  seen, hidden: its people, by whether they may be seen."""

    path: str
    vcf: vcfs.Vcf
    seen: frozenset[str]
    hidden: frozenset[str] = frozenset()

    def calls(self) -> list[CalledAllele]:
        return [
            replace(one, calls={name: call for name, call in one.calls.items() if name in self.seen})
            for one in vcfs.expected(self.vcf, Assembly.GRCH37)
        ]

    def looked_at(self) -> list[LookedAt]:
        return [
            replace(one, called={name: called for name, called in one.called.items() if name in self.seen})
            for one in vcfs.expected_spans(self.vcf, Assembly.GRCH37)
        ]


class Life(RuleBasedStateMachine):
    """`given` is what should be held; `struck` are the names that no file brings back."""

    def __init__(self, new_url: Callable[[], str] = lambda: "") -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self.home = Path(self._folder.name)
        datasets = vcfs.open_dataset("other"), vcfs.open_dataset("here")
        self.engine: Engine = vcfs.new_node(self.home, *datasets, url=new_url())
        self.store = open_store(self.engine)
        self.given: list[Given] = []
        self.struck: frozenset[str] = frozenset()
        self.known: frozenset[str] = frozenset()
        self.males: frozenset[str] = frozenset()
        self.hidden_males: frozenset[str] = frozenset()
        self.written = 0
        self.is_merged = False

    def teardown(self) -> None:
        self.store.close()
        self.engine.dispose()
        self._folder.cleanup()

    @initialize(
        pool=st.lists(vcfs.sites(), min_size=1, max_size=4), block=st.sampled_from(("<*>", "<NON_REF>"))
    )
    def begin(self, pool: list[vcfs.Line], block: str) -> None:
        """Beside what is drawn, always a reference block over most of the places."""
        contig = vcfs.CONTIGS[0]
        self.pool = [*pool, vcfs.Line(contig.name, 1, "A", (block,), (), info=f"END={1_500_000}")]

    def _write(self, data: st.DataObject, most: int) -> tuple[Path, vcfs.Vcf]:
        # A file of people who have all withdrawn is refused; one that has some of them is not.
        others = st.lists(st.sampled_from(NAMES), max_size=most - 1, unique=True)
        one = data.draw(st.sampled_from(sorted(set(NAMES) - self.struck)))
        samples = tuple(dict.fromkeys((*data.draw(others), one)))
        chosen = data.draw(st.lists(st.sampled_from(self.pool), min_size=1, max_size=6))
        lines = [data.draw(vcfs.called(site, len(samples))) for site in chosen]
        vcf = vcfs.Vcf(samples, vcfs.in_order(lines))
        self.written += 1
        return vcf.write(self.home / f"{self.written}.vcf"), vcf

    def _given(self, path: Path, vcf: vcfs.Vcf) -> Given:
        seen = frozenset(vcf.samples) - self.struck
        self.known |= seen
        return Given(str(path), vcf, seen)

    @precondition(lambda self: len(self.struck) < len(NAMES))
    @rule(data=st.data(), most=st.sampled_from((1, 1, 4)))
    def ingest(self, data: st.DataObject, most: int) -> None:
        path, vcf = self._write(data, most)
        vcfs.take(self.engine, path, "here")
        self.given.append(self._given(path, vcf))

    @precondition(lambda self: len(self.struck) < len(NAMES))
    @rule(data=st.data(), count=st.integers(2, 4))
    def ingest_together(self, data: st.DataObject, count: int) -> None:
        """Files of few people, as many as share nobody; the others are as if they had not been given."""
        written = [self._write(data, 2) for _ in range(count)]
        taken = vcfs.take_together(self.engine, [path for path, _ in written], "here")
        fit: list[tuple[Path, vcfs.Vcf]] = []
        for path, vcf in written:
            people = {name for _, other in fit for name in other.samples}
            if people.isdisjoint(vcf.samples) and self.struck.isdisjoint(vcf.samples):
                fit.append((path, vcf))
        assert taken == ({path for path, _ in fit} if len(fit) > 1 else set())
        self.given += [self._given(path, vcf) for path, vcf in fit if path in taken]
        self.is_merged = self.is_merged or bool(taken)

    @precondition(lambda self: self.given and len(self.struck) < len(NAMES))
    @rule(data=st.data())
    def replace(self, data: st.DataObject) -> None:
        old = data.draw(st.sampled_from(self.given))
        held = files.live_files(self.engine, files.find_target(self.engine, "here").no)
        path, vcf = self._write(data, 4)
        vcfs.take(self.engine, path, "here", replaced=next(file.no for file in held if file.path == old.path))
        self.given = [one for one in self.given if one is not old] + [self._given(path, vcf)]

    @rule(name=st.sampled_from(NAMES))
    def withdraw(self, name: str) -> None:
        if name not in self.known:
            with pytest.raises(BadInput, match="nobody of this name"):
                withdraw(self.engine, name, "here")
            return
        assert [one.samples for one in withdraw(self.engine, name)] == [1]
        self.struck |= {name}
        self.known -= {name}
        self.males, self.hidden_males = self.males - {name}, self.hidden_males | self.males & {name}
        self.given = [
            replace(one, seen=one.seen - {name}, hidden=one.hidden | one.seen & {name}) for one in self.given
        ]

    @precondition(lambda self: self.struck)
    @rule(data=st.data())
    def come_back(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.struck)))
        was_scrubbed = bring_back(self.engine, name, "here")[0].was_scrubbed
        self.struck -= {name}
        if not was_scrubbed:
            self.known |= {name}
            self.males |= self.hidden_males & {name}
        self.hidden_males -= {name}
        self.given = [
            replace(one, seen=one.seen | one.hidden & {name}, hidden=one.hidden - {name})
            for one in self.given
        ]

    @precondition(lambda self: self.known)
    @rule(data=st.data(), is_male=st.booleans())
    def record_sex(self, data: st.DataObject, is_male: bool) -> None:
        name = data.draw(st.sampled_from(sorted(self.known)))
        vcfs.record_sexes(self.engine, "here", {name: Sex.MALE if is_male else Sex.FEMALE})
        self.males = self.males | {name} if is_male else self.males - {name}

    @rule(rebuild=st.booleans())
    def scrub(self, rebuild: bool) -> None:
        scrub(self.engine, rebuild=rebuild)
        gone = [one for one in self.given if one.hidden and not one.seen]
        self.given = [replace(one, hidden=frozenset()) for one in self.given if one not in gone]
        with self.engine.connect() as connection:
            assert (
                connection.exec_driver_sql("SELECT COUNT(*) FROM withdrawn WHERE content <> ''").scalar() == 0
            )
            rows = connection.exec_driver_sql("SELECT COUNT(*) FROM variant").scalar() or 0
        assert rows <= sum(len(vcfs.expected(one.vcf, Assembly.GRCH37)) for one in self.given)

    @rule()
    def compact(self) -> None:
        report = compact(self.engine, "here")
        assert (report.into > 0) == (report.files > 0)
        assert report.rows_now <= report.rows
        self.is_merged = True

    @precondition(lambda self: self.given)
    @rule(chance=st.integers(0, 7))
    def remove(self, chance: int) -> None:
        if chance:
            return
        remove_dataset(self.engine, "here")
        with self.engine.connect() as connection:
            assert connection.exec_driver_sql("SELECT COUNT(*) FROM variant").scalar() == 0
        vcfs.add_dataset(self.engine, vcfs.open_dataset("here"))
        self.given = []
        self.struck = self.known = self.males = self.hidden_males = frozenset()

    @invariant()
    def answers_are_right(self) -> None:
        oracle = MemoryStore({"here": Assembly.GRCH37})
        oracle.record_copies("here", vcfs.copies(dict.fromkeys(self.males, Sex.MALE)))
        for one in self.given:
            oracle.add("here", sorted(one.seen), one.calls(), one.looked_at())
        people = self.store.people("here")
        assert {name for name in people if name} == self.known
        for query in WHOLE:
            wanted = oracle.find("here", query, EVERYTHING)
            found = self.store.find("here", query, EVERYTHING)
            assert [(one.allele, one.counts) for one in found] == [(one.allele, one.counts) for one in wanted]
            assert self.store.count("here", query) == len(wanted)
            assert self.store.exists("here", query) == bool(wanted)
            for one, same in zip(found, wanted, strict=True):
                # What a line calls itself stays with a merged row, whoever of its people has gone.
                assert set(one.names) >= set(same.names) if self.is_merged else one.names == same.names
                carriers = {people[n] for n in self.store.carriers("here", one.allele)}
                known = oracle.people("here")
                assert carriers == {known[n] for n in oracle.carriers("here", one.allele)}
                placed, wanted_placed = (
                    {names[n]: (phase.is_second, phase.group[2]) for n, phase in found_phases.items()}
                    for names, found_phases in (
                        (people, self.store.phases("here", one.allele)),
                        (known, oracle.phases("here", one.allele)),
                    )
                )
                assert placed == wanted_placed
            alleles = [one.allele for one in wanted]
            assert hits(self.store, alleles) == hits(oracle, alleles)
            # Every second name, as ordinals of each store.
            ours, theirs = (
                BitMap(n for n, name in enumerate(names) if name in NAMES[::2])
                for names in (people, oracle.people("here"))
            )
            some = oracle.find("here", query, EVERYTHING, theirs)
            assert [(one.allele, one.counts) for one in self.store.find("here", query, EVERYTHING, ours)] == [
                (one.allele, one.counts) for one in some
            ]
            assert self.store.count("here", query, ours) == len(some)
            assert self.store.exists("here", query, ours) == bool(some)
            assert hits(self.store, alleles, ours) == hits(oracle, alleles, theirs)

    @invariant()
    def files_are_registered(self) -> None:
        held = files.live_files(self.engine, files.find_target(self.engine, "here").no)
        names = self.store.people("here")
        by_path = {file.path: {names[n] for n in file.covered} for file in held}
        assert {one.path: set(one.seen) for one in self.given} == by_path


# Making a life that went wrong shorter takes minutes, in which the time of the test ends, and what was found
# is lost: it is told as it was lived.
LIVES = settings(deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))


@pytest.mark.timeout(600)
def test_the_same_on_postgresql(postgresql: engines.Server) -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        partial(Life, postgresql.new_database),
        settings=settings(LIVES, max_examples=8, stateful_step_count=12),
    )


Life.TestCase.settings = settings(LIVES, max_examples=40, stateful_step_count=14)
TestLife = pytest.mark.timeout(600)(Life.TestCase)
