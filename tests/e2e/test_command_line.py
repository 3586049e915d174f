"""A node made by hand with the commands of the README, and what the commands refuse."""

import json
import shlex
from pathlib import Path

import httpx
import pytest

from node.audit import Entry, Kind, Outcome
from node.cli.options import open_home
from node.demo import HOSPITALS
from tests.commands import done, refused, serving, varhaven
from tests.engines import NewDatabase

VCF, PEOPLE = HOSPITALS[0].files()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, new_database: NewDatabase) -> Path:
    """A node with one dataset of real genotypes, made with the commands of the README, on every engine."""
    folder = tmp_path_factory.mktemp("node") / "home"
    where = ("--database", new_database(folder))
    named = ("--url", "http://127.0.0.1:8080", "--name", "A", "--country", "FI", "--json")
    made = json.loads(done("init", *named, *where, home=folder))
    assert made["node"] == "http://127.0.0.1:8080"
    done("dataset", "add", "exomes", "--assembly", "GRCh37", "--policy", "open", home=folder)
    report = json.loads(done("ingest", VCF, "--dataset", "exomes", "--json", home=folder))
    assert report[0] | {"seconds": 0} == {
        "file": str(VCF),
        "dataset": "exomes",
        "counts": "genotypes",
        "records": 4773,
        "alleles": 4773,
        "people": 91,
        "skipped": [],
        "seconds": 0,
        "already": False,
    }
    return folder


def test_a_question_at_home(home: Path) -> None:
    answer = json.loads(done("query", "20:3193842 C>A", "--assembly", "GRCh37", "--json", home=home))
    line = answer["nodes"][0]
    assert (line["state"], line["ac"], line["an"], line["het"], line["hom"]) == ("hit", 10, 182, 10, 0)
    assert answer["sum"].items() >= {"ac": 10, "an": 182, "kind": "exact"}.items()
    assert answer["question"]["understood"] == "GRCh37 20:3193842 C>A"


def test_granularity_is_what_was_asked_for(home: Path) -> None:
    for granularity, alleles, results in (("boolean", None, 0), ("count", 1, 0), ("record", 1, 1)):
        arguments = ("--assembly", "GRCh37", "--granularity", granularity, "--json")
        answer = json.loads(done("query", "20:3193842 C>A", *arguments, home=home))
        line = answer["nodes"][0]
        assert (line["exists"], line["alleles"], len(line["results"])) == (True, alleles, results)


def test_the_same_over_http(home: Path) -> None:
    at_home = json.loads(done("query", "20:3193000-3194000", "--assembly", "GRCh37", "--json", home=home))
    with serving(home) as url:
        arguments = ("--assembly", "GRCh37", "--url", f"{url}/beacon", "--json")
        over_http = json.loads(done("query", "20:3193000-3194000", *arguments, home=home))
        assert httpx.get(f"{url}/healthz").text == "ok\n"
        assert httpx.get(f"{url}/readyz").status_code == 200
        assert httpx.get(f"{url}/service-info").json()["type"]["artifact"] == "beacon"
    assert over_http["nodes"][0]["results"] == at_home["nodes"][0]["results"] != []


def test_a_running_node_sees_what_the_command_line_brings(home: Path, tmp_path: Path) -> None:
    text = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tP1\n"
    new = tmp_path / "new.vcf"
    new.write_text(text + "1\t1000\t.\tA\tG\t.\tPASS\t.\tGT\t0/1\n", encoding="utf-8")
    parameters = {"assemblyId": "GRCh38", "referenceName": "1", "start": 999, "alternateBases": "G"}
    with serving(home) as url:
        before = httpx.get(f"{url}/beacon/g_variants", params=parameters)
        assert (before.status_code, before.json()["error"]["reason"]) == (400, "not_held")
        done("dataset", "add", "other", "--assembly", "GRCh38", "--policy", "open", home=home)
        absent = httpx.get(f"{url}/beacon/g_variants", params=parameters)
        assert absent.json()["responseSummary"]["exists"] is False
        done("ingest", new, "--dataset", "other", home=home)
        present = httpx.get(f"{url}/beacon/g_variants", params=parameters)
        assert present.json()["responseSummary"]["exists"] is True


