"""Every kind of question against an answer computed straight from the text of a VCF.

The oracle knows neither alleles nor names: two changes are the same when they make the same sequence of
the reference, a symbolic allele is what its columns say, and a person carries what his genotype column says.
"""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pysam
import pytest
from pyroaring import BitMap

from beacon.cases import Cases
from beacon.parameters import canonical, read_variant
from beacon.placement import place
from beacon.records import Telling, records_of
from beacon.search import Search
from node.reference.genes import GeneTable
from node.store import open_store
from node.store.index import SqlStore
from node.store.sequence import FastaSequences
from schemas.asking import AskedParameters
from schemas.errors import BadQuestion
from schemas.genome import Assembly, Contig, Interval
from schemas.ports import Ledger, Page, Roster, Variant
from schemas.questions import Question, RangeQuery
from schemas.reference import Reference
from tests.vcfs import Line, Vcf, new_node, open_dataset, take

LENGTH = 3000
CHR20 = Contig.read("20", Assembly.GRCH37)
PEOPLE = tuple(f"P{n}" for n in range(8))
AT = {"assemblyId": "GRCh37", "referenceName": "20"}
GENES = {"ALPHA": (200, 420), "BETA": (400, 900), "GAMMA": (2500, 2900)}


def make_sequence(chance: random.Random) -> str:
    """Bases with repeats, in which insertions and deletions can be written in several places."""
    parts = []
    while sum(map(len, parts)) < LENGTH:
        unit = "".join(chance.choices("ACGT", k=chance.randint(1, 4)))
        parts.append(unit * chance.choice((1, 1, 1, 2, 5)))
    return "".join(parts)[:LENGTH]


def make_lines(chance: random.Random, bases: str) -> Iterator[Line]:
    """Records as callers write them: not left-aligned, sometimes padded, some of several alleles."""
    known: set[tuple[int, str, str]] = set()
    yield Line("20", 880, bases[879], ("<DEL>",), ("0/1", *["0/0"] * 7), info="SVTYPE=DEL;END=935")
    for _ in range(300):
        first = chance.randint(2, LENGTH - 60)
        length = chance.choice((1, 1, 2, 3, 6))
        ref = bases[first - 1 : first - 1 + length]
        kind = chance.randrange(8)
        info, alts = ".", [chance.choice("ACGT") for _ in range(chance.choice((1, 1, 2)))]
        if kind == 1:
            alts = [ref + "".join(chance.choices("ACGT", k=chance.randint(1, 4)))]
        elif kind == 2:
            alts, ref = [ref], bases[first - 1 : first - 1 + length + chance.randint(1, 4)]
        elif kind == 3:  # a doubling, as an insertion somewhere in it
            alts = [ref + ref]
        elif kind == 4:
            alts = ["".join(chance.choices("ACGT", k=chance.randint(1, 4)))]
        elif kind == 5:
            last = first + chance.choice((1, 3, 40, 55))
            alts = [chance.choice(("<DEL>", "<DUP>", "<DUP:TANDEM>", "<INV>", "<CNV>", "<DEL:ME:ALU>"))]
            ref, info = bases[first - 1], f"SVTYPE=X;END={last}"
        elif kind == 6:
            alts = [f"<CN{n}>" for n in chance.sample((0, 2, 3, 5), 2)]
            ref, info = bases[first - 1], f"SVTYPE=CNV;END={first + chance.choice((9, 50))}"
        elif kind == 7:
            ref = bases[first - 1]
            mate = f"{chance.choice(('20', '21'))}:{chance.randint(1, LENGTH)}"
            alts = [
                chance.choice((f"{ref}[{mate}[", f"{ref}]{mate}]", f"]{mate}]{ref}", f"{ref}.", f".{ref}"))
            ]
            info = "SVTYPE=BND"
        info += _margins(chance, len(alts) * (kind > 4))
        line = Line("20", first, ref, tuple(alt for alt in dict.fromkeys(alts) if alt != ref), (), info=info)
        changes = {trimmed(Seen(line, number)) for number in range(1, len(line.alts) + 1)}
        if line.alts and not changes & known:  # each allele once, or its genotypes would be united
            known |= changes
            yield replace(line, genotypes=tuple(_genotype(chance, len(line.alts)) for _ in PEOPLE))


