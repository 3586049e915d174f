"""The visas of one person, combined: whose they are, which of them hold, and why the others do not.

A visa that is broken, expired, not trusted or of somebody else is left out and said so; it spoils no other.
Names of different issuers are the same person only when a trusted issuer links them, or when the operator
has said that one issuer uses the names of another.

Spec: GA4GH Passport 1.2, "General Requirements" 8, "LinkedIdentities", "Visa Expiry".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from node.access.conditions import are_met
from node.access.principal import Visa
from node.access.visas import LINKED, Asserted, VisaReader
from schemas.errors import IssuerUnavailable, NotAuthorised

MAX_VISAS: Final = 500
Person = tuple[str, str]
"""Issuer and subject."""


@dataclass(frozen=True, slots=True)
class Holding:
    """visas: those that hold now.  ignored: why others do not, for the person, without their content.

    names: all by which issuers know this person.
    """

    visas: tuple[Visa, ...] = ()
    ignored: tuple[str, ...] = ()
    names: frozenset[Person] = frozenset()


class Clearinghouse:
    def __init__(self, reader: VisaReader) -> None:
        self._reader = reader

    async def combine(self, documents: Sequence[str], person: Person) -> Holding:
        """What the visas `documents` say of `person`.

        Raises NotAuthorised: more than 500.
        """
        if len(documents) > MAX_VISAS:
            raise NotAuthorised(f"a passport may have {MAX_VISAS} visas at most")
        sound: list[Asserted] = []
        ignored: list[str] = []
        for document in dict.fromkeys(documents):
            try:
                sound.append(await self._reader.read(document))
            except (NotAuthorised, IssuerUnavailable) as refusal:
                ignored.append(f"a visa was left out: {refusal.message}")
        names = _names_of(person, sound)
        own = [one for one in sound if _holder(one) in names]
        ignored += ["a visa was left out: it is about somebody else"] * (len(sound) - len(own))
        plain = [one.visa for one in own if one.is_plain]
        held = tuple(one.visa for one in own if are_met(one.conditions, plain))
        ignored += ["a visa was left out: its conditions are not met"] * (len(own) - len(held))
        return Holding(held, tuple(ignored), names)


def _holder(one: Asserted) -> Person:
    return one.visa.issuer, one.visa.subject


def _names_of(person: Person, sound: Iterable[Asserted]) -> frozenset[Person]:
    """All names of `person`, by links of trusted issuers, however many steps they take."""
    groups = [_same_person(one) for one in sound]
    names = {person}
    grown = True
    while grown:
        grown = False
        for group in groups:
            if group & names and not group <= names:
                names |= group
                grown = True
    return frozenset(names)


def _same_person(one: Asserted) -> frozenset[Person]:
    """Names that are one person by this visa alone."""
    group = {_holder(one), *((issuer, one.visa.subject) for issuer in one.issuer.subjects_of)}
    if one.visa.type == LINKED and one.is_plain:
        group |= _linked(one.visa.value)
    return frozenset(group)


def _linked(value: str) -> set[Person]:
    """Of `<sub>,<iss>;<sub>,<iss>`, both percent-encoded; nothing when any entry is malformed."""
    found = set()
    for entry in value.split(";"):
        subject, comma, issuer = entry.partition(",")
        if not comma or not subject or not issuer or "," in issuer:
            return set()
        found.add((unquote(issuer), unquote(subject)))
    return found
