"""Making the home of a node: the folder with its settings, keys and database."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from node import db
from node.access.keys import NodeKey
from node.access.server import EmbeddedServer
from node.config import CONFIG_NAME, Settings, read_settings
from schemas.errors import BadInput, Place

_TEMPLATE: Final = """\
# Settings of this node; deploy/varhaven.example.toml describes every one.

[node]
id = {url}
name = {name}
country = {country}
"""
_DATABASE: Final = """
[database]
url = {url}
"""


@dataclass(frozen=True, slots=True)
class Made:
    """A new home; partners pin `thumbprint` (RFC 7638) to trust the node.

    admin_password: of the user `admin`, to be told once; the first sign-in changes it.
    """

    settings: Settings
    thumbprint: str
    admin_password: str


def make_home(home: Path, url: str, name: str, country: str, database: str | None = None) -> Made:
    """A node that can be served: settings and a key readable by their owner only, and an empty database.

    database: its URL; a file in the home by default.  Raises BadInput: a node lives there already, or a value
    cannot be; StoreUnavailable: no such database; then nothing is left behind that looks like a node.
    """
    config = home / CONFIG_NAME
    if config.exists():
        raise BadInput(Place(str(home)), "a node lives here already", "Choose another --home.")
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    # JSON strings are valid TOML basic strings, whatever characters a name holds.
    text = _TEMPLATE.format(url=json.dumps(url), name=json.dumps(name), country=json.dumps(country))
    if database is not None:
        text += _DATABASE.format(url=json.dumps(database))
    config.touch(mode=0o600)  # the URL of a database may hold a password
    config.write_text(text, encoding="utf-8")
    try:
        settings = read_settings(home)
        engine = db.connect(settings.database_url)
        db.migrate(engine)
        key = NodeKey.create(home / "keys")
        password = EmbeddedServer(engine, settings.home, settings.node.id).add_administrator()
        engine.dispose()
    except BaseException:
        config.unlink()
        raise
    return Made(settings, key.thumbprint, password)
