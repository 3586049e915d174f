"""The datasets of this node, and whether the files registered for them are still what was ingested."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.exc import IntegrityError

from node import db
from node.store import files
from node.store.session import Sessions
from schemas.errors import BadInput, Place
from schemas.people import Dataset

_TAKE: Final = "Put the old one back, or take the new one: varhaven ingest --replace."
_BACK: Final = "Put it back: answers go on without it, but only from it can the index be made again."
_LAG_S: Final = 0.01  # one question asks several times which datasets there are


class DatabaseCatalogue:
    """The datasets in the database: a `schemas.ports.Catalogue`, safe from several threads."""

    def __init__(self, engine: Engine) -> None:
        self._sessions = Sessions(engine, _LAG_S)

    def datasets(self) -> tuple[Dataset, ...]:
        """Every dataset, ordered by id; current within 10 ms.  Microseconds."""
        return self._sessions.read(lambda session: session.scene.datasets)

    def close(self) -> None:
        """Closes its connections; it opens new ones when it is asked again."""
        self._sessions.close()


def add_dataset(engine: Engine, made: Dataset) -> None:
    """Makes an empty dataset.  Raises BadInput: the name is taken, or is not a name."""
    if not made.id or len(made.id) > 200 or not all(c.isalnum() or c in "-_.:" for c in made.id):
        raise BadInput(
            Place("dataset"), f"{made.id[:40]!r} is no name for a dataset", "Use letters, digits, - _ . and :"
        )
    row = {
        "id": made.id,
        "assembly": made.assembly.value,
        "policy": made.policy.value,
        "name": made.name,
        "description": made.description,
        "duo": " ".join(made.duo),
    }
    try:
        with engine.begin() as connection:
            connection.execute(sa.insert(db.dataset), row)
            db.announce(connection)
    except IntegrityError:
        raise BadInput(Place(made.id), "there is a dataset of this name already", "Choose another.") from None


def held_files(engine: Engine, dataset: str) -> list[files.HeldFile]:
    """The files whose genotypes the dataset holds.  Raises BadInput: there is no such dataset."""
    return files.live_files(engine, files.find_target(engine, dataset).no)


@dataclass(frozen=True, slots=True)
class Finding:
    """A registered file of which something is wrong: what, and what to do."""

    dataset: str
    path: str
    problem: str
    remedy: str


def check_files(engine: Engine) -> list[Finding]:
    """Registered files that are missing, unreadable or changed; reads every one whole for its checksum."""
    with engine.connect() as connection:
        datasets = connection.execute(
            sa.select(db.dataset.c.id, db.dataset.c.no).order_by(db.dataset.c.id)
        ).all()
    held = ((dataset, file) for dataset, no in datasets for file in files.live_files(engine, no))
    looked = ((dataset, file.path, _problem(Path(file.path), file.fingerprint)) for dataset, file in held)
    return [Finding(dataset, path, *told) for dataset, path, told in looked if told is not None]


def _problem(path: Path, known: files.Fingerprint) -> tuple[str, str] | None:
    """What is wrong with a file, and what to do; None when it is what it was.  A new date is no change."""
    try:
        size = path.stat().st_size
        if size != known.size_bytes:
            return f"it has changed since ({known.size_bytes:,} bytes then, {size:,} now)", _TAKE
        with path.open("rb") as source:
            digest = hashlib.file_digest(source, "sha256").hexdigest()
    except FileNotFoundError:
        return "it is missing", _BACK
    except OSError as fault:
        return f"it cannot be read ({os.strerror(fault.errno or 0)})", "Check its rights and its disk."
    return None if digest == known.sha256 else ("it has changed since (other content, same size)", _TAKE)
