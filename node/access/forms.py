"""Forms as browsers and OAuth clients post them, read with a limit and without a second meaning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

from starlette.requests import Request

from schemas.errors import BadQuestion, TooLarge, UnsupportedMedia

_MEDIA_TYPE: Final = "application/x-www-form-urlencoded"
_MOST_FIELDS: Final = 50
_MOST_BYTES: Final = 65_536  # a subject token that holds many visas fits


async def read_form(request: Request, most_bytes: int = _MOST_BYTES) -> Mapping[str, str]:
    """The fields of a posted form; no more than `most_bytes` is read of it.

    Raises TooLarge; UnsupportedMedia: another kind of body; BadQuestion: a field appears twice, which two
    programs could read differently, or it is not text.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != _MEDIA_TYPE:
        raise UnsupportedMedia(f"send a form: content-type {_MEDIA_TYPE}")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most_bytes:
            raise TooLarge(f"a form may have {most_bytes} bytes")
    return read_fields(bytes(body))


def read_fields(encoded: bytes) -> Mapping[str, str]:
    """The fields of a form or of the query of an address.  Raises BadQuestion: see `read_form`."""
    try:
        pairs = parse_qsl(
            encoded.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS
        )
    except ValueError:
        raise BadQuestion("the form is not percent-encoded UTF-8, or has too many fields") from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise BadQuestion("a field appears twice")
    return fields
