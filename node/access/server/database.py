"""The database as the embedded server sees it: short transactions, and faults told in its own words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError, IntegrityError

from schemas.errors import StoreUnavailable


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """One transaction, wholly or not at all.

    Raises StoreUnavailable: the database cannot be read or written; IntegrityError: it is there already.
    """
    try:
        with engine.begin() as connection:
            yield connection
    except IntegrityError:
        raise
    except DBAPIError as fault:
        raise StoreUnavailable("who may sign in cannot be read or written now") from fault
