"""VCFs for tests: written by hand or made up by Hypothesis, and what an index should hold of them.

`expected` reads a made-up file in the plainest way, genotype by genotype, and shares no code with the reader
that is under test.
"""

from __future__ import annotations

import os
import re
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np
import pysam
from hypothesis import strategies as st
from pyroaring import BitMap
from sqlalchemy.engine import Engine

from node import db
from node.people import Format, import_people
from node.store import files, frames, open_store
from node.store.bundle import Bundle, Given
from node.store.catalogue import add_dataset
from node.store.crew import Child
from node.store.files import Fingerprint
from node.store.index import SqlStore
from node.store.ingest import fingerprint
from node.store.memory import Call, CalledAllele, LookedAt, MemoryStore
from node.store.narrowing import narrowed
from node.store.reader import VcfReader
from node.store.reading import Way
from node.store.rows import RowMaker
from node.store.spans import packed
from node.store.together import read_together
from schemas.access import Policy
from schemas.genome import Allele, Assembly, Contig, Interval, Margins
from schemas.people import Dataset, Sex
from schemas.questions import Annotation

FIXED = ("#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT")
CSQ = (
    '##INFO=<ID=CSQ,Number=.,Type=String,Description="From an annotator. Format: '
    'Allele|SYMBOL|Feature|HGVSc|HGVSp|Consequence|IMPACT|ALLELE_NUM">'
)
NO_ALLELES = (".", "*", "<NON_REF>", "<*>")


@dataclass(frozen=True)
class Line:
    """One record as text; `genotypes` are whole sample columns."""

    contig: str
    pos: int
    ref: str
    alts: tuple[str, ...]
    genotypes: tuple[str, ...]
    ids: str = "."
    filters: str = "PASS"
    info: str = "."
    form: str = "GT"
    quality: str = "."

    @property
    def text(self) -> str:
        alts = ",".join(self.alts)
        columns = (
            self.contig,
            str(self.pos),
            self.ids,
            self.ref,
            alts,
            self.quality,
            self.filters,
            self.info,
            self.form,
        )
        fixed = (columns[0], columns[1], columns[2], columns[3], *columns[4:])
        return "\t".join((*fixed, *self.genotypes))


@dataclass(frozen=True)
class Vcf:
    """A file as text.  header: lines between ##fileformat and #CHROM."""

    samples: tuple[str, ...]
    lines: tuple[Line, ...]
    header: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        columns = "\t".join((*FIXED, *self.samples))
        rows = ("##fileformat=VCFv4.3", *self.header, columns, *(line.text for line in self.lines))
        return "\n".join(rows) + "\n"

    def write(self, path: Path) -> Path:
        """Plain text, or BGZF when the name ends in .gz."""
        return write(path, self.text.encode())


def write(path: Path, content: bytes) -> Path:
    if path.suffix == ".gz":
        with pysam.BGZFile(str(path), "wb", index=None) as target:
            target.write(content)
    else:
        path.write_bytes(content)
    return path


def new_node(folder: Path, *datasets: Dataset, url: str = "") -> Engine:
    """An empty index with these datasets; in `folder`, or in the database at `url`."""
    folder.mkdir(parents=True, exist_ok=True)
    engine = db.connect(url or f"sqlite:///{folder / 'varhaven.db'}")
    if url:
        db.migrate(engine)
    else:
        db.metadata.create_all(engine)  # faster
    for dataset in datasets:
        add_dataset(engine, dataset)
    return engine


def open_dataset(name: str, assembly: Assembly = Assembly.GRCH37) -> Dataset:
    return Dataset(name, assembly, Policy.OPEN)


