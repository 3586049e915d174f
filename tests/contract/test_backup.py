"""A node in one file and back, on every engine: as it was, of one moment, without whoever left."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy.engine import Engine

from node import db
from node.access.server import EmbeddedServer
from node.access.server.entitlements import Tier
from node.audit import Entry, Kind, Outcome, open_audit, verify
from node.backup import back_up, restore
from node.candidates import Consents
from node.config import CONFIG_NAME, Settings, read_settings
from node.doctor import examine
from node.home import make_home
from node.roster import DatabasePeople
from node.store import open_store
from node.store.catalogue import add_dataset, held_files
from node.store.index import SqlStore
from node.store.ingest import ingest
from node.store.removal import remove_dataset
from node.store.withdrawal import bring_back, withdraw
from schemas.candidates import Finding
from schemas.errors import BadInput, StoreUnavailable
from schemas.genome import Assembly, Contig, Interval
from schemas.ports import Page
from schemas.questions import RangeQuery
from tests import vcfs
from tests.engines import NewDatabase

CHR20 = Contig.read("20", Assembly.GRCH37)
WHOLE = RangeQuery(Interval(CHR20, 0, CHR20.length_bp))
SAMPLES = ("P1", "P2", "P3")
EARLY = vcfs.Vcf(
    SAMPLES, tuple(vcfs.Line("20", 100 + n, "A", ("C",), ("0/1", "1/1", "0/0")) for n in range(50))
)
LATE = vcfs.Vcf(("P4",), tuple(vcfs.Line("20", 900 + n, "A", ("C",), ("0/1",)) for n in range(3000)))


@dataclass(frozen=True)
class Node:
    """A node of the test.  place: a folder for files."""

    settings: Settings
    engine: Engine
    store: SqlStore
    place: Path

    @property
    def home(self) -> Path:
        return self.settings.home

    def take(self, vcf: vcfs.Vcf, name: str) -> None:
        ingest(self.engine, self.settings.ingest, vcf.write(self.place / name), "here")

    def told(self) -> tuple[tuple[str, ...], int, object]:
        found = self.store.find("here", WHOLE, Page(0, 1))
        return self.store.people("here"), self.store.count("here", WHOLE), found[0].counts


@pytest.fixture
def node(tmp_path: Path, new_database: NewDatabase) -> Iterator[Node]:
    """One that holds the early file."""
    home = tmp_path / "home"
    url = new_database(home)
    made = make_home(home, "http://127.0.0.1:1", "A", "FI", None if url.startswith("sqlite") else url)
    engine = db.connect(made.settings.database_url)
    add_dataset(engine, vcfs.open_dataset("here"))
    held = Node(made.settings, engine, open_store(engine), tmp_path)
    held.take(EARLY, "early.vcf.gz")
    yield held
    held.store.close()
    engine.dispose()


def is_well(node: Node) -> bool:
    return not any(one.findings for one in examine(node.settings, whole=True))


def test_everything_is_as_it_was(node: Node, tmp_path: Path) -> None:
    """Also for a node that went on: the later file is not held any more, and can be taken again."""
    before, file = node.told(), tmp_path / "b"
    report = back_up(node.settings, file)
    assert (report.node, report.datasets) == ("http://127.0.0.1:1", ("here",))
    assert file.stat().st_mode & 0o777 == 0o600
    node.take(LATE, "late.vcf.gz")
    assert node.told()[1] == 3050
    put_back = restore(file, node.home, replace=True)
    assert (put_back.withdrawn_again, put_back.knew_before, put_back.returned) == (0, True, ())
    assert node.told() == before
    assert [Path(one.path).name for one in held_files(node.engine, "here")] == ["early.vcf.gz"]
    node.take(LATE, "late.vcf.gz")
    assert node.told()[1] == 3050
    assert is_well(node)


def test_whoever_has_left_since_does_not_come_back(node: Node, tmp_path: Path) -> None:
    file = tmp_path / "b"
    withdraw(node.engine, "P3")
    back_up(node.settings, file)
    bring_back(node.engine, "P3")
    withdraw(node.engine, "P2")
    people = ("P1", "", "P3")
    assert node.store.people("here") == people
    seen = set()
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            seen.add(node.store.people("here"))

    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(ask)
        try:
            report = restore(file, node.home, replace=True)
        finally:
            done.set()
        asking.result()
    assert (report.withdrawn_again, report.knew_before) == (1, True)
    # Whom the backup knows as withdrawn stays so, too, and at no moment was the other to be seen.
    assert node.store.people("here") == ("P1", "", "")
    assert seen <= {people, ("P1", "", "")}
    assert node.told()[2].an == 2  # type: ignore[attr-defined]


def test_nobody_is_found_by_more_than_he_allowed_last(node: Node, tmp_path: Path) -> None:
    with closing(DatabasePeople(node.engine)) as people:
        consents = Consents(node.engine, people)
        for name, level in (("P1", Finding.VARIANT), ("P2", Finding.VARIANT), ("P3", Finding.COUNT)):
            consents.set("here", [name], level)
        back_up(node.settings, tmp_path / "b")
        for name, level in (("P1", Finding.NOTHING), ("P2", Finding.CONTACT), ("P3", Finding.VARIANT)):
            consents.set("here", [name], level)
        restore(tmp_path / "b", node.home, replace=True)
        assert consents.levels("here") == {"P2": Finding.CONTACT, "P3": Finding.COUNT}


def test_the_audit_log_is_never_taken_back(node: Node, tmp_path: Path) -> None:
    entry = Entry("0" * 32, "anonymous", Kind.BEACON, Outcome.ANSWERED)

    def record() -> None:
        audit = open_audit(node.engine, node.home / "keys")
        audit.record_now(entry)
        audit.close()

    record()
    back_up(node.settings, tmp_path / "b")
    record()
    restore(tmp_path / "b", node.home, replace=True)
    record()
    assert verify(node.engine).ok
    assert verify(node.engine).entries == 3


def test_nobody_who_was_locked_out_since_comes_in_again(node: Node, tmp_path: Path) -> None:
    server = EmbeddedServer(node.engine, node.home, "http://127.0.0.1:1")
    client_id, secret = server.clients.add_machine("pipeline")
    server.entitlements.grant(client_id, Tier.RECORD, "here")
    server.accounts.add("eve", ())
    back_up(node.settings, tmp_path / "backup")
    server.accounts.lock(server.accounts.named("eve"))
    server.entitlements.withdraw(client_id, Tier.RECORD, "here")
    server.clients.rotate_secret(server.clients.named(client_id))
    restore(tmp_path / "backup", node.home, replace=True)
    assert server.accounts.named("eve").locked
    assert server.entitlements.held_by(client_id) == ()
    assert secret is not None
    assert not server.clients.named(client_id).check_client_secret(secret)


def test_an_empty_home_knows_its_users_and_clients_again(tmp_path: Path) -> None:
    made = make_home(tmp_path / "home", "http://127.0.0.1:1", "A", "FI")
    engine = db.connect(made.settings.database_url)
    EmbeddedServer(engine, made.settings.home, "http://127.0.0.1:1").clients.add_machine("pipeline")
    engine.dispose()
    back_up(made.settings, tmp_path / "backup")
    restore(tmp_path / "backup", tmp_path / "other")
    engine = db.connect(read_settings(tmp_path / "other").database_url)
    server = EmbeddedServer(engine, tmp_path / "other", "http://127.0.0.1:1")
    assert server.accounts.sign_in("admin", made.admin_password, "", "192.0.2.1").account.must_change
    assert server.clients.named("pipeline")
    engine.dispose()


def test_a_dataset_that_was_removed_is_told_of(node: Node, tmp_path: Path) -> None:
    add_dataset(node.engine, vcfs.open_dataset("other"))
    back_up(node.settings, tmp_path / "b")
    remove_dataset(node.engine, "other")
    assert restore(tmp_path / "b", node.home, replace=True).returned == ("other",)


def test_a_backup_beside_an_ingest_is_of_one_moment(node: Node, tmp_path: Path) -> None:
    before, files = node.told(), []

    def back_up_now(_done: float, what: str) -> None:
        if "alleles" in what:
            files.append(tmp_path / f"b{len(files)}")
            back_up(node.settings, files[-1])

    path = LATE.write(tmp_path / "late.vcf.gz")
    ingest(node.engine, node.settings.ingest, path, "here", progress=back_up_now)
    assert node.told()[1] == 3050
    assert files
    restore(files[-1], node.home, replace=True)
    assert node.told() == before
    assert ingest(node.engine, node.settings.ingest, path, "here").alleles == 3000


def test_a_living_home_is_not_touched_unasked(node: Node, tmp_path: Path) -> None:
    back_up(node.settings, tmp_path / "b")
    before = node.told()
    with pytest.raises(BadInput, match=r"lives here already.*--replace"):
        restore(tmp_path / "b", node.home)
    with pytest.raises(BadInput, match="a file already"):
        back_up(node.settings, tmp_path / "b")
    (node.home / CONFIG_NAME).rename(tmp_path / "moved")
    with pytest.raises(BadInput, match="a database is there already"):
        restore(tmp_path / "b", node.home)
    assert node.told() == before
    assert sorted(path.name for path in node.home.iterdir() if path.name.startswith(".")) == []


@pytest.mark.parametrize("spoilt", ["cut", "bit", "other"])
def test_a_damaged_backup_is_refused(node: Node, tmp_path: Path, spoilt: str) -> None:
    file = tmp_path / "b"
    back_up(node.settings, file)
    before, content = node.told(), bytearray(file.read_bytes())
    if spoilt == "bit":
        content[len(content) // 2] ^= 1
    wrong = {"cut": content[: len(content) // 2], "other": b"x" * 4096}
    file.write_bytes(wrong.get(spoilt, content))
    for home in (tmp_path / "new", node.home):
        with pytest.raises(BadInput, match=r"no backup of a node|damaged or cut off"):
            restore(file, home, replace=True)
    assert not (tmp_path / "new").exists()
    assert node.told() == before


def test_a_backup_of_another_node_is_refused(node: Node, tmp_path: Path) -> None:
    back_up(node.settings, tmp_path / "b")
    other = make_home(tmp_path / "other", "http://127.0.0.1:2", "B", "FI")
    with pytest.raises(BadInput, match=r"a backup of http://127\.0\.0\.1:1, and here lives http"):
        restore(tmp_path / "b", other.settings.home, replace=True)


def embedded(tmp_path: Path) -> Node:
    made = make_home(tmp_path / "home", "http://127.0.0.1:1", "A", "FI")
    engine = db.connect(made.settings.database_url)
    add_dataset(engine, vcfs.open_dataset("here"))
    held = Node(made.settings, engine, open_store(engine), tmp_path)
    held.take(EARLY, "early.vcf.gz")
    return held


def test_an_empty_home_becomes_the_node(tmp_path: Path) -> None:
    node = embedded(tmp_path)
    before = node.told()
    back_up(node.settings, tmp_path / "b")
    report = restore(tmp_path / "b", tmp_path / "new")
    assert (report.knew_before, report.datasets) == (False, ("here",))
    settings = read_settings(tmp_path / "new")
    assert settings.node == node.settings.node
    for name in (CONFIG_NAME, "keys/node.jwks"):
        there = tmp_path / "new" / name
        assert there.read_bytes() == (node.home / name).read_bytes()
        assert there.stat().st_mode & 0o777 == 0o600
    engine = db.connect(settings.database_url)
    moved = Node(settings, engine, open_store(engine), tmp_path)
    assert moved.told() == before
    for one in (moved, node):
        one.store.close()
        one.engine.dispose()


def test_a_destroyed_database_is_replaced(tmp_path: Path) -> None:
    node = embedded(tmp_path)
    before = node.told()
    back_up(node.settings, tmp_path / "b")
    node.store.close()
    node.engine.dispose()
    for path in node.home.glob("varhaven.db*"):
        path.unlink()
    (node.home / "varhaven.db").write_bytes(b"no database" * 1000)
    with pytest.raises(StoreUnavailable, match="cannot be used"):
        back_up(node.settings, tmp_path / "second")
    assert not (tmp_path / "second").exists()
    findings = {one.name: one.findings for one in examine(node.settings)}
    assert "restore FILE" in findings["database"][0].remedy
    (node.home / "keys" / "node.jwks").unlink()
    assert restore(tmp_path / "b", node.home, replace=True).knew_before is False
    assert node.told() == before
    assert is_well(node)
    node.store.close()
    node.engine.dispose()
