"""What every page has: its templates, headers, cookies, the warning, and who has signed in.

Pages need no script; the start page has one of the node's own, which shows answers as they arrive.  Nothing
is fetched from elsewhere, nothing may frame them, and a form goes back to the node alone, unless a page says
where else.

Spec: CSP Level 3, https://www.w3.org/TR/CSP3/
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from fastapi import Request, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from node.access.channel import is_tls
from node.access.forms import read_form, read_upload
from node.access.reception import Person, Reception
from node.access.sessions import Visit
from schemas.errors import Forbidden, NodeError
from schemas.ga4gh import NodeIdentity

_HERE: Final = Path(__file__).parent
_MAX_FORM_BYTES: Final = 16_384
_STEPS: Final = ("/account", "/account/password", "/account/second-factor", "/casework")
_CONSENT: Final = "/oauth/authorize?"

HEADERS: Final = {
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}


def policy(form_targets: str = "", *, script: bool = False) -> dict[str, str]:
    """The content security policy.

    form_targets: where a form may lead beside this node.  script: whether the page has the node's own one.
    """
    targets = f"'self' {form_targets}".strip()
    own = "script-src 'self'; connect-src 'self'; " if script else ""
    return {
        "content-security-policy": f"default-src 'none'; {own}style-src 'self'; form-action {targets}; "
        "base-uri 'none'; frame-ancestors 'none'"
    }


@dataclass(frozen=True, slots=True)
class Guest:
    """One request to a page.  fields: of its form, already known to be the node's own."""

    request: Request
    visit: Visit
    person: Person | None
    fields: Mapping[str, str]

    @property
    def next_path(self) -> str:
        """Where to go afterwards: a page of this node, whatever was asked for."""
        return own_path(self.fields.get("next") or self.request.query_params.get("next", ""))


Handler = Callable[[Guest], Awaitable[Response]]


class Frame:
    """Renders the pages of one node."""

    def __init__(self, identity: NodeIdentity, reception: Reception, warning: str = "") -> None:
        """warning: shown on top of every page."""
        self.reception = reception
        self._shown = {"node": identity, "warning": warning}
        self._templates = Environment(
            loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined
        )
        self._templates.filters["moment"] = _moment

    async def guest(self, request: Request, most_bytes: int = 0) -> Guest:
        """Who comes with a request, and what his form says.

        most_bytes: of a form that may have files; 0 for one that may not.

        Raises Forbidden: a form that another site sends, or of before the last sign-in; TooLarge,
        BadQuestion, UnsupportedMedia: not a form.
        """
        visit = self.reception.cookies.read(request)
        fields: Mapping[str, str] = {}
        if request.method == "POST":
            if most_bytes:
                fields = await read_upload(request, most_bytes)
            else:
                fields = await read_form(request, _MAX_FORM_BYTES)
            if not self.reception.cookies.is_own_form(visit, fields.get("form", "")):
                raise Forbidden("this form is not one of this node, or is too old; load the page again")
        return Guest(request, visit, self.reception.person(visit), fields)

    async def serve(self, request: Request, handler: Handler, most_bytes: int = 0) -> Response:
        """What `handler` makes of a request; a refusal is a page, too.  most_bytes: see `guest`."""
        try:
            return await handler(await self.guest(request, most_bytes))
        except NodeError as refusal:
            visit = self.reception.cookies.read(request)
            guest = Guest(request, visit, None, {})
            return self.show(guest, "refused.html", refusal.status, message=refusal.message)

    def show(
        self,
        guest: Guest,
        template: str,
        status: int = 200,
        *,
        form_targets: str = "",
        script: bool = False,
        **values: Any,
    ) -> Response:
        """A page for `guest`; form_targets, script: see `policy`."""
        shown = {
            **self._shown,
            "person": guest.person,
            "form_token": self.reception.cookies.form_token(guest.visit),
            "next": guest.next_path,
        }
        html = self._templates.get_template(template).render(shown | values)
        headers = _headers(guest) | policy(form_targets, script=script)
        response = Response(html, status, headers, media_type="text/html")
        self.reception.cookies.write(response, guest.request, guest.visit)
        return response

    def part(self, template: str, **values: Any) -> str:
        """A part of a page."""
        return self._templates.get_template(template).render(self._shown | values)

    def go(self, guest: Guest, path: str) -> Response:
        """On to another page of this node."""
        response = Response(None, 303, _headers(guest) | {"location": path})
        self.reception.cookies.write(response, guest.request, guest.visit)
        return response

    def ask_to_sign_in(self, guest: Guest, back_to: str) -> Response:
        """To the page that signs in, and then back."""
        return self.go(guest, f"/sign-in?next={quote(back_to, safe='')}")


def _headers(guest: Guest) -> dict[str, str]:
    """Over TLS with the wish that browsers never come without again (RFC 6797)."""
    return HEADERS | ({"strict-transport-security": "max-age=31536000"} if is_tls(guest.request) else {})


def _moment(unix_s: float) -> str:
    return f"{datetime.fromtimestamp(unix_s, UTC):%Y-%m-%d %H:%M} UTC"


def own_path(path: str) -> str:
    """`path` when it is a page of this node that leads on by itself, else the start page.

    Never another host: what is compared is the whole path, not how it begins.
    """
    if path in _STEPS or (path.startswith(_CONSENT) and path.isascii() and path.isprintable()):
        return path
    return "/"
