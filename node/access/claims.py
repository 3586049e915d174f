"""What the claims of a signed document say, read by type: nothing is guessed and nothing is converted.

Times are Unix seconds.  Two clocks may differ by `LEEWAY_S`.
"""

from __future__ import annotations

from typing import Any, Final

from node.access.compact import Claims
from schemas.errors import NotAuthorised

LEEWAY_S: Final = 30


def is_text(value: Any, most: int) -> bool:
    return isinstance(value, str) and 0 < len(value) <= most and value.isprintable()


def text_of(claims: Claims, name: str, most: int = 2000) -> str:
    """Raises NotAuthorised: it is not a printable text of 1 to `most` characters."""
    value = claims.get(name)
    if not isinstance(value, str) or not is_text(value, most):
        raise NotAuthorised(f"{name} must be a text of 1 to {most} characters")
    return value


def number_of(claims: Claims, name: str) -> float:
    """A number of a size that times can have; `true` is none, and neither are infinity and 10**400."""
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not -1e15 < value < 1e15:
        raise NotAuthorised(f"{name} must be a number")
    return float(value)


def names_of(claims: Claims, name: str) -> frozenset[str]:
    """The members of a claim that holds one text or several (`aud`); empty when it is absent.

    Raises NotAuthorised: anything else.
    """
    value = claims.get(name, [])
    members = value if isinstance(value, list) else [value]
    if not all(is_text(member, 2000) for member in members):
        raise NotAuthorised(f"{name} must be a text or a list of texts")
    return frozenset(members)


def words_of(claims: Claims, name: str) -> frozenset[str]:
    """The words of a claim such as `scope`.  Raises NotAuthorised: it is not a text."""
    value = claims.get(name, "")
    if not isinstance(value, str):
        raise NotAuthorised(f"{name} must be a text")
    return frozenset(value.split())


def expiry_of(claims: Claims, now_s: float, max_life_s: float) -> float:
    """Until when a document may be believed, which is now or later.

    Raises NotAuthorised: it has expired, is not valid yet, or lives longer than `max_life_s`.
    """
    issued, expires = number_of(claims, "iat"), number_of(claims, "exp")
    if not 0 < expires - issued <= max_life_s:
        raise NotAuthorised(f"a token may live {max_life_s:.0f} s at most")
    if issued - now_s > LEEWAY_S:
        raise NotAuthorised(
            "the token was issued in the future; check the clocks of its issuer and of this node"
        )
    if now_s >= expires + LEEWAY_S:
        raise NotAuthorised(f"the token expired {now_s - expires:.0f} s ago; ask for a new one")
    if "nbf" in claims and number_of(claims, "nbf") > now_s + LEEWAY_S:
        raise NotAuthorised("the token is not valid yet (nbf)")
    return expires
