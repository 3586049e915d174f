"""`varhaven doctor`: everything that can be wrong with a node, looked at, and what to do about it.

    finding    what a check is, and what it finds
    checks     of what lies on this machine
    network    of the node among others: audit log, public address, peers
    issuers    of whose tokens and visas are good here
    entrance   of what is needed to sign in

A new check is a function and its line in `CHECKS`.  Checks change nothing and may run beside a node that
serves; none hinders another.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from sqlalchemy.exc import DBAPIError

from node import db
from node.config import Settings
from node.doctor import checks, entrance, issuers, network
from node.doctor.finding import Check, Finding, Patient, Watcher
from schemas.errors import BadInput, NodeError

__all__ = ["CHECKS", "Check", "Examined", "Finding", "Patient", "examine"]

CHECKS: Final[Mapping[str, Check]] = MappingProxyType(
    {
        "home": checks.home,
        "key": checks.key,
        "reference": checks.reference,
        "space": checks.space,
        "database": checks.database,
        "files": checks.files,
        "index": checks.index,
        "audit": network.audit,
        "address": network.address,
        "peers": network.peers,
        "issuers": issuers.issuers,
        "providers": entrance.providers,
        "certificate": entrance.certificate,
    }
)
# Without these, what follows could only say the same once more.
_NEEDS_DATABASE: Final = frozenset({"files", "index", "audit", "peers"})


@dataclass(frozen=True, slots=True)
class Examined:
    """One check: its name, in a sentence what it stands for, and what it found; [] when all is well."""

    name: str
    about: str
    findings: tuple[Finding, ...]


def examine(settings: Settings, *, whole: bool = False, watch: Watcher | None = None) -> Iterator[Examined]:
    """Every check in turn, as soon as it is done.  Blocking: some read whole files.

    whole: compare every allele of every file with the index, not only a sample.
    """
    patient = Patient(settings, db.connect(settings.database_url), whole, watch or _ignore)
    is_readable = True
    try:
        for name, check in CHECKS.items():
            if name in _NEEDS_DATABASE and not is_readable:
                continue
            found = _run(check, patient)
            is_readable &= name != "database" or not found
            yield Examined(name, (check.__doc__ or "").split("\n", maxsplit=1)[0], found)
    finally:
        patient.engine.dispose()


def _ignore(_what: str) -> None:
    return


def _run(check: Check, patient: Patient) -> tuple[Finding, ...]:
    try:
        return tuple(check(patient))
    except BadInput as fault:
        return (Finding(str(fault.place), fault.problem, fault.remedy),)
    except NodeError as fault:
        return (Finding("this check", f"could not be made: {fault.message}", "See the other findings."),)
    except DBAPIError as fault:
        told = str(fault.orig).strip().split("\n", maxsplit=1)[0]
        return (Finding("this check", f"could not be made ({told})", "Run the doctor again."),)