def _margins(chance: random.Random, alternates: int) -> str:
    """How closely the ends of symbolic alleles are known: a pair for each ALT, or one for all."""
    told = ""
    for key in ("CIPOS", "CIEND") if alternates else ():
        pairs = chance.choice((0, 0, 1, alternates))
        if pairs:
            values = [(-chance.randint(0, 60), chance.randint(0, 60)) for _ in range(pairs)]
            told += f";{key}=" + ",".join(f"{low},{high}" for low, high in values)
    return told


def _genotype(chance: random.Random, alternates: int) -> str:
    alleles = ["0", "0", "0", "0", ".", *(str(n) for n in range(1, alternates + 1))]
    ploidy = chance.choice((2, 2, 2, 1))
    return chance.choice("/|").join(chance.choice(alleles) for _ in range(ploidy))


@dataclass(frozen=True)
class Seen:
    """One ALT of one record, as its columns say."""

    line: Line
    number: int

    @property
    def alt(self) -> str:
        return self.line.alts[self.number - 1]

    @property
    def symbolic(self) -> bool:
        return not re.fullmatch("[ACGT]+", self.alt)

    @property
    def last(self) -> int:
        found = re.search(r"(?:^|;)END=(\d+)", self.line.info)
        return int(found[1]) if found else self.line.pos

    @property
    def is_point(self) -> bool:
        return self.symbolic and "<" not in self.alt

    def around(self, key: str) -> tuple[int, int]:
        """The pair of this allele."""
        found = re.search(rf"(?:^|;){key}=([-\d,]+)", self.line.info)
        values = [int(value) for value in found[1].split(",")] if found and self.symbolic else [0, 0]
        at = 0 if len(values) == 2 else 2 * self.number - 2
        return values[at], values[at + 1]

    def made_of(self, bases: str) -> str:
        """The reference with this change."""
        left = self.line.pos - 1
        assert bases[left:].startswith(self.line.ref)
        return bases[:left] + self.alt + bases[left + len(self.line.ref) :]

    def zygosity(self, name: str) -> str:
        """How a carrier carries it."""
        call = re.split(r"[/|]", self.line.genotypes[PEOPLE.index(name)])
        if len(call) == 1:
            return "hemizygous"
        return "homozygous" if self.is_hom(name) else "heterozygous"

    @property
    def carriers(self) -> set[str]:
        return {
            name
            for name, call in zip(PEOPLE, self.line.genotypes, strict=True)
            if str(self.number) in re.split(r"[/|]", call)
        }

    def is_hom(self, name: str) -> bool:
        """Whether every called copy is this allele, of two or more."""
        call = re.split(r"[/|]", self.line.genotypes[PEOPLE.index(name)])
        called = [allele for allele in call if allele != "."]
        return len(called) > 1 and set(called) == {str(self.number)}

    def copies(self, name: str) -> int:
        """Copies of the stretch that this person has, if his other chromosome is as the reference."""
        call = re.split(r"[/|]", self.line.genotypes[PEOPLE.index(name)])
        called = [allele for allele in call if allele != "."]
        mine = called.count(str(self.number))
        each = {"<DEL>": 0, "<DEL:ME:ALU>": 0, "<DUP>": 2, "<DUP:TANDEM>": 2}.get(self.alt)
        if each is None:
            number = re.fullmatch(r"<CN(\d)>", self.alt)
            each = int(number[1]) if number else -99
        if len(call) == 1:
            return each
        return each * 2 if len(called) == 2 == mine else each + 1