def test_datasets_that_are_not_open_refuse_everybody(home: Path) -> None:
    done("dataset", "add", "secret", "--assembly", "GRCh38", "--policy", "controlled", home=home)
    parameters = {"assemblyId": "GRCh38", "referenceName": "1", "start": 999, "alternateBases": "G"}
    with serving(home) as url:
        answer = httpx.get(f"{url}/beacon/g_variants", params=parameters | {"datasetIds": "secret"})
    assert answer.status_code == 401
    assert "signed-in" in answer.json()["error"]["errorMessage"]


def test_clinical_records_come_in_whole(home: Path) -> None:
    arguments = (PEOPLE, "--dataset", "exomes", "--format", "bff", "--json")
    report = json.loads(done("people", "import", *arguments, home=home))
    assert (report["individuals"], report["linked"], report["genotyped"]) == (91, 91, 91)
    again = json.loads(done("people", "import", *arguments, home=home))
    assert (again["new"], again["updated"], again["unchanged"]) == (0, 0, 91)


def test_a_second_ingest_of_the_same_file_changes_nothing(home: Path) -> None:
    report = json.loads(done("ingest", VCF, "--dataset", "exomes", "--json", home=home))
    assert report[0]["already"] is True
    answer = json.loads(done("query", "20:3193842 C>A", "--assembly", "GRCh37", "--json", home=home))
    assert answer["sum"].items() >= {"ac": 10, "an": 182, "kind": "exact"}.items()


def test_doctor_tells_when_a_registered_file_has_changed(home: Path, tmp_path: Path) -> None:
    report = json.loads(done("doctor", "--whole", "--json", home=home))
    assert report["ok"] is True
    assert {one["check"]: one["findings"] for one in report["checks"]}["index"] == []
    own = tmp_path / "own"
    copy = tmp_path / "copy.vcf.gz"
    copy.write_bytes(VCF.read_bytes())
    done("init", "--url", "http://127.0.0.1:8081", "--name", "B", "--country", "ES", home=own)
    done("dataset", "add", "d", "--assembly", "GRCh37", "--policy", "open", home=own)
    done("ingest", copy, "--dataset", "d", home=own)
    copy.write_bytes(HOSPITALS[1].files()[0].read_bytes())
    assert "copy.vcf.gz" in varhaven("doctor", home=own).stdout
    assert varhaven("doctor", home=own).status == 1
    assert "--replace" in refused("ingest", copy, "--dataset", "d", home=own)
    done("ingest", copy, "--dataset", "d", "--replace", home=own)
    assert varhaven("doctor", home=own).status == 0
    answer = json.loads(done("query", "20:3193842 C>A", "--assembly", "GRCh37", "--json", home=own))
    assert answer["sum"].items() >= {"ac": 10, "an": 198, "kind": "exact"}.items()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("query", "20:3193842 C>A"), "which assembly"),
        (("query", "99:1 C>A", "--assembly", "GRCh37"), "not held"),
        (("query", "20:1 C>A", "--assembly", "hg18"), "GRCh38"),
        (("query", "20:10-5", "--assembly", "GRCh37"), "after end"),
        (("ingest", "nowhere.vcf.gz", "--dataset", "exomes"), "nowhere.vcf.gz"),
        (("ingest", str(VCF), "--dataset", "unknown"), "unknown"),
        (("dataset", "add", "exomes", "--assembly", "GRCh37", "--policy", "open"), "already"),
        (("init", "--url", "http://127.0.0.1:1", "--name", "A", "--country", "FI"), "lives here already"),
        (("peer", "add", "ftp://x", "--thumbprint", "x" * 43), "http"),
        (("peer", "add", "http://127.0.0.1:9", "--thumbprint", "short"), "thumbprint"),
        (("peer", "test", "http://127.0.0.1:9"), "not a peer"),
    ],
)
def test_a_refusal_is_one_plain_sentence(home: Path, arguments: tuple[str, ...], said: str) -> None:
    assert said in refused(*arguments, home=home)


