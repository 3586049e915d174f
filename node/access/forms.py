"""Forms as browsers and OAuth clients post them, read with a limit and without a second meaning."""

from __future__ import annotations

from collections.abc import Mapping
from email.parser import BytesParser
from email.policy import HTTP
from typing import Final
from urllib.parse import parse_qsl

from starlette.requests import Request

from node.access.bodies import read_body
from schemas.errors import BadQuestion, UnsupportedMedia

_UPLOAD: Final = "multipart/form-data"
_MEDIA_TYPE: Final = "application/x-www-form-urlencoded"
_MOST_FIELDS: Final = 50
_MOST_BYTES: Final = 65_536  # a subject token that holds many visas fits


async def read_form(request: Request, most_bytes: int = _MOST_BYTES) -> Mapping[str, str]:
    """The fields of a posted form; no more than `most_bytes` is read of it.

    Raises TooLarge; UnsupportedMedia: another kind of body; BadQuestion: a field appears twice, which two
    programs could read differently, or it is not text.
    """
    if _media_type(request) != _MEDIA_TYPE:
        raise UnsupportedMedia(f"send a form: content-type {_MEDIA_TYPE}")
    return read_fields(await read_body(request, most_bytes))


async def read_upload(request: Request, most_bytes: int) -> Mapping[str, str]:
    """As `read_form`, or a form with files, each of which is a field that holds its text.

    Spec: RFC 7578.
    """
    if _media_type(request) != _UPLOAD:
        return await read_form(request, most_bytes)
    kind = request.headers["content-type"].encode("latin-1")
    body = await read_body(request, most_bytes)
    message = BytesParser(policy=HTTP).parsebytes(b"Content-Type: " + kind + b"\r\n\r\n" + body)
    if not message.is_multipart():
        raise BadQuestion("the form has no parts")
    fields: dict[str, str] = {}
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        if not isinstance(name, str) or name in fields or len(fields) >= _MOST_FIELDS or part.is_multipart():
            raise BadQuestion("a field appears twice, or has no name")
        content = part.get_payload(decode=True)
        try:
            fields[name] = content.decode("utf-8-sig") if isinstance(content, bytes) else ""
        except UnicodeDecodeError:
            raise BadQuestion("the file is not UTF-8 text") from None
    return fields


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


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