@dataclass(frozen=True)
class World:
    """A reference, a VCF called against it, and the store that took it in."""

    bases: str
    seen: tuple[Seen, ...]
    store: SqlStore
    reference: Reference

    def held(self) -> Iterator[tuple[Seen, Variant]]:
        """Every carried ALT of the VCF beside what the store has at that place, of that text."""
        found = self.store.find("d", RangeQuery(Interval(CHR20, 0, LENGTH)), Page(limit=10_000))
        by_text = {}
        for variant in found:
            allele, place_ = variant.allele, variant.allele.interval
            by_text[place_.start, allele.reference, allele.alternate, place_.end] = variant
        for seen in self.seen:
            if seen.carriers:
                first, last = affected(seen)
                _, ref, alt = ("", "", seen.alt) if seen.symbolic else trimmed(seen)
                yield seen, by_text[first, ref, alt, last]

    def ask(self, reference: Reference | None = None, **g_variant: object) -> set[tuple[str, ...]]:
        """What the store finds, each allele by the change it makes; read from the wire and back again."""
        asked = AskedParameters.model_validate({"g_variant": g_variant})
        question = read_variant(asked)
        assert question is not None
        echoed: Question | None = read_variant(
            AskedParameters.model_validate({"g_variant": canonical(question)})
        )
        assert echoed == question
        placed = place(question, Assembly.GRCH37, reference or self.reference)
        search = Search(self.store, None, "d")
        found = search.find(placed.sought, Page(limit=10_000))
        assert search.count(placed.sought) == len(found)
        assert search.exists(placed.sought) == bool(found)
        names = self.store.people("d")
        carried = {names[n] for n in search.carriers(placed.sought)} if found else set()
        if found:
            assert carried
        keys = set()
        for variant in found:
            allele = variant.allele
            if allele.is_symbolic:
                first, last = allele.interval.one_based
                keys.add((allele.alternate, str(first - 1), str(last)))
            else:
                place_ = allele.interval
                assert self.bases[place_.start : place_.end] == allele.reference
                keys.add(("", self.bases[: place_.start] + allele.alternate + self.bases[place_.end :]))
        return keys

    def key(self, seen: Seen) -> tuple[str, ...]:
        if seen.symbolic:
            last = seen.line.pos if seen.is_point else seen.last
            return seen.alt, str(seen.line.pos), str(last)
        return "", seen.made_of(self.bases)

    def expect(self, meant: Callable[[Seen], bool], people: set[str] | None = None) -> set[tuple[str, ...]]:
        """What somebody of `people` carries, of what is meant."""
        within = set(PEOPLE) if people is None else people
        return {self.key(seen) for seen in self.seen if meant(seen) and seen.carriers & within}

    def carriers(self, meant: Callable[[Seen], bool]) -> set[str]:
        return {name for seen in self.seen if meant(seen) for name in seen.carriers}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("world")
    chance = random.Random(20)
    bases = make_sequence(chance)
    lines = sorted(make_lines(chance, bases), key=lambda line: line.pos)
    fasta = folder / "b37.fa"
    fasta.write_text(f">20\n{bases}\n")
    pysam.faidx(str(fasta))
    bed = folder / "genes.bed"
    bed.write_text("".join(f"20\t{left}\t{right}\t{name}\n" for name, (left, right) in GENES.items()))
    engine = new_node(folder, open_dataset("d"))
    assert not take(engine, Vcf(PEOPLE, tuple(lines)).write(folder / "d.vcf.gz"), "d")
    store = open_store(engine)
    sequences = FastaSequences({Assembly.GRCH37: fasta})
    reference = Reference(GeneTable({Assembly.GRCH37: bed}), sequences)
    seen = tuple(Seen(line, number) for line in lines for number in range(1, len(line.alts) + 1))
    yield World(bases, seen, store, reference)
    sequences.close()
    store.close()
    engine.dispose()


def overlaps(seen: Seen, left: int, right: int) -> bool:
    """By the bases that differ, or as far as a symbolic allele may reach; points touch the edges."""
    first, last = affected(seen)
    is_point = first == last
    first, last = first + seen.around("CIPOS")[0], last + seen.around("CIPOS" if is_point else "CIEND")[1]
    if is_point:
        return left <= last and first <= right
    return first < right and left < last


def affected(seen: Seen) -> tuple[int, int]:
    if seen.symbolic:
        return seen.line.pos, seen.line.pos if seen.is_point else seen.last
    left, ref, _ = trimmed(seen)
    return left, left + len(ref)


def test_the_world_is_rich(world: World) -> None:
    """Otherwise what follows would show little."""
    texts = {seen.alt.split(":")[0] for seen in world.seen if seen.symbolic}
    assert {"<DEL>", "<CN0>", "<CN5>", "<INV>", "<CNV>"} <= texts
    assert {".", "["} <= {mark for text in texts for mark in text}
    assert sum(seen.around("CIPOS") != (0, 0) for seen in world.seen) > 20
    assert len(world.seen) > 250
    shiftable = [seen for seen in world.seen if not seen.symbolic and len(seen.line.ref) != len(seen.alt)]
    assert len(shiftable) > 60


@pytest.mark.parametrize(("left", "right"), [(0, LENGTH), (100, 500), (777, 778), (2990, 3000)])
def test_ranges(world: World, left: int, right: int) -> None:
    expected = world.expect(lambda seen: overlaps(seen, left, right))
    assert world.ask(**AT, start=[left], end=[right]) == expected


