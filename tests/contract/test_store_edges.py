"""Places and genotypes where an index goes wrong, tried one by one against the oracle."""

import itertools
import random
import tempfile
from pathlib import Path

import pytest
from pyroaring import BitMap
from sqlalchemy.exc import DBAPIError

from node.store import files, open_store
from schemas.genome import Assembly, Contig, Interval
from schemas.ports import Page
from schemas.questions import BracketQuery, RangeQuery, SequenceQuery
from tests import vcfs
from tests.engines import NewDatabase

ASSEMBLY = Assembly.GRCH37
CHR20 = Contig.read("20", ASSEMBLY)
WHOLE = RangeQuery(Interval(CHR20, 0, CHR20.length_bp))
ALL = Page(0, 10_000)
GENOTYPES = tuple(
    separator.join(alleles)
    for ploidy, separator in ((1, "/"), (2, "/"), (2, "|"), (3, "/"))
    for alleles in itertools.product("012.", repeat=ploidy)
)


def test_every_length_is_found_to_its_last_base_and_no_further(
    tmp_path: Path, new_database: NewDatabase
) -> None:
    first = (1 << 20) - 3
    deletions = [
        vcfs.Line("20", first, "N", ("<DEL>",), ("0/1",), info=f"END={first + span}") for span in vcfs.SPANS
    ]
    bases = [
        vcfs.Line("20", first, "ACGT" * 64, ("A",), ("1/1",)),
        vcfs.Line("20", first, "A", ("AC",), ("1",)),
    ]
    file = vcfs.Vcf(("P1",), (*deletions, *bases))
    with vcfs.both(file, url=new_database(tmp_path)) as (store, oracle):
        for edge in (first - 1, first, *(first + span for span in (*vcfs.SPANS, 254))):
            for left, width in itertools.product((edge - 1, edge, edge + 1), (0, 1, 2)):
                query = RangeQuery(Interval(CHR20, left, left + width))
                assert store.find("here", query, ALL) == oracle.find("here", query, ALL)
                assert store.count("here", query) == oracle.count("here", query)


@pytest.mark.parametrize("alt", ["<DEL>", "<INS>", "N[chr2:321[", "N."])
def test_uncertain_ends_are_found_as_far_as_they_may_reach(
    alt: str, tmp_path: Path, new_database: NewDatabase
) -> None:
    """One allele in four files: closely known, not so closely, and exactly; it is one all the time."""
    at, end = (1 << 20) - 100, (1 << 20) + 400
    place = f"END={end};" if alt == "<DEL>" else ""
    told = ("CIPOS=-10,10;CIEND=0,5", "CIPOS=-300,100;CIEND=-5,700", "IMPRECISE", "CIPOS=0,0;CIEND=0,0")
    files = [
        vcfs.Vcf((f"P{n}",), (vcfs.Line("20", at, "N", (alt,), ("0/1",), info=place + said),))
        for n, said in enumerate(told)
    ]
    edges = {at + shift for shift in (-300, -10, 0, 10, 100)} | {end + shift for shift in (-5, 0, 5, 700)}
    near = [shift for edge in edges for shift in (edge - 1, edge, edge + 1)]
    with vcfs.both(*files, url=new_database(tmp_path)) as (store, oracle):
        found = 0
        for left, width, people in itertools.product(near, (0, 1, 900), (None, BitMap([2]), BitMap())):
            query = RangeQuery(Interval(CHR20, left, left + width))
            wanted = oracle.find("here", query, ALL, people)
            assert store.find("here", query, ALL, people) == wanted
            assert store.count("here", query, people) == len(wanted) < 2
            assert store.exists("here", query, people) == bool(wanted)
            found += len(wanted)
        assert 0 < found < 2 * 3 * len(near)
        (variant,) = store.find("here", WHOLE, ALL)
        last = (-5, 700) if alt == "<DEL>" else (-300, 100)
        assert variant.allele.margins == (-300, 100, *last)
        assert variant.counts.carriers == 4
        starts = Interval(CHR20, at, at + 1)
        ends = Interval(CHR20, end, end + 1) if alt == "<DEL>" else starts
        assert store.count("here", BracketQuery(starts, ends)) == 1
        aside = Interval(CHR20, at + 1, at + 50)
        assert store.count("here", BracketQuery(aside, ends if alt == "<DEL>" else aside)) == 0


def test_brackets_hold_what_starts_and_ends_in_them() -> None:
    end = CHR20.length_bp
    lines = vcfs.in_order(
        vcfs.Line("20", first, "N", ("<DEL>",), ("0/1",), info=f"END={last}")
        for first, last in itertools.combinations((100, 101, 200, 500, 5000, 90_000, end - 1, end), 2)
    )
    windows = [
        Interval(CHR20, left, right)
        for left, right in itertools.combinations((0, 100, 101, 200, 499, 500, 5001, end - 1, end), 2)
    ] + [Interval(CHR20, 100, 100), Interval(CHR20, end, end)]
    with vcfs.both(vcfs.Vcf(("P1",), lines)) as (store, oracle):
        for starts, ends in itertools.product(windows, repeat=2):
            query = BracketQuery(starts, ends)
            assert store.find("here", query, ALL) == oracle.find("here", query, ALL)