def take(engine: Engine, path: Path, dataset: str, *, replaced: int | None = None) -> list[tuple[int, str]]:
    """Ingests without the process and the checks around it, for tests that do it hundreds of times."""
    target = files.find_target(engine, dataset)
    skipped: list[tuple[int, str]] = []

    def skip(line: int, reason: str) -> None:
        skipped.append((line, reason))

    reader = VcfReader(path, target.assembly, 1 << 20, skip)
    header, records = reader.open()
    seg = files.register(engine, target, str(path), Fingerprint(str(path), 0, 0))
    ordinals = np.array(target.ordinals(header.samples), np.int64)
    maker = RowMaker(str(path), target.no, seg, ordinals, False, skip, annotation=header.annotation)
    left_out = target.left_out(header.samples)
    left = BitMap(target.ordinals(header.samples)) - left_out
    read = maker.rows(records)
    rows = (
        [row for one in read if (row := narrowed(one, left_out, left)) is not None]
        if left_out
        else list(read)
    )
    spans = [packed(span) for span in maker.spans.made if span.ordinal not in left_out]
    files.add_rows(engine, rows, maker.notes, spans)
    summary = {
        "records": maker.records,
        "alleles": len(rows),
        "contigs": sorted(maker.contigs),
        "levels": maker.levels,
    }
    files.make_live(engine, target, seg, header.samples, summary=summary, replaced=replaced)
    return skipped


class _Thread:
    """In place of the reading process: a thread, for tests that read hundreds of files."""

    def __init__(self, _file: str) -> None:
        here, there = os.pipe(), os.pipe()
        self._requests, self._answers = os.fdopen(here[1], "wb"), os.fdopen(there[0], "rb")
        self._ends = os.fdopen(here[0], "rb"), os.fdopen(there[1], "wb")
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        requests, answers = self._ends
        with requests, answers, suppress(BrokenPipeError):
            task = frames.receive(requests)
            if task is not None:
                read_together(task.value, requests, answers)

    def send(self, frame: frames.Frame) -> None:
        frames.send(self._requests, frame)

    def receive(self, *wanted: frames.Tag) -> frames.Frame:
        frame = frames.receive(self._answers)
        assert frame is not None
        assert frame.tag in wanted
        return frame

    def end(self) -> None:
        self._answers.close()
        with suppress(BrokenPipeError):
            self._requests.close()
        self._thread.join()


def take_together(engine: Engine, paths: Sequence[Path], dataset: str) -> set[Path]:
    """As `take`, of several files; those that were fit for it."""
    target = files.find_target(engine, dataset)
    given = tuple(Given(path, fingerprint(path, lambda _done, _what: None)) for path in paths)
    start = cast("Callable[[str], Child]", _Thread)
    bundle = Bundle(engine, Way(2048, 64), target, given, lambda _done, _what: None, start)
    return set(bundle.take())


# What a file should come to.


def expected(vcf: Vcf, assembly: Assembly) -> list[CalledAllele]:
    """Every allele of the file with everybody's call; alleles without a carrier among them."""
    held: dict[Allele, CalledAllele] = {}
    for line in vcf.lines:
        for number, alt in enumerate(line.alts, 1):
            allele = _allele(line, alt, assembly)
            at = line.form.split(":").index("GT") if "GT" in line.form.split(":") else -1
            if allele is None or at < 0:
                continue
            calls = {
                sample: replace(_call(fields, at, number), copy=_copy(line, fields, number))
                for sample, column in zip(vcf.samples, line.genotypes, strict=True)
                for fields in [column.split(":")]
            }
            if not any(call.copies for call in calls.values()):
                continue  # the line says nothing of it
            said = _said(line.info, number) if CSQ in vcf.header else ()
            quality = None if line.quality == "." else float(line.quality)
            found = CalledAllele(allele, calls, _words(line.ids), _words(line.filters), quality, said)
            held[allele] = _united(held[allele], found) if allele in held else found
        for found in _counted(vcf, line, assembly):
            same = held.get(found.allele)
            held[found.allele] = found if same is None else _united(same, found)
    return list(held.values())


