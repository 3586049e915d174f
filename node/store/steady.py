"""Writing to the index, when the person at the terminal or the disk wants otherwise."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError

from node.store import files


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Holds an interrupt back until the database is done with.

    One that came inside of the driver could leave a transaction open, which nothing could be deleted beside.
    """
    if threading.current_thread() is not threading.main_thread():  # interrupts reach the main thread alone
        yield
        return
    waiting: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _frame: waiting.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if waiting:
        raise KeyboardInterrupt


def sweep_if_possible(engine: Engine) -> None:
    """The next ingest sweeps again, so a full disk may leave rows that nobody sees."""
    try:
        files.sweep(engine)
    except DBAPIError:
        return
