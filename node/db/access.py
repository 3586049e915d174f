"""Tables of access: the log of what was answered."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from node.db.base import metadata

# One row for each entry, numbered from 1 without a gap.  Triggers refuse to change or delete a row; whoever
# gets around them breaks the chain of hashes.  Kept: a restored backup does not take it back.
audit: Final = sa.Table(
    "audit",
    metadata,
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("entry", sa.Text, nullable=False, comment="canonical JSON"),
    sa.Column("hash", sa.LargeBinary, nullable=False, comment="SHA-256 of the hash before it and the entry"),
    info={"local": True, "kept": True},
)

# One row: the newest entry.  Who writes locks it, so that several processes write one after the other.
audit_head: Final = sa.Table(
    "audit_head",
    metadata,
    sa.Column("no", sa.Integer, primary_key=True, autoincrement=False, comment="always 1"),
    sa.Column("seq", sa.BigInteger, nullable=False),
    sa.Column("hash", sa.LargeBinary, nullable=False),
    info={"local": True, "kept": True},
)
