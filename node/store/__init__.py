"""The variant store: which alleles are held, and who carries them.

    index       answers questions from the database (the engine behind the port)
    annotations finds alleles by what the files say they do
    memory      answers the same questions slowly and plainly: what the engines are tested against
    ingest      takes a VCF or BCF file into the index, wholly or not at all
    catalogue   the datasets, and whether their registered files are still what they were

Below these: `layout` and `bitmaps` (the index on disk), `session` (connections, and what is visible),
`overview` and `pieces` (questions about many alleles at once), `reader`, `header`, `alleles`,
`consequences`, `scanner`, `abreast`, `tally`, `rows`, `spans` (a file becomes rows), `parts`, `crew`,
`worker` and `frames` (in processes of their own), `intake`, `bundle`, `together` and `merging` (many files
in one run), `coverage` (who was looked at), `files` (the register of ingested files).

The VCF files stay the source of truth; the index can be made again from them.  Nothing here knows who may
see what: callers narrow every question to the people they are permitted to count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

    from node.store.annotations import SqlAnnotations
    from node.store.index import SqlStore


def open_store(engine: Engine) -> SqlStore:
    """The variant store in this database, a `schemas.ports.VariantStore`; opens nothing until it is asked."""
    # The reading process imports this package, too: it starts in half the time without the database.
    from node.store.index import SqlStore  # noqa: PLC0415

    return SqlStore(engine)


def open_annotations(engine: Engine) -> SqlAnnotations:
    """What the files say their alleles do, a `schemas.ports.Annotations`; opens nothing until it is asked."""
    from node.store.annotations import SqlAnnotations  # noqa: PLC0415

    return SqlAnnotations(engine)
