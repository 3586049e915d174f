"""The commands of the README as a test gives them, and what they say."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from node.cli import main

CLI = [sys.executable, "-m", "node.cli"]


@dataclass(frozen=True)
class Said:
    """What a command printed, and how it ended."""

    status: int
    stdout: str
    stderr: str


def varhaven(*arguments: str | Path, home: Path) -> Said:
    """One command, in this process: what a shell would start, without the second that starting takes."""
    out, err = StringIO(), StringIO()
    before, sys.argv = sys.argv, ["varhaven", *map(str, arguments), "--home", str(home)]
    status = 0
    try:
        with redirect_stdout(out), redirect_stderr(err):
            main()
    except SystemExit as end:
        status = int(end.code or 0)
    finally:
        sys.argv = before
    return Said(status, out.getvalue(), err.getvalue())


def done(*arguments: str | Path, home: Path) -> str:
    result = varhaven(*arguments, home=home)
    assert result.status == 0, result.stderr
    return result.stdout


def refused(*arguments: str | Path, home: Path) -> str:
    """What is said on refusal: one sentence, no traceback."""
    result = varhaven(*arguments, home=home)
    assert result.status == 1
    assert "Traceback" not in result.stderr
    assert result.stderr.startswith("varhaven: ")
    return result.stderr


@contextmanager
def serving(home: Path, scheme: str = "http") -> Iterator[str]:
    """The address at which `varhaven serve` says it answers."""
    command = [*CLI, "serve", "--home", str(home), "--port", "0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        line = server.stdout.readline()
        assert line.startswith(f"ready {scheme}://"), server.communicate()
        yield line.split()[1]
    finally:
        server.terminate()
        server.communicate(timeout=20)
    assert server.returncode in (0, -15)
