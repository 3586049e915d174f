"""What the leader of a round and the others write to each other, as JSON in signed requests.

invitation   to each partner: a round and its question; answered by a pledge
showing      to each who pledged: all pledges; answered by a masked share
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from types import MappingProxyType
from typing import Annotated, Any, Final, TypeVar, cast

import orjson
from pydantic import Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked

from schemas.errors import BadQuestion

SUMS: Final = "/federation/v1/sums"
INVITATION: Final = f"{SUMS}/invitation"
SHOWING: Final = f"{SUMS}/showing"
_T = TypeVar("_T")

RoundId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{16,64}$")]
_Number = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]  # 64 bits


@checked(frozen=True, config={"extra": "forbid"})
class Invitation:
    """allele: as `variantInternalId` has it, `GRCh38:20:3213196:C:A`, counted from 1."""

    round: RoundId
    allele: Annotated[str, Field(max_length=10_000)]


@checked(frozen=True, config={"extra": "forbid"})
class Pledged:
    pledge: Annotated[str, Field(max_length=8192)]


@checked(frozen=True, config={"extra": "forbid"})
class Showing:
    round: RoundId
    pledges: Annotated[tuple[str, ...], Field(max_length=100)]


@checked(frozen=True, config={"extra": "forbid"})
class Shared:
    share: Annotated[tuple[_Number, ...], Field(max_length=16)]

    @classmethod
    def of(cls, numbers: tuple[int, ...]) -> Shared:
        return cls(tuple(f"{number:016x}" for number in numbers))

    @property
    def numbers(self) -> tuple[int, ...]:
        return tuple(int(number, 16) for number in self.share)


Letter = Invitation | Pledged | Showing | Shared
# Made once: several threads must not make one at the same moment.
_READERS: Final[Mapping[type[Any], TypeAdapter[Any]]] = MappingProxyType(
    {kind: TypeAdapter(kind) for kind in (Invitation, Pledged, Showing, Shared)}
)


def write(letter: Letter) -> bytes:
    return orjson.dumps(asdict(letter))


def read(body: bytes, kind: type[_T]) -> _T:
    """The letter in `body`.  Raises BadQuestion: it is none of this kind; names the member."""
    try:
        return cast("_T", _READERS[kind].validate_json(body))
    except ValidationError as fault:
        first = fault.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])[:60]
        raise BadQuestion(f"not a letter of a secure sum: {where or 'the body'}: {first['msg']}") from None
