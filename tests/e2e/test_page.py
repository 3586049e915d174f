"""The start page: the same answer with and without its script, streamed row by row, and never believed."""

import asyncio
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from node.app import open_node
from node.config import Settings
from node.federation.peers import Peer
from node.home import make_home
from tests.fake_peers import Fake, a_peer, answers_yes, hangs
from tests.federated import serving_whole

SCRIPT = Path(__file__).resolve().parents[2] / "node" / "web" / "page.js"
QUESTION = {"question": "20:3193842 C>A", "assembly": "GRCh37"}
NAME = "<script>alert(1)</script> & Hospital"


@pytest.fixture
def page(tmp_path: Path) -> Iterator[tuple[str, Settings]]:
    made = make_home(tmp_path / "home", "http://own.example", "Own", "FI").settings
    with serving_whole(made) as url:
        yield url, made


def trust(settings: Settings, *fakes: Fake) -> None:
    with open_node(settings) as node:
        for fake in fakes:
            node.peers.add(Peer(fake.url, NAME, ("x" * 43,)))


def test_rows_arrive_one_by_one_and_what_others_wrote_is_escaped(page: tuple[str, Settings]) -> None:
    url, settings = page

    async def main() -> None:
        async with (
            a_peer(hangs) as slow,
            a_peer(answers_yes) as quick,
            httpx.AsyncClient(trust_env=False, timeout=30) as http,
        ):
            trust(settings, slow, quick)
            headers = {"accept": "text/event-stream"}
            async with http.stream("POST", url + "/", data=QUESTION, headers=headers) as reply:
                assert reply.headers["content-type"].startswith("text/event-stream")
                told = _events(reply)
                name, plan = await anext(told)
                assert name == "plan"
                assert plan.count('class="waiting"') == 3
                rows = [(await anext(told))[1] for _ in range(2)]
                assert any('class="hit"' in row for row in rows)
                assert "<script>" not in plan + "".join(rows)
                assert "&lt;script&gt;" in plan
            async with asyncio.timeout(10):
                await slow.left.wait()  # whoever closes the page takes the question back

    asyncio.run(main())


async def _events(reply: httpx.Response) -> Any:
    name = ""
    async for line in reply.aiter_lines():
        if line.startswith("event: "):
            name = line[7:]
        elif line.startswith("data: "):
            yield name, json.loads(line[6:])["html"]


def test_the_page_needs_no_script(page: tuple[str, Settings]) -> None:
    url, settings = page

    async def main() -> None:
        async with a_peer(answers_yes) as quick, httpx.AsyncClient(trust_env=False, timeout=30) as http:
            trust(settings, quick)
            reply = await http.post(url + "/", data=QUESTION)
            assert reply.headers["content-type"].startswith("text/html")
            assert 'class="hit"' in reply.text
            assert "<script>" not in reply.text
            policy = reply.headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "script-src 'self'" in policy
            assert "unsafe" not in policy

    asyncio.run(main())


def test_the_script_is_the_nodes_own(page: tuple[str, Settings]) -> None:
    reply = httpx.get(f"{page[0]}/page.js", trust_env=False)
    assert reply.headers["content-type"].startswith("text/javascript")
    assert reply.text == SCRIPT.read_text(encoding="utf-8")
    assert "http" not in reply.text.replace("http-equiv", "")  # it asks nobody else


def test_a_question_that_is_refused_is_a_page(page: tuple[str, Settings]) -> None:
    headers = {"accept": "text/event-stream"}
    data = {"question": "nonsense !", "assembly": "GRCh37"}
    reply = httpx.post(page[0] + "/", data=data, headers=headers, trust_env=False)
    assert reply.status_code == 400
    assert reply.headers["content-type"].startswith("text/html")


HARNESS = """
const listeners = {}; const log = [];
const body = { append: (row) => log.push("row " + row.id) };
const answer = { querySelectorAll: () => [], querySelector: () => body,
  replaceChildren: (content) => log.push("whole " + content.html) };
const form = { addEventListener: (name, act) => { listeners[name] = act; },
  submit: () => log.push("submitted") };
globalThis.FormData = class {}; globalThis.URLSearchParams = class {};
globalThis.document = {
  getElementById: (id) => (id === "ask" ? form : answer),
  createElement: () => ({ set innerHTML(html) {
    this.content = { html, querySelectorAll: () => [{ id: html, dataset: { node: html } }] }; } }),
};
const parts = JSON.parse(process.argv[2]);
globalThis.fetch = async () => ({
  headers: { get: () => process.argv[3] },
  body: new ReadableStream({ start(c) {
    for (const part of parts) c.enqueue(new TextEncoder().encode(part)); c.close(); } }),
});
require(process.argv[4]);
listeners.submit({ preventDefault() {} }).then(() => console.log(JSON.stringify(log)));
"""


@pytest.mark.parametrize(
    ("parts", "media_type", "log"),
    [
        (
            ['event: plan\ndata: {"html": "P"}\n\nevent: pe', 'er\ndata: {"html": "R1"}\n',
             "\n: still asking\n\n",
             'event: peer\ndata: {"html": "R2"}\n\nevent: summary\ndata: {"html": "S"}\n\n'],
            "text/event-stream; charset=utf-8",
            ["whole P", "row R1", "row R2", "whole S"],
        ),
        (['event: plan\ndata: {"html": "P"}\n\n'], "text/event-stream", ["whole P", "submitted"]),
        (["<html>"], "text/html", ["submitted"]),
    ],
    ids=["whole", "broken off", "refused"],
)  # fmt: skip
def test_the_script_reads_the_stream_however_it_is_cut(
    tmp_path: Path, parts: list[str], media_type: str, log: list[str]
) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node here to run the script with")
    harness = tmp_path / "harness.js"
    harness.write_text(HARNESS, encoding="utf-8")
    command = [node, str(harness), json.dumps(parts), media_type, str(SCRIPT)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(ran.stdout) == log
