"""A file of variants to a network: every line is in the result, whatever becomes of it, also after a kill."""

import asyncio
import csv
import gzip
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest

from node import batch
from node.app import open_node
from node.batch import Journal
from node.batch.running import Answer
from node.config import read_settings
from node.demo import DemoNode, running_demo
from node.federation.peers import Peer
from node.report import Report
from schemas.errors import BadInput, OverBudget
from schemas.genome import Assembly
from schemas.questions import Single
from tests.fake_peers import a_peer, hangs

CLI = [sys.executable, "-m", "node.cli"]
LINES = """# a comment
20:3193842 C>A

chr20-3193842-C-G
NC_000020.10:g.3193842C>A
nonsense !
20:3190000-3190500
"""


@pytest.fixture(scope="module")
def nodes() -> Iterator[tuple[DemoNode, ...]]:
    with running_demo(lambda _line: None) as running:
        yield running


def run(node: DemoNode, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [*CLI, "query", "--home", str(node.home), "--assembly", "GRCh37", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(text)))


def test_a_file_is_answered_by_everybody(nodes: tuple[DemoNode, ...], tmp_path: Path) -> None:
    questions, result = tmp_path / "variants.txt", tmp_path / "answers.csv"
    questions.write_text(LINES, encoding="utf-8")
    ran = run(nodes[0], "--file", questions, "--network", "--out", result)
    assert ran.returncode == 0, ran.stderr
    assert "5 questions: 1 refused" in ran.stdout
    told = rows(result.read_text(encoding="utf-8"))
    assert {int(row["line"]) for row in told} == {2, 4, 5, 6, 7}
    first = [row for row in told if row["line"] == "2"]
    assert [row["node"] for row in first[:-1]] == [node.url for node in nodes]
    assert {row["state"] for row in first[:-1]} == {"hit"}
    total = first[-1]
    assert (total["node"], total["state"], total["ac"], total["an"]) == ("sum", "exact", "33", "594")
    assert "a person known to several" in total["remark"]
    absent = [row for row in told if row["line"] == "4"]
    assert {row["exists"] for row in absent} == {"no"}
    (refused,) = [row for row in told if row["line"] == "6"]
    assert (refused["state"], refused["exists"]) == ("refused", "")
    assert refused["remark"]
    assert result.stat().st_mode & 0o077 == 0
    assert not result.with_name("answers.csv.part").exists()


def test_a_vcf_is_a_file_of_variants(nodes: tuple[DemoNode, ...], tmp_path: Path) -> None:
    questions, result = tmp_path / "own.vcf.gz", tmp_path / "answers.json"
    head = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    text = head + "20\t3193842\t.\tC\tA,G\t.\t.\t.\nchr20\t3193842\t.\tC\t<DEL>\t.\t.\t.\n20\t5\n"
    questions.write_bytes(gzip.compress(text.encode()))
    ran = run(nodes[0], "--file", questions, "--out", result)
    assert ran.returncode == 0, ran.stderr
    told = json.loads(result.read_bytes())
    assert [(one["number"], bool(one["refusal"])) for one in told] == [
        (3, False),
        (3, False),
        (4, True),
        (5, True),
    ]
    assert [one["nodes"][0]["exists"] for one in told[:2]] == [True, False]