def test_alleles_longer_than_an_index_can_hold(tmp_path: Path, new_database: NewDatabase) -> None:
    """Insertions at one place that differ in their last base only are told apart, and kept in order."""
    bases = random.Random(7).choices("ACGT", k=20_000)
    long = ["G" + "".join(bases[:size]) for size in (2_000, 2_700, 9_000, 20_000)]
    lines = [
        vcfs.Line("20", 500, "G", (sequence + last,), ("0/1" if last == "A" else "1/1",))
        for sequence in long
        for last in "TAC"
    ]
    lines += [vcfs.Line("20", 700, sequence + "C", ("G",), ("0/1",)) for sequence in long]
    with vcfs.both(vcfs.Vcf(("P1",), tuple(lines)), url=new_database(tmp_path)) as (store, oracle):
        found = store.find("here", WHOLE, ALL)
        assert found == oracle.find("here", WHOLE, ALL)
        assert len(found) == store.count("here", WHOLE) == len(lines)
        assert [one for n in range(len(lines)) for one in store.find("here", WHOLE, Page(n, 1))] == found
        for variant in found:
            allele = variant.allele
            asked = SequenceQuery(allele.interval, allele.reference, allele.alternate)
            assert store.find("here", asked, ALL) == [variant]


def test_a_file_cannot_hold_an_allele_twice(tmp_path: Path, new_database: NewDatabase) -> None:
    """Should the reading ever fail to unite two lines of one allele, no count is wrong: nothing is taken."""
    engine = vcfs.new_node(tmp_path, vcfs.open_dataset("here"), url=new_database(tmp_path))
    target = files.find_target(engine, "here")
    seg = files.register(engine, target, "x", files.Fingerprint("x", 0, 0))
    one = (7, 5, 6, "A", "C", 0, seg, 0, "", 1, 2, 1, 0, 0, "", "", None, None, b"h\0\0", *(None,) * 6)
    other = (*one[:4], "G", *one[5:])
    files.add_rows(engine, [one, other])
    with pytest.raises(DBAPIError):
        files.add_rows(engine, [one])
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT COUNT(*) FROM variant").scalar() == 2
    engine.dispose()


@pytest.mark.parametrize("form", ["GT", "GT:DP", "DP:GT"])
def test_every_genotype_counts_as_the_oracle_counts_it(form: str) -> None:
    """Each genotype among plain ones, so that every way of reading a line meets it."""
    shape = {"GT": "{}", "GT:DP": "{}:9", "DP:GT": "9:{}"}[form]
    lines = []
    for n, genotype in enumerate(GENOTYPES):
        for m, (left, right) in enumerate((("0|0", "0|0"), ("0/0", "1/1"), ("0", "1"), ("./.", "0|1"))):
            calls = tuple(shape.format(call) for call in (left, genotype, right))
            lines.append(vcfs.Line("20", 100 + 10 * n + m, "A", ("C", "G"), calls, form=form))
    with vcfs.both(vcfs.Vcf(("P1", "P2", "P3"), tuple(lines))) as (store, oracle):
        for people in (None, BitMap([1]), BitMap([0, 2]), BitMap()):
            assert store.find("here", WHOLE, ALL, people) == oracle.find("here", WHOLE, ALL, people)


def test_a_person_in_several_files_is_counted_once(tmp_path: Path, new_database: NewDatabase) -> None:
    calls = ("./.", "0/0", "0/1", "1/1", "1", ".", "./1", "0/1/1", "./././1", "1/1/1")
    pairs = tuple(itertools.product(calls, repeat=2))
    one = [
        vcfs.Line("20", 100 + n, "A", ("C",), (mine, "0/1"), "rs1", "q10")
        for n, (mine, _) in enumerate(pairs)
    ]
    two = [vcfs.Line("20", 100 + n, "A", ("C",), ("1/1", mine), "rs2") for n, (_, mine) in enumerate(pairs)]
    held = (vcfs.Vcf(("P1", "P2"), tuple(one)), vcfs.Vcf(("P3", "P1"), tuple(two)))
    with vcfs.both(*held, url=new_database(tmp_path)) as (store, oracle):
        for people in (None, BitMap([0]), BitMap([0, 1]), BitMap([2])):
            found = store.find("here", WHOLE, ALL, people)
            assert found == oracle.find("here", WHOLE, ALL, people)
            assert store.count("here", WHOLE, people) == len(found)


def test_more_people_than_a_short_list_holds() -> None:
    """Ordinals beyond 65,535, where sets change their form; every thousandth person is looked at."""
    size = 70_000
    samples = tuple(f"P{n}" for n in range(size))
    rare, common = ["0|0"] * size, ["0|1"] * size
    rare[5] = rare[size - 1] = "1|1"
    common[7] = "0|0"
    half = ["0|1" if n % 2 else ".|." for n in range(size)]
    lines = tuple(
        vcfs.Line("20", 100 + n, "A", ("C",), tuple(calls)) for n, calls in enumerate((rare, common, half))
    )
    with tempfile.TemporaryDirectory() as folder:
        engine = vcfs.new_node(Path(folder), vcfs.open_dataset("here"))
        vcfs.take(engine, vcfs.Vcf(samples, lines).write(Path(folder) / "all.vcf.gz"), "here")
        store = open_store(engine)
        every = BitMap(range(0, size, 1000)) | BitMap([5, 7, size - 1])
        found = store.find("here", WHOLE, ALL)
        assert [variant.counts.carriers for variant in found] == [2, size - 1, size // 2]
        assert [variant.counts.an for variant in found] == [2 * size, 2 * size, size]
        first, second, third = (variant.allele for variant in found)
        assert store.carriers("here", first) == BitMap([5, size - 1])
        assert 7 not in store.carriers("here", second)
        assert store.carriers("here", third) == BitMap(range(1, size, 2))
        few = store.find("here", WHOLE, ALL, BitMap([5, 7]))
        assert [variant.counts.ac for variant in few] == [2, 1, 2]
        assert [variant.counts.an for variant in few] == [4, 4, 4]
        assert store.count("here", WHOLE, every) == 3
        assert store.count("here", WHOLE, BitMap([7])) == 1
        assert store.people("here") == samples
        store.close()
        engine.dispose()