def _counted(vcf: Vcf, line: Line, assembly: Assembly) -> list[CalledAllele]:
    """People by the number of copies that FORMAT CN tells of them, where their genotype leaves it open."""
    form, places = line.form.split(":"), [_allele(line, alt, assembly) for alt in line.alts]
    is_read = all(re.fullmatch(r"<(CNV|CN\d|(DEL|DUP)(:\w+)?)>", alt) for alt in line.alts)
    if "CN" not in form or not is_read or len({one.interval for one in places if one}) != 1:
        return []
    place, numbers, new = places[0].interval, {}, {}
    for sample, column in zip(vcf.samples, line.genotypes, strict=True):
        told = dict(zip(form, column.split(":"), strict=False))
        written = told.get("CN", ".")
        if not re.fullmatch(r"\d+(\.\d+)?", written) or written.endswith(".5"):
            continue
        number, alleles = int(float(written) + 0.5), re.split("[/|]", told.get("GT", "."))
        is_open = _leaves_open(line.alts, alleles, number)
        if is_open is not None:
            numbers[sample], new[sample] = number, is_open
    usual = {"X": (), "Y": (1,)}.get(line.contig, (2,)) if not place.is_pseudoautosomal else (2,)
    found = []
    for number in sorted(set(numbers.values()) - set(usual)):
        calls = {
            name: Call(int(new[name] and numbers[name] == number), 1, 1) if name in numbers else Call(0, 0, 1)
            for name in vcf.samples
        }
        if any(call.copies for call in calls.values()):
            symbol = replace(places[0], alternate=f"<CNV:CN{number}>")
            said = tuple(one for n in range(len(line.alts)) for one in _said(line.info, n + 1))
            said = tuple(dict.fromkeys(said)) if CSQ in vcf.header else ()
            quality = None if line.quality == "." else float(line.quality)
            found.append(CalledAllele(symbol, calls, _words(line.ids), _words(line.filters), quality, said))
    return found


def _leaves_open(alts: tuple[str, ...], alleles: list[str], number: int) -> bool | None:
    """Whether a genotype leaves a number of copies open; None where they contradict each other."""
    if "<CNV>" in alts or set(alleles) <= {"."}:
        return True
    if set(alleles) <= {".", "0"}:
        return False
    each = {"0": 1, ".": 1}
    for n, alt in enumerate(alts, 1):
        each[str(n)] = int(alt[3]) if alt.startswith("<CN") else 0 if alt.startswith("<DEL") else 2
    reckoned, usual = sum(each[one] for one in alleles), len(alleles)
    if number == reckoned:
        return False
    return True if number < reckoned < usual or number > reckoned > usual else None


def expected_spans(vcf: Vcf, assembly: Assembly) -> list[LookedAt]:
    """The bases of every line of a gVCF, with the called alleles of those of whom anything is known there."""
    found = []
    for line in vcf.lines:
        form, contig = line.form.split(":"), Contig.read(line.contig, assembly)
        end = next((int(part[4:]) for part in line.info.split(";") if part.startswith("END=")), 0)
        is_block = line.alts in (("<NON_REF>",), ("<*>",), (".",))
        if "GT" not in form or not (line.alts[-1] in ("<NON_REF>", "<*>") or (is_block and end)):
            continue
        called = {}
        for sample, column in zip(vcf.samples, line.genotypes, strict=True):
            fields = column.split(":")
            doubted = any(key in ("DP", "GQ", "MIN_DP") and fields[n] == "0" for n, key in enumerate(form))
            if not (is_block and doubted):
                called[sample] = _call(fields, form.index("GT"), 1).called
        last = max(end, line.pos) if is_block and end else line.pos - 1 + len(line.ref)
        found.append(LookedAt(Interval(contig, line.pos - 1, min(last, contig.length_bp)), called))
    return found


def _allele(line: Line, alt: str, assembly: Assembly) -> Allele | None:
    contig = Contig.read(line.contig, assembly)
    if alt in NO_ALLELES or alt.upper() == line.ref.upper():
        return None
    if re.fullmatch("[ACGTNacgtn]+", alt):
        return Allele.from_vcf(contig, line.pos, line.ref.upper(), alt.upper())
    anchor = line.ref[0] if line.ref[0] in "ACGT" else ""
    told = dict(part.split("=") for part in line.info.split(";") if "=" in part)
    length = abs(int(told.get("SVLEN", 0)))
    around_pos, around_end = (_around(told.get(key, "0,0")) for key in ("CIPOS", "CIEND"))
    if "<" not in alt or alt.startswith(("<BND", "<INS")):
        size = length if alt.startswith("<INS") else 0
        place, around_end = Interval(contig, line.pos, line.pos), around_pos
    else:
        size, place = 0, Interval(contig, line.pos, int(told["END"]) if "END" in told else line.pos + length)
    margins = Margins(*around_pos, *around_end)
    return Allele(place, "", alt, anchor, size, margins if any(margins) else None)


def _around(pair: str) -> tuple[int, int]:
    low, high = pair.split(",")
    return int(low), int(high)