def test_a_folder_without_a_node_says_how_to_make_one(tmp_path: Path) -> None:
    assert "varhaven init" in refused("dataset", "list", home=tmp_path)


def test_an_init_that_fails_leaves_no_node(tmp_path: Path) -> None:
    place = tmp_path / "n"
    refused("init", "--url", "http://127.0.0.1:1", "--name", "A", "--country", "Finland", home=place)
    named = ("--url", "http://127.0.0.1:1", "--name", "A", "--country", "FI")
    assert "'mysql' is not supported" in refused("init", *named, "--database", "mysql://x:y@z/n", home=place)
    away = "postgresql://x:secret@127.0.0.1:1/n"
    said = refused("init", *named, "--database", away, home=place)
    assert "connection failed" in said
    assert "secret" not in said
    done("init", *named, home=place)
    assert (place / "keys").stat().st_mode & 0o077 == 0
    assert (place / "varhaven.toml").stat().st_mode & 0o077 == 0


def test_two_nodes_become_a_network(home: Path, tmp_path: Path) -> None:
    """Trust is mutual and pinned: the partner answers only once it knows the caller's key."""
    made = json.loads(
        done("init", "--url", "http://127.0.0.1:1", "--name", "B", "--country", "ES", "--json", home=tmp_path)
    )
    done("dataset", "add", "d", "--assembly", "GRCh37", "--policy", "open", home=tmp_path)
    done("ingest", HOSPITALS[2].files()[0], "--dataset", "d", home=tmp_path)
    own = json.loads(
        done("peer", "add", "http://127.0.0.1:1", "--thumbprint", made["thumbprint"], "--json", home=home)
    )
    assert own["state"] == "unreachable"
    question = ("query", "20:3193842 C>A", "--assembly", "GRCh37", "--network", "--json")
    answer = json.loads(done(*question, home=home))
    assert [line["state"] for line in answer["nodes"]] == ["hit", "unreachable"]
    assert answer["nodes"][1]["exists"] is None
    assert answer["sum"].items() >= {"ac": 10, "an": 182, "kind": "lower_bound"}.items()
    done("peer", "suspend", "http://127.0.0.1:1", home=home)
    assert json.loads(done(*question, home=home))["nodes"][1]["state"] == "suspended"
    done("peer", "remove", "http://127.0.0.1:1", home=home)
    assert json.loads(done("peer", "list", "--json", home=home)) == []


def test_the_three_commands_of_the_readme(home: Path) -> None:
    """They work as they are pasted; the partner of the example is nowhere, and that is not a "no"."""
    text = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
    section = text.partition("## A network of your own")[2]
    commands = [line.strip() for line in section.splitlines() if line.startswith("    varhaven ")][:3]
    printed = [done(*shlex.split(command)[1:], home=home) for command in commands]
    assert printed[0].startswith("varhaven peer add http://127.0.0.1:8080 --thumbprint ")
    assert "Hospital" in printed[2] or "http" in printed[2]
    partner = shlex.split(commands[1])[3]
    try:
        answer = json.loads(done(*shlex.split(commands[2])[1:], "--json", home=home))
        assert [line["node"] for line in answer["nodes"]] == ["http://127.0.0.1:8080", partner]
        assert answer["nodes"][1]["exists"] is None
    finally:
        done("peer", "remove", partner, home=home)


