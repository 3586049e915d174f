"""The command `verify`: does a Beacon do what the specification says?"""

from __future__ import annotations

import asyncio
import os
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from node.cli.options import AsJson, err, out, print_json
from node.config import FederationSection
from node.federation.guest import beacon_root
from node.federation.visitor import visiting
from node.verify.official import Schemas
from node.verify.probe import Probe
from node.verify.run import Limits, verify
from node.verify.verdict import Verdict
from schemas.errors import BadInput, BadQuestion, Place
from schemas.genome import Assembly
from schemas.notation import read_question
from schemas.questions import SequenceQuery


def verify_beacon(
    url: Annotated[str, typer.Argument(metavar="URL", help="Of the API's root: https://host.example/beacon")],
    probe: Annotated[
        str | None,
        typer.Option(help="A variant it holds: 'chr20:3193842 C>A'; found in its records otherwise."),
    ] = None,
    assembly: Annotated[str | None, typer.Option(help="Of the probe: GRCh37 or GRCh38.")] = None,
    schemas: Annotated[
        Path | None,
        typer.Option(help="A checkout of the specification, for its official schemas.", file_okay=False),
    ] = None,
    most: Annotated[int, typer.Option("--requests", min=10, help="Make no more requests than this.")] = 400,
    rate: Annotated[
        float, typer.Option(min=0, help="Requests a second, at most; 0: as fast as it answers.")
    ] = 20,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds to wait for each answer.")] = 20,
    token_env: Annotated[
        str | None, typer.Option(help="The environment variable that holds an access token to ask with.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check a Beacon against the specification, from outside; ends with 0 when no error was found."""
    root = beacon_root(url)
    given = _read_probe(probe, assembly) if probe is not None else None
    token = _read_token(token_env)
    official = Schemas(schemas).checks() if schemas is not None else ()
    status = err.status("Verifying ...") if err.is_terminal and not as_json else None

    async def run() -> Verdict:
        async with visiting(FederationSection(), token) as visitor:
            limits = Limits(most, rate, timeout)
            tell = status.update if status is not None else (lambda _: None)
            return await verify(visitor, root, probe=given, limits=limits, more=official, tell=tell)

    with status or nullcontext():
        verdict = asyncio.run(run())
    _show(verdict, as_json)
    if not verdict.ok:
        raise typer.Exit(1)


def _read_token(variable: str | None) -> str:
    if variable is None:
        return ""
    if not os.environ.get(variable):
        raise BadInput(Place("--token-env"), f"{variable} is empty", "Set it to the token, without 'Bearer'.")
    return os.environ[variable]


def _read_probe(text: str, assembly: str | None) -> Probe:
    question = read_question(text, Assembly.read(assembly) if assembly else None)
    if not isinstance(question, SequenceQuery) or question.reference is None:
        raise BadQuestion(
            f"--probe must be one allele with its bases, such as 'chr20:3193842 C>A', not {text!r}"
        )
    return Probe.of(question)


def _show(verdict: Verdict, as_json: bool) -> None:
    if as_json:
        print_json(verdict.document())
        return
    out.print(verdict.table())
    for line in verdict.failures():
        out.print(line, markup=False)
    if verdict.probe is None:
        out.print("No variant was found that it holds: name one with --probe to have everything checked.")
    else:
        out.print(f"asked about {verdict.probe} by {verdict.manner}", markup=False)
    out.print(verdict.summary(), markup=False)
