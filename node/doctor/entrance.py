"""Checks of what people and programs need so that they can sign in."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509

from node.access.inspection import Trouble, inspect_providers
from node.access.keys import NodeKey
from node.doctor.finding import Finding, Patient

_SOON: Final = timedelta(days=14)


def certificate(patient: Patient) -> Iterator[Finding]:
    """The certificate of the node belongs to its key and is good for a while."""
    server = patient.settings.server
    if server.certificate is None or server.key is None:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(server.certificate, server.key)
        ends = x509.load_pem_x509_certificates(server.certificate.read_bytes())[0].not_valid_after_utc
    except (OSError, ValueError) as fault:  # ssl.SSLError is an OSError
        yield Finding(str(server.certificate), f"cannot be used ({_told(fault)})", _remedy(server.key))
        return
    left = ends - datetime.now(UTC)
    if left < _SOON:
        problem = "it has expired" if left < timedelta() else f"it expires in {left.days} days"
        yield Finding(str(server.certificate), problem, "Get a new one and start the node again.")


def providers(patient: Patient) -> Iterator[Finding]:
    """The providers at which people sign in answer, with keys that can be used, and their clocks agree."""
    settings = patient.settings
    if not settings.sign_in.providers:
        return
    patient.watch("providers of sign-in")

    async def troubles() -> list[Trouble]:
        found = inspect_providers(settings, NodeKey.load(settings.home / "keys"))
        return [trouble async for trouble in found]

    for trouble in asyncio.run(troubles()):
        yield Finding(trouble.about, trouble.problem, trouble.remedy)


def _told(fault: Exception) -> str:
    """Without what a library could quote of a key."""
    return fault.strerror or type(fault).__name__ if isinstance(fault, OSError) else type(fault).__name__


def _remedy(key: Path) -> str:
    return f"Give PEM files that the node may read and that belong together, the key at {key}."