@pytest.mark.parametrize("gene", GENES)
def test_genes(world: World, gene: str) -> None:
    left, right = GENES[gene]
    expected = world.expect(lambda seen: overlaps(seen, left, right))
    assert expected
    assert world.ask(geneId=gene) == expected
    assert world.ask(geneId=gene.lower(), assemblyId="hg19") == expected
    some = world.expect(lambda seen: overlaps(seen, left, right) and kind_of(seen) == "DEL")
    assert world.ask(geneId=gene, variantType="DEL") == some


def kind_of(seen: Seen) -> str:
    if not seen.symbolic:
        _, ref, alt = trimmed(seen)
        if len(ref) == len(alt):
            return "SNP" if len(ref) == 1 else "MNP"
        return "INS" if not ref else "DEL" if not alt else "INDEL"
    if seen.is_point:
        return "BND"
    word = seen.alt.strip("<>")
    number = re.fullmatch(r"CN(\d)", word)
    if number:
        return "DEL" if number[1] == "0" else "DUP"
    return word if word == "DUP:TANDEM" else word.split(":")[0]


def trimmed(seen: Seen) -> tuple[int, str, str]:
    ref, alt, left = seen.line.ref, seen.alt, seen.line.pos - 1
    while ref and alt and ref[-1] == alt[-1]:
        ref, alt = ref[:-1], alt[:-1]
    while ref and alt and ref[0] == alt[0]:
        ref, alt, left = ref[1:], alt[1:], left + 1
    return left, ref, alt


TREE = {
    "SNP": "SNP SNV SO:0001483",
    "MNP": "MNP SO:0002007",
    "SNP MNP": "SO:1000002",
    "INS": "INS SO:0000667",
    "DEL": "DEL EFO:0030067 SO:0001743",
    "INDEL": "SO:1000032",
    "INS DEL INDEL": "INDEL",
    "DUP DUP:TANDEM": "DUP EFO:0030070 SO:0001742",
    "DUP:TANDEM": "DUP:TANDEM <DUP:TANDEM> SO:1000173",
    "INV": "INV SO:1000036",
    "CNV DEL DUP DUP:TANDEM": "CNV SO:0001019 EFO:0030066",
    "BND": "BND SO:0000199",
    "SNP MNP INS DEL INDEL DUP DUP:TANDEM INV CNV BND": "SO:0001059",
}


@pytest.mark.parametrize(("kinds", "words"), TREE.items())
def test_types(world: World, kinds: str, words: str) -> None:
    expected = world.expect(lambda seen: kind_of(seen) in kinds.split())
    assert expected
    for word in words.split():
        assert world.ask(**AT, start=[0], end=[LENGTH], variantType=word) == expected


@pytest.mark.parametrize(("word", "alt"), [("CN2", "<CN2>"), ("<cn5>", "<CN5>"), ("DEL:ME", "<DEL:ME:ALU>")])
def test_symbolic_alleles_by_their_text(world: World, word: str, alt: str) -> None:
    expected = world.expect(lambda seen: seen.alt == alt)
    assert expected
    assert world.ask(**AT, start=[0], end=[LENGTH], variantType=word) == expected


LEVELS = {
    "EFO:0030068": ("DEL", lambda copies: copies >= 1),
    "EFO:0030069": ("DEL", lambda copies: copies == 0),
    "EFO:0020073": ("DEL", lambda copies: copies == 0),
    "EFO:0030071": ("DUP", lambda copies: 2 <= copies <= 4),
    "EFO:0030072": ("DUP", lambda copies: copies >= 5),
    "EFO:0030073": ("DUP", lambda copies: copies >= 5),
}


@pytest.mark.parametrize("word", LEVELS)
def test_levels_of_copy_number(world: World, word: str) -> None:
    kind, fits = LEVELS[word]

    def meant(seen: Seen) -> bool:
        of_kind = seen.symbolic and kind_of(seen).startswith(kind)
        return of_kind and any(fits(seen.copies(name)) for name in seen.carriers)

    expected = world.expect(meant)
    assert expected
    found = world.ask(**AT, start=[0], end=[LENGTH], variantType=word)
    assert {key for key in found if key[0]} == expected


def test_hgvs_names_find_the_change_wherever_it_was_written(world: World) -> None:
    """Each sequence allele is asked for by the rightmost name, as HGVS demands; bases are left out."""
    asked = 0
    for seen in world.seen:
        if seen.symbolic:
            continue
        made = seen.made_of(world.bases)
        expected = world.expect(
            lambda other, made=made: not other.symbolic and other.made_of(world.bases) == made
        )
        name = rightmost_name(world.bases, made)
        found = world.ask(genomicAlleleShortForm=f"NC_000020.10:g.{name}")
        assert {key for key in found if not key[0]} == expected, name
        asked += 1
    assert asked > 100


