"""The way in and out: who asks, what he may see, and the record of what he was told.

Every question passes here, by whatever entrance it comes: its sender is identified, the grant is decided, and
what is told of data that is not public is in the audit log before it leaves.

The purpose of a question stands in the header `Data-Use-Purpose`, as DUO codes: `DUO:0000006`, or
`DUO:0000007 MONDO:0005148`; `node.access.duo` has what can be stated.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import Any, Final, cast

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from beacon import api
from beacon.entries import concerned
from beacon.query import Asked
from beacon.room import Beacon
from beacon.terms import TermsEndpoint, list_terms
from node import pace, trace
from node.access.authenticator import Authenticator
from node.access.duo import Purpose, read_purpose
from node.access.grant import Rules
from node.access.presented import header, presented_by, shows_anything
from node.access.principal import Anonymous, Caller, Principal
from node.access.reception import Reception
from node.access.tokens import Behalf
from node.audit import Audit, Entry, Kind, Outcome
from schemas import beacon as wire
from schemas.access import ANONYMOUS, Grant, Granularity
from schemas.errors import BadQuestion, Forbidden, NodeError, NotAuthorised
from schemas.people import Dataset

_PURPOSE: Final = b"data-use-purpose"
SCOPE: Final = "beacon:query"
_STEP_S: Final = 0.01
_SENDER: Final = "varhaven.sender"


class Strangers:
    """What is decided for everybody who shows nothing and states no purpose: once for each new catalogue."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._decided: tuple[tuple[Dataset, ...], Grant] | None = None

    def grant(self, datasets: tuple[Dataset, ...]) -> Grant:
        """Datasets: as the catalogue gives them; another tuple is another catalogue."""
        decided = self._decided
        if decided is None or decided[0] is not datasets:
            self._decided = decided = datasets, self._rules.decide(Anonymous(), datasets)
        return decided[1]


