"""The file of a backup: a tar archive whose first part lists all others with their size and checksum.

Knows nothing of databases.  What is not byte for byte what `write` wrote is refused before any of it is used.

Spec: POSIX.1-2001 pax.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import IO, BinaryIO, Final

from schemas.errors import BadInput, Place

Watcher = Callable[[float, str], None]
"""Told how much is done, 0 to 1, and what is going on."""

_FORMAT: Final = "varhaven backup 1"
_MANIFEST: Final = "manifest.json"
_MANIFEST_BYTES: Final = 1 << 20
_CHUNK_BYTES: Final = 1 << 20
_PART: Final = re.compile(r"[\w][\w.-]*(/[\w][\w.-]*){0,2}", re.ASCII)
_OWNER_ONLY: Final = 0o600


@dataclass(frozen=True, slots=True)
class Manifest:
    """Of what a backup is: the node's id, engine and schema of its database, by which version, and when."""

    node: str
    engine: str
    schema: str
    version: str
    made: str


@dataclass(frozen=True, slots=True)
class _Part:
    size_bytes: int
    sha256: str


def write(target: Path, folder: Path, manifest: Manifest, tell: Watcher) -> None:
    """Everything in `folder` as a new file that its owner alone may read; read again at the end.

    Raises OSError, BadInput: then there is no file.
    """
    parts = {
        path.relative_to(folder).as_posix(): _measured(path, tell)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    listed = {name: asdict(part) for name, part in parts.items()}
    head = json.dumps({"format": _FORMAT, **asdict(manifest), "parts": listed}, indent=1).encode()
    with _new(target) as file:
        try:
            with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
                tar.addfile(_member(_MANIFEST, len(head)), BytesIO(head))
                for number, (name, part) in enumerate(parts.items()):
                    tell(number / len(parts), f"writing {name}")
                    with (folder / name).open("rb") as source:
                        tar.addfile(_member(name, part.size_bytes), source)
            file.flush()
            os.fsync(file.fileno())
            for name, content, part in _parts(target):
                tell(1.0, f"checking {name}")
                _check(target, name, content, part, None)
        except BaseException:
            target.unlink()
            raise


def _new(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY), "wb")


def _member(name: str, size_bytes: int) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.size, made.mode = size_bytes, _OWNER_ONLY
    return made


def _measured(path: Path, tell: Watcher) -> _Part:
    tell(0.0, f"checksum of {path.name}")
    with path.open("rb") as source:
        return _Part(path.stat().st_size, hashlib.file_digest(source, "sha256").hexdigest())


@contextmanager
def unpacked(source: Path, beside: Path, tell: Watcher) -> Iterator[tuple[Manifest, Path]]:
    """The parts of a backup as files in a folder inside of `beside`, all checked; gone afterwards.

    Raises BadInput: it is none, or damaged; OSError.
    """
    manifest = read_manifest(source)
    was_there = beside.exists()
    beside.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        with tempfile.TemporaryDirectory(prefix=".restoring.", dir=beside) as name:
            folder = Path(name)
            for part_name, content, part in _parts(source):
                tell(0.0, f"unpacking {part_name}")
                where = folder / part_name
                where.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                with _new(where) as target:
                    _check(source, part_name, content, part, target)
            yield manifest, folder
    except BaseException:
        if not was_there:
            with suppress(OSError):  # something is in it, and so it is not ours to take away
                beside.rmdir()
        raise


def read_manifest(source: Path) -> Manifest:
    """What a backup says it is.  Raises BadInput: it is none; OSError."""
    return _head(source)[0]


def _head(source: Path) -> tuple[Manifest, Mapping[str, _Part]]:
    try:
        with tarfile.open(source, mode="r:") as tar:
            first = tar.next()
            content = tar.extractfile(first) if first is not None and first.name == _MANIFEST else None
            head = json.loads(content.read(_MANIFEST_BYTES)) if content is not None else {}
        if head.pop("format") != _FORMAT:
            raise KeyError("format")
        parts = {name: _Part(**part) for name, part in head.pop("parts").items()}
        manifest = Manifest(**head)
    except (tarfile.TarError, KeyError, TypeError, ValueError, AttributeError):
        problem = "this is no backup of a node, or of a newer version"
        raise BadInput(Place(str(source)), problem, "Give a file that varhaven backup wrote.") from None
    if not all(_PART.fullmatch(name) for name in parts):
        raise _damaged(source)
    return manifest, parts


def _parts(source: Path) -> Iterator[tuple[str, IO[bytes], _Part]]:
    """Each part, to be read before the next."""
    _, wanted = _head(source)
    left = dict(wanted)
    try:
        with tarfile.open(source, mode="r:") as tar:
            tar.next()
            while (member := tar.next()) is not None:
                content = tar.extractfile(member) if member.isreg() else None
                if content is None or member.name not in left:
                    raise _damaged(source)
                yield member.name, content, left.pop(member.name)
    except (tarfile.TarError, UnicodeDecodeError):
        raise _damaged(source) from None
    if left:
        raise _damaged(source)


def _check(source: Path, name: str, content: IO[bytes], part: _Part, target: IO[bytes] | None) -> None:
    """Reads a part to its end, and writes it to `target`."""
    digest, size = hashlib.sha256(), 0
    try:
        while chunk := content.read(_CHUNK_BYTES):
            digest.update(chunk)
            size += len(chunk)
            if target is not None:
                target.write(chunk)
    except tarfile.TarError:
        raise _damaged(source, name) from None
    if (size, digest.hexdigest()) != (part.size_bytes, part.sha256):
        raise _damaged(source, name)


def _damaged(source: Path, name: str = "") -> BadInput:
    problem = "the backup is damaged or cut off"
    return BadInput(Place(str(source), field=name), problem, "Take another copy of it, or an older one.")