def rightmost_name(bases: str, made: str) -> str:
    """By the longest common prefix first, which pushes every change to the right."""
    left = 0
    while left < min(len(bases), len(made)) and bases[left] == made[left]:
        left += 1
    tail = 0
    while tail < min(len(bases), len(made)) - left and bases[-1 - tail] == made[-1 - tail]:
        tail += 1
    was, now = bases[left : len(bases) - tail], made[left : len(made) - tail]
    first, last = left + 1, left + len(was)
    place_ = f"{first}_{last}" if last > first else f"{first}"
    if not was:
        if bases[left - len(now) : left] == now:
            return f"{left - len(now) + 1}_{left}dup" if len(now) > 1 else f"{left}dup"
        return f"{left}_{left + 1}ins{now}"
    if not now:
        return f"{place_}del"
    if len(was) == len(now) == 1:
        return f"{first}{was}>{now}"
    return f"{place_}delins{now}"


def test_alleles_are_found_wherever_in_a_repeat_they_are_asked_for(world: World) -> None:
    for seen in world.seen:
        if seen.symbolic or len(seen.line.ref) == len(seen.alt):
            continue
        made = seen.made_of(world.bases)
        expected = world.expect(
            lambda other, made=made: not other.symbolic and other.made_of(world.bases) == made
        )
        left, ref, alt = trimmed(seen)
        found = world.ask(**AT, start=[left], referenceBases=ref, alternateBases=alt)
        assert found == expected


def test_symbolic_alleles_by_hgvs(world: World) -> None:
    for seen in world.seen:
        word = {"<DEL>": "del", "<DUP>": "dup", "<DUP:TANDEM>": "dup", "<INV>": "inv"}.get(seen.alt)
        if word and seen.carriers and not (word == "inv" and seen.last == seen.line.pos + 1):
            first = seen.line.pos + 1
            where = f"{first}_{seen.last}" if seen.last > first else str(first)
            assert world.key(seen) in world.ask(genomicAlleleShortForm=f"NC_000020.10:g.{where}{word}")


def test_uncertain_ends(world: World) -> None:
    found = world.ask(genomicAlleleShortForm="NC_000020.10:g.(500_900)_(910_2000)del")

    def meant(seen: Seen) -> bool:
        first, last = affected(seen)
        return kind_of(seen) == "DEL" and 500 <= first + 1 <= 900 and 910 <= last <= 2000

    assert found == world.expect(meant)
    assert found


def test_adjacencies(world: World) -> None:
    """A breakend is found from either of its ends."""

    def mate(seen: Seen) -> tuple[str, int]:
        match = re.search(r"[\[\]](\d+):(\d+)[\[\]]", seen.alt)
        return (match[1], int(match[2])) if match else ("", 0)

    found = world.ask(**AT, start=[500, 2000], mateName="21")
    here = world.expect(lambda seen: mate(seen)[0] == "21" and overlaps(seen, 500, 2000))
    assert found == here
    assert found
    both = world.ask(**AT, start=[0, 1000], mateName="20", end=[1000, 2000])
    expected = world.expect(
        lambda seen: (
            mate(seen)[0] == "20"
            and (
                (overlaps(seen, 0, 1000) and 1000 < mate(seen)[1] <= 2000)
                or (overlaps(seen, 1000, 2000) and mate(seen)[1] <= 1000)
            )
        )
    )
    assert both == expected
    assert both


def test_several_variants_in_one_person(world: World) -> None:
    """Of every pair of types, one in each of two genes."""
    telling = 0
    for one, other in itertools.product(("SNP", "INS", "DEL", "INV", "BND"), repeat=2):

        def alpha(seen: Seen, kind: str = one) -> bool:
            return overlaps(seen, *GENES["ALPHA"]) and kind_of(seen) == kind

        def gamma(seen: Seen, kind: str = other) -> bool:
            return overlaps(seen, *GENES["GAMMA"]) and kind_of(seen) == kind

        def either(seen: Seen) -> bool:
            return alpha(seen) or gamma(seen)  # called before the next turn

        people = world.carriers(alpha) & world.carriers(gamma)
        expected = world.expect(either, people)
        parts = [{"geneId": "ALPHA", "variantType": one}, {"geneId": "GAMMA", "variantType": other}]
        assert world.ask(together=parts) == expected
        telling += set() < expected < world.expect(either)
    assert telling


