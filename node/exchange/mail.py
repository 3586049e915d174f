"""Sending letters: by SMTP, and as signed webhooks.  What goes wrong is told by its kind, never by content.

Spec: RFC 5321, RFC 3207 (STARTTLS), RFC 8314; Standard Webhooks 1.0, https://www.standardwebhooks.com
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import logging
import smtplib
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from email.errors import MessageError
from email.message import EmailMessage
from email.utils import formatdate
from pathlib import Path
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from node.config import MailSection, Settings
from node.exchange.letters import Channel, Letter, Outbox
from schemas.errors import BadInput, Place

_log: Final = logging.getLogger(__name__)
_TIMEOUT_S: Final = 20
_PAUSE_S: Final = 20.0  # between looks into the outbox

Post = Callable[[str, bytes, Mapping[str, str]], Awaitable[bool]]
"""Sends a body with these headers to an address; whether it was taken."""


class Postman:
    """Empties the outbox of one node, for as long as `walk` runs.

    Raises BadInput: a file of the settings that cannot be read, or letters without a sender.
    """

    def __init__(self, settings: Settings, outbox: Outbox, post: Post) -> None:
        self._outbox = outbox
        self._post = post
        self._mail = settings.mail
        self._sender = settings.mail.sender or settings.node.contact
        if self._mail.host and not self._sender:
            place = Place("varhaven.toml", field="mail.sender")
            raise BadInput(place, "letters come from nobody", "Give it, or a contact in [node].")
        self._password = _secret(settings.mail.password, "mail.password")
        self._signing = _webhook_key(_secret(settings.matchmaker.webhook_secret, "matchmaker.webhook_secret"))
        self._trusted = _trusted(settings.mail)

    async def walk(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self.deliver()
            except SQLAlchemyError as fault:  # the letters are still there; so may the database be, soon
                _log.error("the outbox cannot be read or written: %s", type(fault).__name__)
            await asyncio.sleep(_PAUSE_S)

    async def deliver(self) -> int:
        """Sends what is due, each letter once; how many were taken."""
        taken = 0
        for letter in await asyncio.to_thread(self._outbox.due):
            sent = await self._send(letter)
            await asyncio.to_thread(self._outbox.sent if sent else self._outbox.failed, letter)
            taken += sent
        return taken

    async def _send(self, letter: Letter) -> bool:
        if letter.channel is Channel.WEBHOOK:
            body = letter.body.encode()
            headers = signed_headers(self._signing, letter.id, int(time.time()), body)
            return await self._post(letter.recipient, body, headers)
        try:
            await asyncio.to_thread(self._send_mail, letter)
        except (smtplib.SMTPException, MessageError, OSError, ValueError) as fault:
            # Their own words could quote an address.
            _log.warning("a letter could not be sent: %s", type(fault).__name__)
            return False
        return True

    def _send_mail(self, letter: Letter) -> None:
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = self._sender, letter.recipient, letter.subject
        message["Date"] = formatdate()
        message["Message-ID"] = f"<{letter.id}@{self._sender.rpartition('@')[2] or 'localhost'}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(letter.body)
        mail = self._mail
        host, port = mail.host or "", mail.port
        if mail.tls == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(host, port, timeout=_TIMEOUT_S, context=self._trusted)
        else:
            server = smtplib.SMTP(host, port, timeout=_TIMEOUT_S)
        with server:
            if mail.tls == "starttls":
                server.starttls(context=self._trusted)  # raises where the server offers none
            if mail.user:
                server.login(mail.user, self._password)
            server.send_message(message)


def signed_headers(key: bytes, message_id: str, at_s: int, body: bytes) -> dict[str, str]:
    """The headers by which a receiver knows that a webhook came from this node, unchanged and just now."""
    signed = b".".join((message_id.encode(), str(at_s).encode(), body))
    signature = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(at_s),
        "webhook-signature": f"v1,{signature}",
    }


def _secret(path: Path | None, field: str) -> str:
    if path is None:
        return ""
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise BadInput(Place(str(path), field=field), "cannot be read", "Check path and rights.") from None


def _webhook_key(secret: str) -> bytes:
    """After `whsec_` it is base64; any other secret is taken as it is."""
    if not secret.startswith("whsec_"):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except ValueError:
        place = Place("varhaven.toml", field="matchmaker.webhook_secret")
        raise BadInput(place, "is not base64 after whsec_", "Copy it whole.") from None


def _trusted(mail: MailSection) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=mail.ca_bundle)
    except OSError:
        place = Place(str(mail.ca_bundle), field="mail.ca_bundle")
        raise BadInput(place, "cannot be read as certificates", "Give a file in PEM format.") from None
