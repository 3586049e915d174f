"""How a caller is told what is wrong with his credentials, and where to get others.

Spec: RFC 6750 §3, RFC 9449 §7.1, RFC 9728.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from node.access.proofs import ALGORITHMS, BadProof, NonceWanted
from schemas.errors import NotAuthorised

METADATA: Final = "/.well-known/oauth-protected-resource"
BEARER, DPOP = "Bearer", "DPoP"


@dataclass(frozen=True, slots=True)
class Challenge:
    """What one node says in its refusals.  node: its id, which is its audience."""

    node: str

    def refusal(self, fault: NotAuthorised, scheme: str, *, presented: bool = True) -> NotAuthorised:
        """`fault` with the headers that belong to it.  scheme: in which the credentials came.

        presented: whether there were any; without, nothing is said to be wrong with them.
        """
        told = {}
        if presented:
            told = {"error": _code(fault), "error_description": _plain(fault.message)}
        first = DPOP if scheme.lower() == "dpop" else BEARER
        schemes = (DPOP, BEARER) if first == DPOP else (BEARER, DPOP)
        parts = [self._one(schemes[0], told), self._one(schemes[1], {})]
        headers = {"WWW-Authenticate": ", ".join(parts)}
        if isinstance(fault, NonceWanted):
            headers["DPoP-Nonce"] = fault.nonce
        refused = NotAuthorised(fault.message)
        refused.headers = headers
        return refused

    def _one(self, scheme: str, told: Mapping[str, str]) -> str:
        members = dict(told)
        if scheme == DPOP:
            members["algs"] = " ".join(sorted(ALGORITHMS))
        members["resource_metadata"] = self.node + METADATA
        return f"{scheme} " + ", ".join(f'{name}="{value}"' for name, value in members.items())

    def metadata(self, name: str, issuers: Sequence[str], scopes: Sequence[str]) -> dict[str, Any]:
        """The document that says whose tokens are good here.  RFC 9728 §2."""
        return {
            "resource": self.node,
            "resource_name": name,
            "authorization_servers": list(issuers),
            "scopes_supported": list(scopes),
            "bearer_methods_supported": ["header"],
            "dpop_signing_alg_values_supported": sorted(ALGORITHMS),
            "dpop_bound_access_tokens_required": False,
        }


def _code(fault: NotAuthorised) -> str:
    if isinstance(fault, NonceWanted):
        return "use_dpop_nonce"
    return "invalid_dpop_proof" if isinstance(fault, BadProof) else "invalid_token"


def _plain(text: str) -> str:
    """What may stand in a quoted header: printable ASCII without quotes.  RFC 6750 §3."""
    return "".join(sign if " " <= sign <= "~" and sign not in '"\\' else "'" for sign in text)[:300]