@dataclass(frozen=True, slots=True)
class Gate:
    """Of one node.

    threads: for questions that take long.  They are few: each of them makes the event loop wait for its turn,
    and with it everybody who asks for one allele.
    """

    beacon: Beacon
    rules: Rules
    audit: Audit
    authenticator: Authenticator
    reception: Reception
    strangers: Strangers
    threads: Executor

    async def identify(self, request: Request, *, form: bool = False) -> Principal:
        """Who sends `request`: by its token or its passports, or else by the session of its cookie.

        Judged once, however often it is asked: a proof is good for one time.

        form: it is one of our own pages that asks, with a form for a body, in which no passports can be.

        Raises NotAuthorised: he shows credentials that do not hold; they are never taken for none.
        BadQuestion: posted passports that cannot be read; IssuerUnavailable, StoreUnavailable, OverBudget.
        """
        if _SENDER not in request.scope:  # which, unlike its state, no two requests share
            request.scope[_SENDER] = await self._identified(request, form)
        return cast("Principal", request.scope[_SENDER])

    async def _identified(self, request: Request, form: bool) -> Principal:
        if not shows_anything(request):
            return Anonymous()
        shown = await presented_by(request, None if form else api.body_of)
        if shown.authorization or shown.dpop or shown.passports:
            return await self.authenticator.identify(shown)
        if self.reception.cookies.has_session(request):
            return await run_in_threadpool(self.reception.caller, request) or Anonymous()
        return Anonymous()

    async def authorise(self, request: Request, *, form: bool = False) -> Grant:
        """What the sender of `request` may see, for the purpose that he states.

        Raises NotAuthorised and others: as `identify`; BadQuestion: a purpose that is not understood;
        Forbidden: a token that is not for questions.
        """
        principal = await self.identify(request, form=form)
        if isinstance(principal, Caller) and principal.issuer == self.rules.node:
            _refuse_other_scopes(principal)
        stated = header(request, _PURPOSE)
        if len(stated) > 1 or stated == [""]:
            raise BadQuestion("the header Data-Use-Purpose states one purpose, once")
        return self.grant(principal, self.purpose(stated[0] if stated else ""))

    def grant(self, principal: Principal, purpose: Purpose | None = None) -> Grant:
        datasets = self.beacon.catalogue.datasets()
        if isinstance(principal, Anonymous) and purpose is None:
            return self.strangers.grant(datasets)
        return self.rules.decide(principal, datasets, purpose)

    def purpose(self, stated: str) -> Purpose | None:
        """Raises BadQuestion: a purpose that is not understood."""
        return read_purpose(stated, self.rules.diseases) if stated else None

    def behalf(self, grant: Grant, peer: str) -> Behalf:
        """How a question under `grant` is put to `peer`: who asks, by a name that means nothing elsewhere."""
        if grant.principal == ANONYMOUS:
            return Behalf(purpose=grant.purpose)
        name = self.audit.digest(f"subject\0{peer}\0{grant.principal}".encode())
        return Behalf(name, grant.tier, grant.purpose)

    async def answer(self, kind: Kind, asked: Asked, grant: Grant) -> wire.Response:
        """What this node tells of its own data, recorded.

        Raises NodeError: see `beacon.entries.answer`; StoreUnavailable also when it cannot be recorded.
        """
        began = time.perf_counter()
        try:
            response = await api.answer_soon(self.beacon, asked, grant, self.threads)
        except NodeError as fault:
            self._note_refusal(kind, grant, fault)
            raise
        told = list(asked.datasets or ())
        if any(ceiling.granularity and not ceiling.public for ceiling in grant.ceilings.values()):
            told = [dataset.id for dataset, _ in concerned(self.beacon, asked, grant)]
        granularity = Granularity(response["meta"]["returnedGranularity"])
        await self._record(kind, grant, told, granularity, asked.body)
        if any(grant.ceiling(dataset).floor for dataset in told):
            # To find somebody and leave him unsaid takes some microseconds longer than to find nobody.
            await pace.even(began, _STEP_S)
        return response

    async def list_terms(
        self, kind: Kind, endpoint: TermsEndpoint, name: str, grant: Grant
    ) -> Mapping[str, Any]:
        """A list of filtering terms, recorded.  Raises NodeError: see `beacon.terms.list_terms`."""
        try:
            listed = await api.aside(self.threads, list_terms, self.beacon, grant, endpoint, name)
        except NodeError as fault:
            self._note_refusal(kind, grant, fault)
            raise
        told = [name for name, ceiling in grant.ceilings.items() if ceiling.granularity is not None]
        question = f"{endpoint.path} {name}".encode()
        await self._record(kind, grant, told, Granularity.COUNT, lambda: question)
        return listed

    async def _record(
        self, kind: Kind, grant: Grant, told: list[str], granularity: Granularity, question: Any
    ) -> None:
        """question: gives its bytes, asked for only where their digest is kept."""
        entry = Entry(
            "", grant.principal, kind, Outcome.ANSWERED, tuple(told), granularity.value, grant.purpose
        )
        if all(grant.ceiling(dataset).public for dataset in told):
            self.audit.note(entry)
            return
        digest = self.audit.digest(question())
        await self.audit.record(replace(entry, request=trace.current().id, question=digest))

    def _note_refusal(self, kind: Kind, grant: Grant, fault: NodeError) -> None:
        outcome = Outcome.DENIED if isinstance(fault, NotAuthorised | Forbidden) else Outcome.FAILED
        entry = Entry("", grant.principal, kind, outcome, purpose=grant.purpose, detail=fault.reason)
        self.audit.note(entry)


def _refuse_other_scopes(caller: Caller) -> None:
    """Of this node's own tokens only those that were made for questions are good for them."""
    if SCOPE not in caller.scopes:
        fault = Forbidden(f"this token is not for questions: it has not the scope {SCOPE}")
        fault.headers = {"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{SCOPE}"'}
        raise fault