def _call(fields: list[str], at: int, number: int) -> Call:
    written = re.split(r"[/|]", fields[at] if at < len(fields) else ".")
    called = [allele for allele in written if allele != "."]
    return Call(called.count(str(number)), len(called), len(written))


def _copy(line: Line, fields: list[str], number: int) -> tuple[int, int] | None:
    """On which copy an allele is, and in which phase set, by what is written."""
    told = dict(zip(line.form.split(":"), fields, strict=False))
    written = told.get("GT", ".").removeprefix("|")
    alleles = re.split(r"[/|]", written)
    if len(alleles) != 2 or (alleles[0] == str(number)) == (alleles[1] == str(number)):
        return None
    copy, named = alleles.index(str(number)), told.get("PS", ".")
    if "|" not in written:
        is_pair = not {"0", "."}.intersection(alleles)
        return (copy, -line.pos) if is_pair else None
    if "PS" not in line.form.split(":"):
        return copy, 0
    return None if named == "." else (copy, int(named) if named.isdigit() else int.from_bytes(named.encode()))


def _words(column: str) -> tuple[str, ...]:
    return () if column == "." else tuple(column.split(";"))


def _united(one: CalledAllele, other: CalledAllele) -> CalledAllele:
    calls = dict(one.calls)
    for sample, call in other.calls.items():
        if (call.copies, call.called) > (calls[sample].copies, calls[sample].called):
            calls[sample] = call
    margins = [held.allele.margins for held in (one, other) if held.allele.margins is not None]
    wide = [min(four) if n % 2 == 0 else max(four) for n, four in enumerate(zip(*margins, strict=True))]
    anchor = one.allele.anchor or other.allele.anchor
    allele = replace(one.allele, anchor=anchor, margins=Margins(*wide) if margins else None)
    names = tuple(dict.fromkeys((*one.names, *other.names)))
    filters = tuple(dict.fromkeys((*one.filters, *other.filters)))
    said = tuple(dict.fromkeys((*one.annotations, *other.annotations)))
    quality = max((held.quality for held in (one, other) if held.quality is not None), default=None)
    return CalledAllele(allele, calls, names, filters, quality, said)


def _said(info: str, number: int) -> tuple[Annotation, ...]:
    """What the CSQ of a line says of one allele; its last field is the number of the allele."""
    value = next((part[4:] for part in info.split(";") if part.startswith("CSQ=")), "")
    found = [one.split("|") for one in value.split(",") if one]
    return tuple(
        Annotation(gene, transcript, coding, protein, frozenset(terms.split("&")), impact)
        for _, gene, transcript, coding, protein, terms, impact, mine in found
        if mine == str(number)
    )