def test_a_person_withdraws_comes_back_and_is_deleted(tmp_path: Path) -> None:
    home, vcf = tmp_path / "home", tmp_path / "own.vcf"
    head = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tP1\tP2\n"
    vcf.write_text(head + "1\t1000\t.\tA\tG\t.\tPASS\t.\tGT\t0/1\t1/1\n", encoding="utf-8")
    done("init", "--url", "http://127.0.0.1:8082", "--name", "C", "--country", "ES", home=home)
    done("dataset", "add", "d", "--assembly", "GRCh38", "--policy", "open", home=home)
    done("ingest", vcf, "--dataset", "d", home=home)

    def counted() -> tuple[int | None, int | None]:
        answer = json.loads(done("query", "1:1000 A>G", "--assembly", "GRCh38", "--json", home=home))
        return answer["nodes"][0]["ac"], answer["nodes"][0]["an"]

    assert counted() == (3, 4)
    done("backup", tmp_path / "b", home=home)
    done("consent", "withdraw", "P2", home=home)
    assert counted() == (1, 2)
    done("consent", "restore", "P2", home=home)
    assert counted() == (3, 4)
    assert "1 people deleted" in done("erase", "P2", home=home)
    assert counted() == (1, 2)
    assert "nobody of this name" in refused("consent", "withdraw", "P9", home=home)
    assert "lives here already" in refused("restore", tmp_path / "b", home=home)
    assert (
        json.loads(done("restore", tmp_path / "b", "--replace", "--json", home=home))["withdrawn_again"] == 1
    )
    assert counted() == (1, 2)
    assert "1 people deleted" in done("scrub", home=home)
    done("compact", home=home)
    done("dataset", "remove", "d", home=home)
    assert json.loads(done("dataset", "list", "--json", home=home)) == []


def test_the_audit_log_is_verified_and_exported(tmp_path: Path) -> None:
    home = tmp_path / "audited"
    done("init", "--url", "http://127.0.0.1:8099", "--name", "A", "--country", "FI", home=home)
    with open_home(home) as node:
        node.audit.record_now(Entry("0af7", "somebody", Kind.BEACON, Outcome.ANSWERED, ("rare",), "count"))
    assert json.loads(done("audit", "verify", "--json", home=home)) == {
        "ok": True,
        "entries": 1,
        "first_bad": None,
    }
    exported = done("audit", "export", home=home)
    entry, head = map(json.loads, exported.splitlines())
    assert entry["principal"] == "somebody"
    kept = tmp_path / "kept.jsonl"
    kept.write_text(exported)
    done("audit", "verify", "--against", kept, home=home)
    with open_home(home) as node, node.engine.begin() as connection:
        connection.exec_driver_sql("DROP TRIGGER audit_no_delete")
        connection.exec_driver_sql("DELETE FROM audit")
        connection.exec_driver_sql("DELETE FROM audit_head")
    done("audit", "verify", home=home)  # an empty log is whole by itself
    result = varhaven("audit", "verify", "--against", kept, "--json", home=home)
    assert result.status == 1
    assert json.loads(result.stdout) == {"ok": False, "entries": 0, "first_bad": 1}
    kept.write_text(json.dumps({"head": head["head"][:-4] + "AAAA"}))
    assert "signed by this node" in refused("audit", "verify", "--against", kept, home=home)


def test_what_is_changed_about_peers_is_in_the_audit_log(tmp_path: Path) -> None:
    home = tmp_path / "recorded"
    done("init", "--url", "http://127.0.0.1:8098", "--name", "A", "--country", "FI", home=home)
    done("peer", "add", "http://127.0.0.1:1", "--thumbprint", "A" * 43, home=home)
    for deed in ("suspend", "resume", "remove"):
        done("peer", deed, "http://127.0.0.1:1", home=home)
    entries = [json.loads(line) for line in done("audit", "export", home=home).splitlines()[:-1]]
    assert [entry["detail"] for entry in entries] == [
        "peer add",
        "peer suspend",
        "peer resume",
        "peer remove",
    ]