def test_a_batch_that_was_killed_goes_on(nodes: tuple[DemoNode, ...], tmp_path: Path) -> None:
    """A peer that hangs keeps the batch long enough to be killed; what was answered is not asked again."""
    questions, result = tmp_path / "many.txt", tmp_path / "answers.csv"
    questions.write_text("".join(f"20:{3193842 + n} C>A\n" for n in range(40)), encoding="utf-8")
    journal = tmp_path / "answers.csv.part"

    async def killed() -> int:
        async with a_peer(hangs) as slow:
            with open_node(read_settings(nodes[0].home)) as node:
                node.peers.add(Peer(slow.url, "Slow", ("x" * 43,)))
            command = [*CLI, "query", "--home", str(nodes[0].home), "--assembly", "GRCh37", "--network"]
            command += ["--file", str(questions), "--out", str(result)]
            asking = await asyncio.create_subprocess_exec(
                *command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            async with asyncio.timeout(90):
                while not journal.exists() or journal.read_bytes().count(b"\n") < 3:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)  # another process writes it
            os.kill(asking.pid, signal.SIGKILL)
            await asking.wait()
            with open_node(read_settings(nodes[0].home)) as node:
                node.peers.remove(slow.url)
            return journal.read_bytes().count(b'"index"')

    answered = asyncio.run(killed())
    assert 0 < answered < 40
    assert not result.exists()
    journal.write_bytes(journal.read_bytes() + b'{"index": 39, "ans')  # cut off in the middle of a line
    ran = run(nodes[0], "--file", questions, "--network", "--out", result)
    assert ran.returncode == 0, ran.stderr
    assert f"going on: {answered} of 40" in ran.stderr
    told = rows(result.read_text(encoding="utf-8"))
    assert {int(row["line"]) for row in told} == set(range(1, 41))
    assert any(row["name"] == "Slow" and row["state"] == "timeout" for row in told)  # kept from before


def test_another_question_begins_anew(tmp_path: Path) -> None:
    result = tmp_path / "out.csv"
    with Journal(result, b"one") as journal:
        journal.record(0, {"x": 1})
    with Journal(result, b"one") as journal:
        assert journal.done == {0: {"x": 1}}
    with Journal(result, b"another") as journal:
        assert journal.done == {}
        journal.record(1, {"y": 2})
        journal.finish(b"whole")
    assert result.read_bytes() == b"whole"
    assert not journal.path.exists()


def test_a_spent_budget_ends_the_batch_and_loses_nothing(tmp_path: Path) -> None:
    questions = tmp_path / "q.txt"
    questions.write_text("".join(f"20:{n} C>A\n" for n in range(1, 21)), encoding="utf-8")
    lines = batch.read_lines(questions, Assembly.GRCH37)
    asked: list[Single] = []

    async def ask(question: Single) -> Report:
        asked.append(question)
        if len(asked) > 10:
            raise OverBudget("ask again tomorrow")
        return Report((), exact=True)

    done: dict[int, object] = {}
    kept: dict[int, object] = {}
    with pytest.raises(OverBudget):
        asyncio.run(batch.answer_all(lines, ask, done, keep=kept.__setitem__, told=lambda: None))
    assert len(kept) == 10
    asked.clear()
    asked_again = asyncio.run(
        batch.answer_all(lines[:10], ask, done, keep=kept.__setitem__, told=lambda: None)
    )
    assert asked == []
    assert [one.number for one in asked_again] == list(range(1, 11))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "asks nothing"),
        ("#\n\n", "asks nothing"),
        ("20:1 C>A\n" * 1001, "more than 1,000"),
        (b"\xff\xfe", "text"),
    ],
    ids=["empty", "comments", "too many", "binary"],
)
def test_a_file_that_is_no_batch(tmp_path: Path, text: str | bytes, said: str) -> None:
    path = tmp_path / "q.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(BadInput, match=said):
        batch.read_lines(path, Assembly.GRCH37)
    with pytest.raises(BadInput, match="cannot be read"):
        batch.read_lines(tmp_path / "nowhere.txt", Assembly.GRCH37)


def test_a_spreadsheet_takes_nothing_for_a_formula() -> None:
    node = {
        "node": "http://x",
        "name": "=HYPERLINK(1)",
        "state": "denied",
        "exists": None,
        "reason": '@x, "y"\n',
        "notes": [],
        "refused": [],
    }
    text = batch.write_csv([Answer(1, "20:1 C>A", "", "", [node], {})]).decode()
    (row,) = rows(text)
    assert row["name"] == "'=HYPERLINK(1)"
    assert row["remark"].startswith('\'@x, "y"')
    assert row["exists"] == ""
