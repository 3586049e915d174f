"""The book of cases: whose they are, what becomes of them, and what matching knows at every moment."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from matchmaker.match import Matchmaker
from matchmaker.phenotype import TermSpace
from matchmaker.scoring.profile import Reader
from node import db
from node.backup import back_up, restore
from node.cases import OPERATOR, Actor, CaseBook, Deposit, Status, Stock, read_cases
from node.exchange.tokens import TokenBook
from node.home import make_home
from schemas.errors import BadInput, Forbidden, NotAuthorised, NotFound
from schemas.matching import Gene, Limits, Sharing
from schemas.mme import Contact, read_patient
from tests.engines import NewDatabase
from tests.exchanges import CONTACT, patient
from tests.matching_worlds import GeneTable, Ontology, a_patient

ANN, BOB, CAT = Actor("ann"), Actor("bob"), Actor("cat", frozenset({"neuro"}))
SEIZURE, FOCAL, ATAXIA, ALL = "HP:0001250", "HP:0007359", "HP:0001251", "HP:0000118"
ONTOLOGY = Ontology(
    {ALL: (), SEIZURE: (ALL,), FOCAL: (SEIZURE,), ATAXIA: (ALL,)}, {"d": [FOCAL], "e": [ATAXIA]}
)
GENES = GeneTable({"SCN1A": Gene("HGNC:10585", "SCN1A")})
NODE = Contact(name="Alpha", href="https://alpha.example")


@pytest.fixture
def book(tmp_path: Path, new_database: NewDatabase) -> Iterator[CaseBook]:
    engine = db.connect(new_database(tmp_path))
    db.migrate(engine)
    yield CaseBook(engine)
    engine.dispose()


def a_case(name: str = "C1", owner: str = "ann", **more: Any) -> Deposit:
    fields = more.pop("fields", {"features": [FOCAL], "genomicFeatures": ["SCN1A"]})
    return Deposit(a_patient(name, **fields), more.pop("sharing", Sharing.GENE), owner, **more)


def a_stock(book: CaseBook) -> Stock:
    reader = Reader(TermSpace(ONTOLOGY), GENES)
    return Stock(book, lambda: Matchmaker(reader, limits=Limits(100, 0.0)))


def found(stock: Stock, **options: Any) -> dict[str, dict[str, Any]]:
    matches = stock.match(a_patient("Q", features=[SEIZURE, ATAXIA], genomicFeatures=["SCN1A"]), **options)
    return {match.patient.id: match.patient.document() for match in matches.found}


# ---------------------------------------------------------------------------------------------- whose it is


def test_a_case_of_somebody_else_is_as_if_it_were_not_there(book: CaseBook) -> None:
    book.add(ANN, [a_case(team="neuro")])
    assert [one.id for one in book.cases(ANN)] == [one.id for one in book.cases(CAT)] == ["C1"]
    assert book.cases(BOB) == []
    for attempt in (
        lambda: book.find(BOB, "C1"),
        lambda: book.change(BOB, "C1", sharing=Sharing.VARIANT),
        lambda: book.remove(BOB, "C1"),
        lambda: book.note(BOB, "C1", "hello"),
        lambda: book.notes(BOB, "C1"),
    ):
        with pytest.raises(NotFound) as refusal:
            attempt()
        with pytest.raises(NotFound) as unknown:
            book.find(BOB, "C2")
        assert refusal.value.message == unknown.value.message
    assert book.find(ANN, "C1").sharing is Sharing.GENE


def test_a_team_may_do_what_the_owner_may(book: CaseBook) -> None:
    book.add(ANN, [a_case(team="neuro")])
    book.change(CAT, "C1", status=Status.SOLVED)
    book.note(CAT, "C1", "solved by the trio")
    assert book.find(ANN, "C1").status is Status.SOLVED
    assert [(one.author, one.text) for one in book.notes(ANN, "C1")] == [("cat", "solved by the trio")]
    book.change(ANN, "C1", team="")
    with pytest.raises(NotFound):
        book.find(CAT, "C1")


def test_cases_are_handed_over_when_somebody_leaves(book: CaseBook) -> None:
    book.add(OPERATOR, [a_case("C1"), a_case("C2"), a_case("C3", owner="bob")])
    with pytest.raises(Forbidden):
        book.hand_over(BOB, "ann", "bob")
    assert book.hand_over(OPERATOR, "ann", "bob") == 2
    assert [one.id for one in book.cases(BOB)] == ["C1", "C2", "C3"]
    assert book.cases(ANN) == []


def test_an_id_is_not_taken_from_anybody_even_when_its_case_is_gone(book: CaseBook) -> None:
    book.add(ANN, [a_case()])
    with pytest.raises(Forbidden):
        book.add(BOB, [a_case("C9", owner="bob"), a_case(owner="bob")])
    assert book.cases(BOB) == []  # all or none
    book.remove(ANN, "C1")
    with pytest.raises(Forbidden):
        book.add(BOB, [a_case(owner="bob")])
    assert [one.new for one in book.add(ANN, [a_case()])] == [True]


def test_a_case_added_again_keeps_owner_and_consent(book: CaseBook) -> None:
    book.add(ANN, [a_case(sharing=Sharing.PHENOTYPE, team="neuro", family="F1", notify="a@a.example")])
    again = a_case(owner="operator", fields={"features": [ATAXIA]})
    assert [one.new for one in book.add(OPERATOR, [again])] == [False]
    held = book.find(ANN, "C1")
    assert (held.owner, held.team, held.family, held.notify) == ("ann", "neuro", "F1", "a@a.example")
    assert held.sharing is Sharing.PHENOTYPE
    assert [feature.id for feature in held.patient.features] == [ATAXIA]
    book.change(ANN, "C1", status=Status.PAUSED)
    book.add(OPERATOR, [again], restates={"C1"})
    assert book.find(ANN, "C1").status is Status.PAUSED
    assert book.find(ANN, "C1").sharing is Sharing.GENE


def test_a_case_goes_with_everything_written_beside_it(book: CaseBook) -> None:
    book.add(ANN, [a_case()])
    book.note(ANN, "C1", "calls on Monday")
    book.remove(ANN, "C1")
    book.add(ANN, [a_case()])
    assert book.notes(ANN, "C1") == []


# --------------------------------------------------------------------------------- what matching knows of it


def test_matching_follows_every_change_at_once(book: CaseBook) -> None:
    stock, elsewhere = a_stock(book), a_stock(book)
    assert found(stock) == found(elsewhere) == {}
    book.add(ANN, [a_case(), a_case("C2", sharing=Sharing.PHENOTYPE)])
    for one in (stock, elsewhere):
        assert "genomicFeatures" in found(one)["C1"]
        assert "genomicFeatures" not in found(one)["C2"]
    book.change(ANN, "C1", sharing=Sharing.PHENOTYPE)
    assert "genomicFeatures" not in found(stock)["C1"]
    book.change(ANN, "C1", status=Status.PAUSED)
    book.change(ANN, "C2", sharing=Sharing.NOTHING)
    assert found(stock) == found(elsewhere) == {}
    book.change(ANN, "C1", status=Status.SOLVED)
    assert set(found(stock)) == {"C1"}
    book.remove(ANN, "C1")
    assert found(stock) == {}
    book.add(ANN, [a_case()])
    assert set(found(stock)) == {"C1"}


def test_many_changes_one_by_one_are_as_all_at_once(book: CaseBook, monkeypatch: pytest.MonkeyPatch) -> None:
    """Across the moments at which everything is laid out anew."""
    monkeypatch.setattr("node.cases.stock._AT_LEAST", 4)
    stock = a_stock(book)
    for number in range(12):
        book.add(ANN, [a_case(f"C{number}", fields={"features": [FOCAL, ATAXIA][number % 2 :]})])
        if number % 3 == 0:
            book.change(ANN, f"C{number}", sharing=Sharing.PHENOTYPE)
        if number % 4 == 3:
            book.remove(ANN, f"C{number - 1}")
        assert found(stock) == found(a_stock(book))
        assert list(found(stock)) == list(found(a_stock(book)))


def test_relatives_are_not_matched_with_each_other(book: CaseBook) -> None:
    stock = a_stock(book)
    book.add(ANN, [a_case(name, family=family) for name, family in (("C1", "F1"), ("C2", "F1"), ("C3", ""))])
    assert set(found(stock)) == {"C1", "C2", "C3"}
    assert set(found(stock, besides={"C1"})) == {"C3"}
    assert set(found(stock, besides={"C3"})) == {"C1", "C2"}
    book.change(ANN, "C2", family="")
    assert set(found(stock, besides={"C1"})) == {"C2", "C3"}


@pytest.mark.parametrize("lost", [False, True])
def test_a_backup_brings_back_neither_what_was_removed_nor_more_consent(tmp_path: Path, lost: bool) -> None:
    home, url = tmp_path / "home", "http://127.0.0.1:9"
    settings = make_home(home, url, "Alpha", "FI").settings
    engine = db.connect(settings.database_url)
    book = CaseBook(engine)
    tokens = TokenBook(engine)
    ended = tokens.issue("lab")
    names = ("kept", "lowered", "paused", "removed")
    book.add(ANN, [a_case(name, sharing=Sharing.VARIANT) for name in names])
    back_up(settings, tmp_path / "backup")
    tokens.revoke("lab")
    book.change(ANN, "lowered", sharing=Sharing.PHENOTYPE)
    book.change(ANN, "paused", status=Status.PAUSED)
    book.remove(ANN, "removed")
    book.add(ANN, [a_case("new")])
    stock = a_stock(book)
    assert set(found(stock)) == {"kept", "lowered", "new"}
    if lost:
        engine.dispose()
        restore(tmp_path / "backup", tmp_path / "other")
        held = CaseBook(db.connect(f"sqlite:///{tmp_path}/other/varhaven.db")).cases(ANN)
        assert [one.id for one in held] == sorted(names)  # nobody knows what was promised since
        return
    restore(tmp_path / "backup", home, replace=True)
    assert {one.id: (one.sharing, one.status) for one in book.cases(ANN)} == {
        "kept": (Sharing.VARIANT, Status.ACTIVE),
        "lowered": (Sharing.PHENOTYPE, Status.ACTIVE),
        "paused": (Sharing.VARIANT, Status.PAUSED),
    }
    assert set(found(stock)) == {"kept", "lowered"}
    with pytest.raises(NotAuthorised):
        tokens.peer_of(ended)
    engine.dispose()


# ----------------------------------------------------------------------------------------------------- files


def _file(folder: Path, content: Any, name: str = "cases.json") -> Path:
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


ONE, TWO = patient("P1", features=[FOCAL]), patient("P2", genes=["SCN1A"], _sharing="variant")


@pytest.mark.parametrize(
    "content",
    [
        [ONE, TWO],
        [{"patient": ONE}, {"patient": TWO}],
        f"{json.dumps(ONE)}\n{json.dumps(TWO)}\n",
        f"\ufeff{json.dumps(ONE)}\n\n{json.dumps({'patient': TWO})}",
    ],
)
def test_one_file_holds_one_case_or_many(tmp_path: Path, content: Any) -> None:
    read = list(read_cases(_file(tmp_path, content), NODE))
    assert [(one.patient.id, one.sharing) for one in read] == [("P1", None), ("P2", Sharing.VARIANT)]
    assert [one.patient.id for one in read_cases(_file(tmp_path, ONE), NODE)] == ["P1"]


def test_a_patient_without_a_contact_gets_the_one_of_the_node(tmp_path: Path) -> None:
    (read,) = read_cases(_file(tmp_path, {"id": "P1", "features": [{"id": FOCAL}]}), NODE)
    assert read.patient.contact == NODE
    (read,) = read_cases(_file(tmp_path, ONE), NODE)
    assert read.patient.contact.name == CONTACT["name"]


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("[]", "no patient"),
        ("{", "not JSON"),
        (f"{json.dumps(ONE)}\n{{\n", "line 2"),
        ([ONE, ONE], "the same id"),
        ([ONE, {"id": "P3"}], "patient 2"),
        ([ONE, 17], "patient 2"),
        ({**ONE, "_sharing": "everything"}, "_sharing"),
        (f"{json.dumps(ONE)}\n{json.dumps({'id': 'P4', 'contact': CONTACT})}", "line 2"),
    ],
)
def test_what_is_wrong_with_a_file_is_told_by_its_place(tmp_path: Path, content: Any, named: str) -> None:
    with pytest.raises(BadInput, match=named):
        list(read_cases(_file(tmp_path, content), NODE))


PACKET: dict[str, Any] = {
    "id": "packet 1",
    "subject": {"id": "subject 1", "sex": "FEMALE"},
    "phenotypicFeatures": [
        {
            "type": {"id": FOCAL, "label": "Focal-onset seizure"},
            "onset": {"ontologyClass": {"id": "HP:0003577", "label": "Congenital onset"}},
        },
        {"type": {"id": ATAXIA}, "excluded": True},
    ],
    "diseases": [
        {"term": {"id": "OMIM:607208", "label": "Dravet syndrome"}},
        {"term": {"id": "OMIM:1"}, "excluded": True},
        {"term": {"id": "MONDO:0100135"}, "onset": {"ontologyClass": {"id": "HP:0003593"}}},
    ],
    "interpretations": [
        {
            "id": "i",
            "progressStatus": "SOLVED",
            "diagnosis": {
                "disease": {"id": "OMIM:607208", "label": "Dravet syndrome"},
                "genomicInterpretations": [
                    {
                        "subjectOrBiosampleId": "subject 1",
                        "interpretationStatus": "CAUSATIVE",
                        "variantInterpretation": {
                            "variationDescriptor": {
                                "id": "v",
                                "geneContext": {"valueId": "HGNC:10585", "symbol": "SCN1A"},
                                "vcfRecord": {
                                    "genomeAssembly": "hg38",
                                    "chrom": "chr2",
                                    "pos": "166000001",
                                    "ref": "CA",
                                    "alt": "C",
                                },
                                "allelicState": {"id": "GENO:0000135", "label": "heterozygous"},
                                "expressions": [
                                    {"syntax": "hgvs.c", "value": "NM_001165963.4:c.301C>T"},
                                    {"syntax": "hgvs.p", "value": "NP_001159435.1:p.Arg101Ter"},
                                ],
                            }
                        },
                    },
                    {
                        "subjectOrBiosampleId": "subject 1",
                        "interpretationStatus": "CANDIDATE",
                        "gene": {"valueId": "HGNC:3", "symbol": "A2MP1"},
                    },
                ],
            },
        }
    ],
    "metaData": {"created": "2026-01-01T00:00:00Z", "createdBy": "a", "phenopacketSchemaVersion": "2.0"},
}


def test_a_phenopacket_is_a_case_with_its_variants_counted_from_0(tmp_path: Path) -> None:
    (read,) = read_cases(_file(tmp_path, PACKET), NODE)
    assert read.patient == read_patient(
        {
            "id": "packet 1",
            "contact": NODE.document(),
            "sex": "FEMALE",
            "ageOfOnset": "HP:0003593",
            "features": [
                {"id": FOCAL, "label": "Focal-onset seizure", "ageOfOnset": "HP:0003577"},
                {"id": ATAXIA, "observed": "no"},
            ],
            "disorders": [{"id": "MIM:607208", "label": "Dravet syndrome"}],
            "genomicFeatures": [
                {
                    "gene": {"id": "SCN1A"},
                    "zygosity": 1,
                    "variant": {
                        "assembly": "GRCh38",
                        "referenceName": "2",
                        "start": 166_000_000,
                        "end": 166_000_002,
                        "referenceBases": "CA",
                        "alternateBases": "C",
                    },
                    "_hgvsp": "NP_001159435.1:p.Arg101Ter",
                },
                {"gene": {"id": "A2MP1"}},
            ],
        }
    )


def test_a_phenopacket_of_another_version_or_shape_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput):
        list(read_cases(_file(tmp_path, {**PACKET, "phenotypicFeatures": [{"kind": 1}]}), NODE))
