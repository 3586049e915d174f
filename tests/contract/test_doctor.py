"""The doctor finds what was broken on purpose, and nothing in a node that is well."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from node import db
from node.config import Settings
from node.doctor import CHECKS, Finding, examine
from node.home import make_home
from node.store.catalogue import add_dataset
from node.store.compaction import compact
from node.store.ingest import ingest
from node.store.scrubbing import scrub
from node.store.withdrawal import withdraw
from tests import vcfs
from tests.engines import NewDatabase

LINES = tuple(
    vcfs.Line("20", 100 + 10 * n, "A", ("C", "G")[: 1 + n % 2], calls)
    for n, calls in enumerate([("0/1", "1/1", "./."), ("0|1", "1", "0/1/1"), ("1/1", "0/0", "0/1")] * 20)
)
TRIO = vcfs.Vcf(("P1", "P2", "P3"), LINES)
ALONE = [
    replace(TRIO, samples=(f"Q{n}",), lines=tuple(replace(one, genotypes=("0/1",)) for one in LINES[n::7]))
    for n in range(4)
]


@pytest.fixture
def settings(tmp_path: Path, new_database: NewDatabase) -> Settings:
    """A node with five files, four of them of one person each."""
    home = tmp_path / "home"
    url = new_database(home)
    made = make_home(home, "http://127.0.0.1:1", "A", "FI", None if url.startswith("sqlite") else url)
    with_index(made.settings, tmp_path)
    return made.settings


def with_index(settings: Settings, folder: Path) -> None:
    engine = db.connect(settings.database_url)
    add_dataset(engine, vcfs.open_dataset("here"))
    for number, vcf in enumerate((TRIO, *ALONE)):
        ingest(engine, settings.ingest, vcf.write(folder / f"{number}.vcf.gz"), "here")
    engine.dispose()


def found(settings: Settings, *, whole: bool = True) -> dict[str, tuple[Finding, ...]]:
    """What each check found that found anything."""
    return {one.name: one.findings for one in examine(settings, whole=whole) if one.findings}


def change(settings: Settings, statement: str) -> None:
    engine = db.connect(settings.database_url)
    with engine.begin() as connection:
        assert connection.exec_driver_sql(statement).rowcount == 1
    engine.dispose()


def test_a_node_is_well_whatever_has_happened_to_its_people(settings: Settings) -> None:
    """Files that were merged, and people who have withdrawn, are no difference from the files."""
    assert found(settings) == {}
    engine = db.connect(settings.database_url)
    for step in (
        lambda: withdraw(engine, "P2"),
        lambda: withdraw(engine, "Q1"),
        lambda: compact(engine, "here"),
        lambda: withdraw(engine, "Q3"),
        lambda: scrub(engine),
        lambda: withdraw(engine, "P1"),
    ):
        step()
        assert found(settings) == {}
    engine.dispose()


FIRST = "WHERE start = 99 AND ref = 'A' AND alt = 'C' AND seg = 1"


@pytest.mark.parametrize(
    "spoilt",
    [
        f"UPDATE variant SET an = an + 1 {FIRST}",
        f"UPDATE variant SET hom = hom + 1, het = het - 1 {FIRST}",
        f"UPDATE variant SET homs = NULL {FIRST}",
        f"UPDATE variant SET uncalled = NULL {FIRST}",
        f"UPDATE variant SET alt = 'T' {FIRST}",
        f"DELETE FROM variant {FIRST}",
    ],
)
def test_a_row_that_is_not_what_its_file_says(settings: Settings, spoilt: str) -> None:
    change(settings, spoilt)
    for whole in (False, True):
        findings = found(settings, whole=whole)
        assert list(findings) == ["index"]
        assert len(findings["index"]) == 1
        assert "0.vcf.gz" in findings["index"][0].about
        assert "Restore a backup" in findings["index"][0].remedy


def test_rows_that_no_file_has(settings: Settings) -> None:
    """They are found when the whole of it is compared."""
    names = ", ".join(f'"{column.name}"' for column in db.variant.columns)
    values = names.replace('"alt"', "'TT'")
    change(settings, f"INSERT INTO variant ({names}) SELECT {values} FROM variant {FIRST}")
    assert found(settings, whole=False) == {}
    assert "in 1 alleles of" in found(settings)["index"][0].problem


def test_files_that_went_or_changed(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "0.vcf.gz").unlink()
    shutil.copy(tmp_path / "2.vcf.gz", tmp_path / "1.vcf.gz")
    three = bytearray((tmp_path / "3.vcf.gz").read_bytes())
    three[40] ^= 1
    (tmp_path / "3.vcf.gz").write_bytes(three)
    by_file = {Path(one.about.split(" ")[0]).name: one for one in found(settings)["files"]}
    assert sorted(by_file) == ["0.vcf.gz", "1.vcf.gz", "3.vcf.gz"]
    assert "missing" in by_file["0.vcf.gz"].problem
    assert "--replace" in by_file["1.vcf.gz"].remedy
    assert "same size" in by_file["3.vcf.gz"].problem


def test_what_others_may_read(settings: Settings) -> None:
    settings.home.chmod(0o755)
    (settings.home / "varhaven.toml").chmod(0o644)
    (settings.home / "keys" / "node.jwks").chmod(0o640)
    findings = found(settings)
    about = {Path(one.about).name for one in findings["home"]}
    assert {"varhaven.toml", "node.jwks"} <= about
    assert ("varhaven.db" in about) == settings.database_url.startswith("sqlite")
    assert "chmod 600" in findings["home"][0].remedy
    assert "read by other users" in findings["key"][0].problem


def test_a_home_without_its_key(settings: Settings) -> None:
    (settings.home / "keys" / "node.jwks").unlink()
    assert "backup" in found(settings)["key"][0].remedy


def test_a_database_that_is_away(settings: Settings) -> None:
    """The other checks go on; none says the same once more."""
    away = settings.model_copy(
        update={
            "database": settings.database.model_copy(update={"url": "postgresql://x:secret@127.0.0.1:1/n"})
        }
    )
    findings = found(away)
    assert list(findings) == ["database"]
    assert "cannot be read" in findings["database"][0].problem
    assert "secret" not in findings["database"][0].text
    lost = away.model_copy(
        update={"database": away.database.model_copy(update={"url": f"sqlite:///{settings.home}/no.db"})}
    )
    assert "missing" in found(lost)["database"][0].problem


def test_a_damaged_database(tmp_path: Path) -> None:
    settings = make_home(tmp_path / "home", "http://127.0.0.1:1", "A", "FI").settings
    with_index(settings, tmp_path)
    path = settings.home / "varhaven.db"
    content = bytearray(path.read_bytes())
    content[4096 * 3 : 4096 * 20] = bytes(4096 * 17)
    path.write_bytes(content)
    assert "varhaven restore" in found(settings)["database"][0].text


def test_every_check_says_what_it_stands_for() -> None:
    assert all((check.__doc__ or "").split("\n")[0].endswith((".", ";", ":")) for check in CHECKS.values())
