"""Cases from the command line: files, the node's own people with their VCF, withdrawal, tokens, matching."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from node.config import CONFIG_NAME
from tests.commands import done, refused, varhaven
from tests.exchanges import ATAXIA, FOCAL, SEIZURE, patient

FIELDS = "Allele|Consequence|IMPACT|SYMBOL|Feature|HGVSp"
CSQ = f'##INFO=<ID=CSQ,Number=.,Type=String,Description="Format: {FIELDS}">'
# ITPA on GRCh37 is 20:3189514-3204516; S1 has a nonsense allele once, a missense allele twice, a common
# missense allele and an intronic one.
LINES = (
    ("3190000", "C", "T", "T|stop_gained|HIGH|ITPA|NM_1.2|NP_1.1:p.Arg7Ter", "0/1 0/0 0/0 0/0 0/0"),
    ("3190100", "G", "A", "A|missense_variant|MODERATE|ITPA|NM_1|", "1/1 0/1 0/0 0/0 0/0"),
    ("3190200", "G", "A", "A|missense_variant|MODERATE|ITPA|NM_1|", "0/1 0/1 0/1 0/1 1/1"),
    ("3190300", "A", "C", "C|intron_variant|MODIFIER|ITPA|NM_1|", "0/1 0/0 0/0 0/0 0/0"),
    ("3190400", "A", "C", "C|stop_gained|HIGH|ITPA|NM_1|", "0/0 0/1 0/0 0/0 0/0"),
)
PEOPLE = [
    {
        "id": "S1",
        "sex": {"id": "NCIT:C16576", "label": "female"},
        "phenotypicFeatures": [
            {"featureType": {"id": FOCAL, "label": "Focal-onset seizure"}},
            {"featureType": {"id": ATAXIA}, "excluded": True},
        ],
        "diseases": [{"diseaseCode": {"id": "OMIM:613850"}}, {"diseaseCode": {"id": "MONDO:0000001"}}],
    },
    {"id": "S2", "sex": {"id": "NCIT:C20197"}, "phenotypicFeatures": [{"featureType": {"id": SEIZURE}}]},
    {"id": "S3", "sex": {"id": "NCIT:C20197"}},
]


def as_json(*arguments: str | Path, home: Path) -> Any:
    return json.loads(done(*arguments, "--json", home=home))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    done("init", "--url", "http://127.0.0.1:9", "--name", "Alpha", "--country", "FI", home=folder)
    # On a busy machine the first question, for which everything is read, takes longer than eight seconds.
    with (folder / CONFIG_NAME).open("a", encoding="utf-8") as file:
        file.write("[federation]\ndeadline_s = 60\n")
    return folder


@pytest.fixture
def clinic(home: Path, tmp_path: Path) -> Path:
    """The home of a node with five people, an annotated VCF and their records."""
    columns = "\t".join(("#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT"))
    header = ["##fileformat=VCFv4.2", CSQ, "##contig=<ID=20,length=63025520>"]
    header += ['##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">']
    rows = [
        "\t".join(("20", pos, ".", ref, alt, ".", "PASS", f"CSQ={said}", "GT", *calls.split()))
        for pos, ref, alt, said, calls in LINES
    ]
    vcf = tmp_path / "clinic.vcf"
    vcf.write_text("\n".join([*header, f"{columns}\tS1\tS2\tS3\tS4\tS5", *rows]) + "\n")
    people = tmp_path / "people.json"
    people.write_text(json.dumps(PEOPLE))
    done("dataset", "add", "rare", "--assembly", "GRCh37", "--policy", "controlled", home=home)
    done("ingest", vcf, "--dataset", "rare", home=home)
    done("people", "import", people, "--dataset", "rare", "--format", "bff", home=home)
    return home


def _add(person: str, *more: str, home: Path) -> dict[str, Any]:
    (added,) = as_json("case", "add", "--individual", person, "--dataset", "rare", *more, home=home)
    shown: dict[str, Any] = as_json("case", "show", added["id"], home=home)
    return shown


def test_one_of_the_nodes_people_becomes_a_case_with_his_variants(clinic: Path) -> None:
    shown = _add("S1", "--gene", "ITPA", "--sharing", "variant", home=clinic)
    assert "S1" not in shown["id"]
    told = shown["patient"]
    assert told["sex"] == "FEMALE"
    assert [(one["id"], one["observed"]) for one in told["features"]] == [(FOCAL, "yes"), (ATAXIA, "no")]
    assert told["disorders"] == [{"id": "MIM:613850"}]
    assert [
        (one["variant"]["start"], one["zygosity"], one["type"]["id"]) for one in told["genomicFeatures"]
    ] == [(3_189_999, 1, "SO:0001587"), (3_190_099, 2, "SO:0001583")]
    assert [one.get("_hgvsp") for one in told["genomicFeatures"]] == ["NM_1.2:p.Arg7Ter", None]
    again = _add("S1", "--gene", "ITPA", home=clinic)
    assert (again["id"], again["sharing"]) == (shown["id"], "variant")
    assert len(as_json("case", "list", home=clinic)) == 1


def test_a_variant_of_his_can_be_named(clinic: Path) -> None:
    shown = _add("S1", "--gene", "ITPA", "--variant", "20:3190300 A>C", home=clinic)
    assert 3_190_299 in [one["variant"]["start"] for one in shown["patient"]["genomicFeatures"]]
    arguments = ("case", "add", "--individual", "S1", "--dataset", "rare", "--gene", "ITPA", "--variant")
    assert "does not carry" in refused(*arguments, "20:3190400 A>C", home=clinic)
    assert "not one allele" in refused(*arguments, "20:3190400-3190500", home=clinic)


def test_what_cannot_become_a_case_is_refused_with_the_reason(clinic: Path) -> None:
    arguments = ("case", "add", "--dataset", "rare", "--individual")
    assert "nobody of this id" in refused(*arguments, "S9", home=clinic)
    assert "nothing to match him by" in refused(*arguments, "S3", home=clinic)
    assert "ITPA" in refused(*arguments, "S1", "--gene", "ITPAA", home=clinic)
    assert "rare" in refused("case", "add", "--dataset", "other", "--individual", "S1", home=clinic)
    assert varhaven("case", "add", "--individual", "S1", home=clinic).status == 2
    assert varhaven("case", "add", home=clinic).status == 2


def test_who_withdraws_is_no_case_any_more(clinic: Path) -> None:
    mine = _add("S1", "--gene", "ITPA", home=clinic)["id"]
    other = _add("S2", "--gene", "ITPA", home=clinic)["id"]

    def found() -> list[str]:
        return [one["patient"]["id"] for one in as_json("match", other, home=clinic)["results"]]

    assert found() == [mine]
    done("consent", "withdraw", "S1", home=clinic)
    assert found() == []
    assert "lets nothing of it leave" in refused("match", mine, "--network", home=clinic)
    done("consent", "restore", "S1", home=clinic)
    assert found() == [mine]
    done("consent", "withdraw", "S1", home=clinic)
    done("scrub", home=clinic)
    assert [one["id"] for one in as_json("case", "list", home=clinic)] == [other]


def test_cases_come_from_files_and_go_again(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "cases.json"
    file.write_text(json.dumps([patient("P1", genes=["ITPA"]), patient("P2", genes=["ITPA"])]))
    added = as_json("case", "add", file, "--owner", "ann", "--team", "neuro", home=home)
    assert added == [{"id": name, "new": True, "sharing": "gene"} for name in ("P1", "P2")]
    assert "2 share their features and candidate genes" in done("case", "add", file, home=home)
    document = as_json("match", "P1", home=home)
    assert [one["patient"]["id"] for one in document["results"]] == ["P2"]
    assert [(line["node"], line["state"]) for line in document["nodes"]] == [("http://127.0.0.1:9", "hit")]
    both = as_json("match", file, home=home)
    assert [[one["patient"]["id"] for one in each["results"]] for each in both] == [["P2"], ["P1"]]
    shown = done("match", "P1", home=home)
    assert "P2" in shown
    assert "in 100" in shown
    done("case", "change", "P2", "--sharing", "nothing", "--status", "solved", home=home)
    assert as_json("match", "P1", home=home)["results"] == []
    done("case", "note", "P1", "to be seen in May", home=home)
    assert [note["text"] for note in as_json("case", "show", "P1", home=home)["notes"]] == [
        "to be seen in May"
    ]
    assert as_json("case", "hand-over", "ann", "bob", home=home) == {"cases": 2}
    assert {one["owner"] for one in as_json("case", "list", home=home)} == {"bob"}
    done("case", "remove", "P1", "P2", home=home)
    assert as_json("case", "list", home=home) == []
    assert "neither a file nor a case" in refused("match", "P1", home=home)
    assert "deposited" in refused("match", file, "--network", home=home)


def test_new_matches_are_found_again_and_sorted(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "cases.json"
    file.write_text(json.dumps([patient("P1", genes=["ITPA"]), patient("P2", genes=["ITPA"])]))
    done("case", "add", file, home=home)
    told = as_json("rematch", home=home)
    # One match of two cases of this node: the second is told of it when the first is asked about.
    assert (told["cases"], told["new"], told["letters"]) == (2, 1, 0)
    assert told["nodes"] == {"http://127.0.0.1:9": {"hit": 2}}
    assert as_json("rematch", home=home)["new"] == 0
    (track,) = as_json("case", "matches", "P1", home=home)
    assert (track["patient_id"], track["state"]) == ("P2", "new")
    number = str(track["number"])
    done("case", "triage", "P1", number, "--state", "flagged", "--comment", "call them", home=home)
    (track,) = as_json("case", "matches", "P1", home=home)
    assert (track["state"], [one["text"] for one in track["remarks"]]) == ("flagged", ["call them"])
    assert "no match of this number" in refused("case", "triage", "P1", "999", home=home)


def test_a_token_is_shown_once_and_ended_at_once(home: Path) -> None:
    told = as_json("peer", "token", "Partner Exchange", home=home)
    assert told["peer"] == "Partner Exchange"
    assert len(told["token"]) == 40
    assert told["token"] != as_json("peer", "token", "Partner Exchange", home=home)["token"]
    as_json("peer", "token", "Partner Exchange", home=home)
    as_json("peer", "token", "lab", home=home)
    assert as_json("peer", "tokens", home=home) == [
        {"peer": "Partner Exchange", "tokens": 2},
        {"peer": "lab", "tokens": 1},
    ]
    done("peer", "revoke", "Partner Exchange", home=home)
    assert "Partner" not in done("peer", "tokens", home=home)
    assert "no token" in refused("peer", "revoke", "Partner Exchange", home=home)
    assert "not a name" in refused("peer", "token", "\x00", home=home)


def test_people_are_found_by_what_they_carry_once_they_consent(clinic: Path, tmp_path: Path) -> None:
    """S2 has two alleles of which the phase is not known; S1, whose case asks, one of them twice."""
    (added,) = as_json("case", "add", "--individual", "S1", "--dataset", "rare", home=clinic)
    case = added["id"]
    (best, *_) = as_json("case", "candidates", case, home=clinic)
    assert (best["gene"]["label"], best["fit"]) == ("ITPA", "homozygous")
    assert "missense variant" in best["why"]
    shown = json.loads(done("case", "candidates", case, "--gene", "ITPA", home=clinic))
    assert {one["gene"]["id"] for one in shown["patient"]["genomicFeatures"]} == {"ITPA"}

    nobody = as_json("match", case, "--one-sided", home=clinic)
    assert (nobody["results"], nobody["nodes"][0]["state"]) == ([], "no_hit")
    (tmp_path / "ids.txt").write_text("S2\n\n")
    listed = ("--from", str(tmp_path / "ids.txt"), "--dataset", "rare")
    done("consent", "set", *listed, "--finding", "variant", home=clinic)
    (line,) = as_json("consent", "show", "--dataset", "rare", home=clinic)
    assert (line["individual"], line["finding"]) == ("S2", "variant")
    for asked in (("--one-sided",), ("--one-sided", "--gene", "ITPA"), ("--zero-sided",)):
        (found,) = as_json("match", case, *asked, home=clinic)["results"]
        assert found["patient"]["id"] == line["name"]
        assert {one["_fit"] for one in found["patient"]["genomicFeatures"]} == {
            "two alleles, phase not known"
        }
    done("consent", "set", "S2", "--dataset", "rare", "--finding", "nothing", home=clinic)
    assert as_json("match", case, "--one-sided", home=clinic)["results"] == []
    assert "nobody of this id" in refused(
        "consent", "set", "S99", "--dataset", "rare", "--finding", "count", home=clinic
    )