@pytest.mark.parametrize("gene", GENES)
def test_two_hits_in_a_gene(world: World, gene: str) -> None:
    def meant(seen: Seen) -> bool:
        return overlaps(seen, *GENES[gene]) and kind_of(seen) == "INV"

    hits: dict[str, set[tuple[str, ...]]] = {name: set() for name in PEOPLE}
    for seen in world.seen:
        for name in seen.carriers if meant(seen) else ():
            hits[name].add(world.key(seen))
    twice = {name for seen in world.seen if meant(seen) for name in seen.carriers if seen.is_hom(name)}
    people = {name for name, own in hits.items() if len(own) > 1} | twice
    assert world.ask(geneId=gene, variantType="INV", hitsPerPerson=2) == world.expect(meant, people)


def test_reference_bases_are_held_against_the_sequence(world: World) -> None:
    wrong = next(base for base in "ACGT" if base != world.bases[99])
    other = next(base for base in "ACGT" if base not in (wrong, world.bases[99]))
    with pytest.raises(
        BadQuestion, match=f"referenceBases are {wrong}, but GRCh37 has {world.bases[99]} on 20"
    ):
        world.ask(**AT, start=[99], referenceBases=wrong, alternateBases=other)
    with pytest.raises(BadQuestion, match="referenceBases are"):
        world.ask(genomicAlleleShortForm=f"NC_000020.10:g.100{wrong}>{other}")


def test_without_a_reference_sequence_what_was_not_looked_for_is_told(world: World) -> None:
    bare = Reference(world.reference.genes)
    asked = AskedParameters.model_validate({"allele": "NC_000020.10:g.100_102del"})
    question = read_variant(asked)
    assert question is not None
    assert "only as it was written" in place(question, Assembly.GRCH37, bare).notes[0]
    assert not place(question, Assembly.GRCH37, world.reference).notes
    with pytest.raises(BadQuestion, match="does not tell which bases are doubled"):
        world.ask(bare, genomicAlleleShortForm="NC_000020.10:g.100_102dup")


def test_names_of_records_are_understood_and_name_one_change(world: World) -> None:
    """The HGVS name of a record finds it; two records have one VRS identifier if they are one change."""
    telling = Telling(open_dataset("d"), "https://a.example.org", world.reference.sequences)
    named, identified = 0, {}
    for seen, variant in world.held():
        (record,) = records_of([variant], telling)
        identifiers = record.get("identifiers", {})
        if "genomicHGVSId" in identifiers:
            named += 1
            assert world.key(seen) in world.ask(genomicAlleleShortForm=identifiers["genomicHGVSId"])
            if not seen.symbolic:
                name = rightmost_name(world.bases, seen.made_of(world.bases))
                if not {"inv", "delins"} & set(re.findall("[a-z]+", name)):
                    assert identifiers["genomicHGVSId"] == f"NC_000020.10:g.{name}"
        vrs = [other["id"] for other in identifiers.get("variantAlternativeIds", ())]
        assert bool(vrs) == (not seen.symbolic)
        if vrs:
            identified.setdefault(seen.made_of(world.bases), set()).update(vrs)
    assert named > 100
    assert all(len(ids) == 1 for ids in identified.values())
    assert len({min(ids) for ids in identified.values()}) == len(identified)


def test_cases_are_the_genotypes_of_the_file(world: World) -> None:
    samples = world.store.people("d")
    units = tuple(BitMap((n,)) for n in range(len(samples)))
    ledger = Ledger(tuple(sorted(samples)), tuple(units[samples.index(name)] for name in sorted(samples)))
    roster = Roster({"biosample": ledger, "individual": ledger}, units)
    cases = Cases(world.store, roster, "d", None)
    some = BitMap((samples.index("P1"), samples.index("P2")))
    fewer = Cases(world.store, roster, "d", some)
    for seen, variant in world.held():
        told = cases.of(variant.allele)
        assert {case["individualId"]: case["zygosity"]["label"] for case in told} == {
            name: seen.zygosity(name) for name in seen.carriers
        }
        assert all(case["biosampleId"] == case["individualId"] for case in told)
        assert {case["individualId"] for case in fewer.of(variant.allele)} == seen.carriers & {"P1", "P2"}