@contextmanager
def held(*made: Vcf, url: str = "") -> Iterator[tuple[Engine, MemoryStore]]:
    """An index and the oracle over the same files, in a dataset `here` beside an empty one, `other`."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        engine = new_node(home, open_dataset("other"), open_dataset("here"), url=url)
        oracle = MemoryStore({"other": Assembly.GRCH37, "here": Assembly.GRCH37})
        for n, vcf in enumerate(made):
            take(engine, vcf.write(home / f"{n}.vcf.gz"), "here")
            looked_at = expected_spans(vcf, Assembly.GRCH37)
            oracle.add("here", vcf.samples, expected(vcf, Assembly.GRCH37), looked_at)
        yield engine, oracle
        engine.dispose()


def record_sexes(engine: Engine, dataset: str, sexes: Mapping[str, Sex]) -> None:
    """Imports a pedigree that has these people."""
    codes = {Sex.MALE: 1, Sex.FEMALE: 2}
    lines = [f"F\t{name}\t0\t0\t{codes.get(sex, 0)}\t0\n" for name, sex in sexes.items()]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "people.ped"
        path.write_text("".join(lines))
        import_people(engine, dataset, path, Format.PED)


def copies(sexes: Mapping[str, Sex]) -> dict[str, dict[str, int]]:
    """How many copies of X and of Y people have, as far as it is known."""
    had = {"X": {Sex.MALE: 1, Sex.FEMALE: 2}, "Y": {Sex.MALE: 1, Sex.FEMALE: 0}}
    return {
        contig: {name: numbers[sex] for name, sex in sexes.items() if sex in numbers}
        for contig, numbers in had.items()
    }


@contextmanager
def both(
    *made: Vcf, url: str = "", sexes: Mapping[str, Sex] | None = None
) -> Iterator[tuple[SqlStore, MemoryStore]]:
    """The engine and the oracle over what is `held`, of people of these sexes."""
    with held(*made, url=url) as (engine, oracle):
        if sexes:
            record_sexes(engine, "here", sexes)
            oracle.record_copies("here", copies(sexes))
        store = open_store(engine)
        yield store, oracle
        store.close()


# What Hypothesis makes up.

BASES = "ACGT"
# Where the index could go wrong: the first and last bases, and the edges of megabases and of the short reach.
PLACES = (1, 1, (1 << 20) - 1, 2_000_000, -12)
SPANS = (1, 50, 255, 256, 257, 1024, 1025, 70_000, 1_100_000)
CONTIGS = tuple(Contig.read(name, Assembly.GRCH37) for name in ("20", "22", "X"))
# Where the first pseudoautosomal region of X ends.
PAR_END = 2_699_520


def bases(low: int = 1, high: int = 4) -> st.SearchStrategy[str]:
    return st.text(BASES, min_size=low, max_size=high)


@st.composite
def places(draw: st.DrawFn, contig: Contig) -> int:
    """A base of the contig, counted from 1, close to many others."""
    near = (*PLACES, PAR_END - 2, PAR_END - 2) if contig.name == "X" else PLACES
    base = draw(st.sampled_from(near)) + draw(st.integers(0, 4))
    return base if base > 0 else contig.length_bp + base


@st.composite
def sites(draw: st.DrawFn) -> Line:
    """A record without genotypes."""
    contig = draw(st.sampled_from(CONTIGS))
    pos = draw(places(contig))
    ref = draw(bases())[: contig.length_bp - pos + 1]
    ids = draw(st.sampled_from((".", "rs1", "rs1;rs2")))
    filters = draw(st.sampled_from(("PASS", ".", "q10;s50")))
    if draw(st.integers(0, 2)) == 0:
        alts, info = draw(_symbols(contig, pos))
    else:
        written = st.one_of(bases(), bases(), bases(), st.sampled_from(("*", "<NON_REF>", ref)))
        alts, info = tuple(draw(st.lists(written, min_size=1, max_size=3, unique=True))), "."
        if draw(st.integers(0, 15)) == 0:
            alts = tuple(BASES[n % 4] * (n // 4 + 1) for n in range(11))
    if draw(st.booleans()):
        info = f"{info};{draw(notes(len(alts)))}" if info != "." else draw(notes(len(alts)))
    return Line(contig.name, pos, ref, alts, (), ids, filters, info)


@st.composite
def notes(draw: st.DrawFn, alternates: int) -> str:
    """What an annotator writes of some of the alleles."""
    one = st.tuples(
        st.just("-"),
        st.sampled_from(("", "DMD", "BRCA1")),
        st.sampled_from(("", "NM_1.1", "NM_1.2", "NR_7")),
        st.sampled_from(("", "c.1A>C", "c.2del", f"c.1delins{'ACGT' * 30}", f"c.1delins{'ACGT' * 31}")),
        st.sampled_from(("", "p.Arg97Ter", "p.(Arg97Ter)", "p.Val6_Glu9del")),
        st.sampled_from(("stop_gained", "intron_variant", "intron_variant&splice_region_variant")),
        st.sampled_from(("HIGH", "LOW")),
        st.integers(1, alternates).map(str),
    )
    return "CSQ=" + ",".join("|".join(fields) for fields in draw(st.lists(one, min_size=1, max_size=4)))


@st.composite
def _symbols(draw: st.DrawFn, contig: Contig, pos: int) -> tuple[tuple[str, ...], str]:
    if draw(st.integers(0, 3)) == 0:
        block = draw(st.sampled_from(("<NON_REF>", "<*>", ".")))
        return (block,), f"END={pos + min(draw(st.sampled_from(SPANS)), contig.length_bp - pos)}"
    kinds = ("<DEL>", "<DUP>", "<INV>", "<CNV>", "<CN0>", "<INS>", "<BND>", "N[chr2:321[", "N.", ".A")
    pairs = (("<CNV>",), ("<DEL>",), ("<DEL>", "<DUP>"), ("<CN0>", "<CN2>"))
    alt, span = draw(st.sampled_from(kinds)), draw(st.sampled_from(SPANS))
    if draw(st.integers(0, 2)) == 0:
        return draw(
            st.sampled_from(pairs)
        ), f"END={pos + min(span, contig.length_bp - pos)}{draw(_margins())}"
    span = min(span, contig.length_bp - pos)
    around = draw(_margins())
    if alt == "<INS>":
        return (alt,), f"SVTYPE=INS;SVLEN={span}{around}"
    if alt in ("<BND>", "N[chr2:321[", "N.", ".A"):
        return (alt,), f"SVTYPE=BND{around}"
    if span == 0 or draw(st.booleans()):
        return (alt,), f"END={pos + span};SVLEN=-{span}{around}"
    return (alt,), f"SVTYPE=X;SVLEN=-{span}{around}"


@st.composite
def _margins(draw: st.DrawFn) -> str:
    """How closely the ends are known: mostly exactly."""
    lows, highs = st.sampled_from((0, -1, -50, -300, -70_000)), st.sampled_from((0, 1, 2, 300, 70_000))
    pairs = [f"{key}={draw(lows)},{draw(highs)}" for key in ("CIPOS", "CIEND") if draw(st.booleans())]
    return "".join(f";{pair}" for pair in pairs) if draw(st.booleans()) else ""


@st.composite
def genotypes(draw: st.DrawFn, alternates: int) -> str:
    """One sample's GT: mostly diploid, sometimes haploid, half missing or polyploid."""
    allele = st.sampled_from(["0", "0", ".", *(str(n) for n in range(1, alternates + 1))])
    ploidy = draw(st.sampled_from((2, 2, 2, 2, 1, 3)))
    return draw(st.sampled_from("/|")).join(draw(allele) for _ in range(ploidy))


