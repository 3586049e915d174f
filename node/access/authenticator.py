"""Who asks: the credentials of a request become a `Principal`, or a refusal; never something in between.

No credentials at all are Anonymous.  Anything that was presented and does not hold is a 401 with the reason,
whatever was asked: a caller who believes to be signed in must not be answered as a stranger.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from node.access.access_tokens import MAX_TOKEN, AccessTokens, Believed
from node.access.broker import PASSPORT_SCOPE
from node.access.challenge import Challenge
from node.access.clearinghouse import Clearinghouse, Holding
from node.access.issuers import Issuer
from node.access.passports import Passport, PassportReader
from node.access.principal import Anonymous, Caller, Principal
from node.access.proofs import Proofs
from node.access.visas import VisaIssuer, VisaReader
from schemas.errors import NotAuthorised

_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*")  # RFC 6750 §2.1
_SCOPES: Final = ("openid", PASSPORT_SCOPE)


@dataclass(frozen=True, slots=True)
class Presented:
    """The credentials of one request.

    path: below the node's id, as it stands in the request line, without a query.  authorization, dpop: every
    header of that name.  passports: posted beside the question.  `repr` shows none of them.
    """

    method: str
    path: str
    authorization: tuple[str, ...] = field(default=(), repr=False)
    dpop: tuple[str, ...] = field(default=(), repr=False)
    passports: tuple[str, ...] = field(default=(), repr=False)


def _is_token(text: str) -> bool:
    return len(text) <= MAX_TOKEN and _TOKEN.fullmatch(text) is not None


class Authenticator:
    """Identifies the callers of one node; one per process."""

    def __init__(
        self,
        node: str,
        issuers: Iterable[Issuer],
        visa_issuers: Iterable[VisaIssuer] = (),
        *,
        nonces: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """node: its id.  nonces: whether proofs need one of this node."""
        table = tuple(issuers)
        self.challenge = Challenge(node)
        self._issuers = table
        self._tokens = AccessTokens(table, clock)
        self._passports = PassportReader(table, clock)
        self._clearinghouse = Clearinghouse(VisaReader(visa_issuers, clock))
        self._proofs = Proofs(node, nonces=nonces, clock=clock)

    async def identify(self, call: Presented) -> Principal:
        """Who sends `call`.

        Raises NotAuthorised: credentials that do not hold, with the headers of the refusal;
        IssuerUnavailable: it cannot be told now; OverBudget: more proofs than are remembered.
        """
        if not (call.authorization or call.dpop or call.passports):
            return Anonymous()
        scheme = call.authorization[0].partition(" ")[0] if call.authorization else ""
        try:
            return await self._identify(call)
        except NotAuthorised as fault:
            raise self.challenge.refusal(fault, scheme) from None

    def needed(self, message: str) -> NotAuthorised:
        """The refusal for somebody who presented nothing where something is needed."""
        return self.challenge.refusal(NotAuthorised(message), "", presented=False)

    def metadata(self, name: str) -> dict[str, Any]:
        """The document at `challenge.METADATA`; name: of the institution."""
        return self.challenge.metadata(name, [issuer.issuer for issuer in self._issuers], _SCOPES)

    async def with_passport(self, caller: Caller, token: str) -> Caller:
        """`caller`, whom his issuer has introduced otherwise than by a token, with the visas it has for him.

        token: his access token there.  Without an entry of that issuer with a passport, he stays as he is.
        Raises NotAuthorised, IssuerUnavailable: as `identify`.
        """
        for issuer in self._issuers:
            if issuer.issuer == caller.issuer and issuer.passports is not None:
                documents, passports = await self._fetched(issuer, caller, token)
                return await self._with_visas(caller, documents, passports)
        return caller

    async def _identify(self, call: Presented) -> Caller:
        posted = [await self._passports.read(document) for document in call.passports]
        if not call.authorization:
            if call.dpop:
                raise NotAuthorised("a proof (DPoP) came without the token it belongs to")
            return await self._holder(posted)
        believed, token = await self._bearer(call)
        caller = believed.caller
        documents, passports = await self._fetched(believed.issuer, caller, token)
        return await self._with_visas(caller, documents, [*posted, *passports])

    async def _fetched(
        self, issuer: Issuer, caller: Caller, token: str
    ) -> tuple[Sequence[str], Sequence[Passport]]:
        """What the issuer of `token` has for its holder."""
        if issuer.passports is None:
            return (), ()
        fetched = await issuer.passports.fetch(token, caller)
        if not fetched.passport:
            return fetched.visas, ()
        return fetched.visas, (await self._passports.read(fetched.passport, broker=issuer),)

    async def _bearer(self, call: Presented) -> tuple[Believed, str]:
        """The token, verified, together with its proof where it needs one."""
        if len(call.authorization) != 1 or len(call.dpop) > 1:
            raise NotAuthorised("a request may have one Authorization and one DPoP header at most")
        scheme, _, token = call.authorization[0].partition(" ")
        token = token.strip(" ")
        if scheme.lower() not in ("bearer", "dpop") or not _is_token(token):
            raise NotAuthorised("credentials are given as: Authorization: Bearer TOKEN, or DPoP TOKEN")
        believed = await self._tokens.read(token)
        bound = scheme.lower() == "dpop"
        if bool(believed.key) != bound:
            wanted = "DPoP, with a proof" if believed.key else "Bearer: it is not bound to a key"
            raise NotAuthorised(f"this token must be shown as {wanted}")
        if bound != bool(call.dpop):
            raise NotAuthorised("a token bound to a key comes with one proof (DPoP header), others with none")
        if bound:
            self._proofs.verify(call.dpop[0], token, believed.key, call.method, call.path)
        return believed, token

    async def _holder(self, posted: Sequence[Passport]) -> Caller:
        """Somebody who shows passports and nothing else."""
        issuer, subject = posted[0].person
        return await self._with_visas(Caller(issuer, subject, "", posted[0].expires_s), [], posted)

    async def _with_visas(
        self, caller: Caller, documents: Sequence[str], passports: Sequence[Passport]
    ) -> Caller:
        """`caller` with his visas in `documents` and `passports`, good until the first of them all ends.

        Raises NotAuthorised: a passport of somebody else.
        """
        everything = [*documents, *(visa for passport in passports for visa in passport.visas)]
        if not everything and not passports:
            return caller
        holding: Holding = await self._clearinghouse.combine(everything, (caller.issuer, caller.subject))
        if any(passport.person not in holding.names for passport in passports):
            raise NotAuthorised("a passport is of somebody else than the one who shows it")
        ends = [caller.expires_s, *(passport.expires_s for passport in passports)]
        ends += [visa.expires_s for visa in holding.visas]
        return replace(caller, visas=holding.visas, ignored=holding.ignored, expires_s=min(ends))
