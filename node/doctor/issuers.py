"""Checks of the identity providers and visa issuers that the node trusts."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from node.access.inspection import Trouble, inspect_issuers
from node.access.keys import NodeKey
from node.doctor.finding import Finding, Patient


def issuers(patient: Patient) -> Iterator[Finding]:
    """Issuers of tokens and visas answer, with keys that can be used, and their clocks agree."""
    settings = patient.settings
    if not settings.issuers and not settings.visas:
        return
    patient.watch("issuers of tokens and visas")

    async def troubles() -> list[Trouble]:
        found = inspect_issuers(settings, NodeKey.load(settings.home / "keys"))
        return [trouble async for trouble in found]

    for trouble in asyncio.run(troubles()):
        yield Finding(trouble.about, trouble.problem, trouble.remedy)