@st.composite
def called(draw: st.DrawFn, site: Line, samples: int) -> Line:
    """The site with genotypes, in one of the shapes of FORMAT."""
    calls = [draw(genotypes(len(site.alts))) for _ in range(samples)]
    form = draw(st.sampled_from(("GT", "GT", "GT", "GT:DP", "DP:GT", "DP", "GT:PS", "PS:GT")))
    if site.alts[0].startswith("<"):
        form = draw(st.sampled_from((form, "GT:CN", "CN:GT", "CN")))
    copies = st.sampled_from(("0", "1", "2", "2", "3", "4", "15", ".", "1.2", "2.5", "2.9", "x"))
    depth, named = draw(st.sampled_from("077")), st.sampled_from((".", "0", "100", "300"))
    shapes = {"GT": "{}", "GT:DP": "{}:" + depth, "DP:GT": depth + ":{}", "DP": "7"}
    shapes |= {"GT:PS": "{}:{}", "PS:GT": "{1}:{0}", "GT:CN": "{0}:{2}", "CN:GT": "{2}:{0}", "CN": "{2}"}
    quality = draw(st.sampled_from((".", "7", "30.25")))
    columns = tuple(shapes[form].format(call, draw(named), draw(copies)) for call in calls)
    return replace(site, genotypes=columns, form=form, quality=quality)


@st.composite
def worlds(draw: st.DrawFn, names: Sequence[str] = ("P1", "P2", "P3", "P4")) -> list[Vcf]:
    """One to three sorted files that share people and alleles, with some alleles twice in a file."""
    pool = draw(st.lists(sites(), min_size=1, max_size=6))
    made = []
    for _ in range(draw(st.integers(1, 3))):
        samples = tuple(draw(st.lists(st.sampled_from(names), min_size=1, max_size=4, unique=True)))
        chosen = draw(st.lists(st.sampled_from(pool), min_size=1, max_size=6))
        rows = [draw(called(site, len(samples))) for site in chosen]
        made.append(Vcf(samples, in_order(rows), draw(st.sampled_from(((CSQ,), ())))))
    return made


def sexes(names: Sequence[str] = ("P1", "P2", "P3", "P4")) -> st.SearchStrategy[dict[str, Sex]]:
    return st.dictionaries(st.sampled_from(names), st.sampled_from(tuple(Sex)))


def in_order(made: Iterable[Line]) -> tuple[Line, ...]:
    return tuple(sorted(made, key=lambda line: (line.contig, line.pos)))
