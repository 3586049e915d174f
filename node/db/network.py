"""Tables of the network: who the peers are."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from node.db.base import metadata

# Peers added at run time; those of the configuration file stand beside them.
peer: Final = sa.Table(
    "peer",
    metadata,
    sa.Column("id", sa.Text, primary_key=True, comment="public URL"),
    sa.Column("name", sa.Text, nullable=False, default=""),
    sa.Column(
        "thumbprints", sa.Text, nullable=False, comment="RFC 7638, space-separated: two during a rotation"
    ),
    sa.Column("suspended", sa.Boolean, nullable=False, default=False),
    sa.Column("kind", sa.Text, nullable=False, default="varhaven", comment="schemas.network.PeerKind"),
    sa.Column("dialect", sa.Text, nullable=False, default="", comment="of a Beacon; empty: found out"),
    sa.Column("assemblies", sa.Text, nullable=False, default="", comment="that it holds; empty: not known"),
    sa.Column("network", sa.Boolean, nullable=False, default=False, comment="asked for all of its network"),
    sa.Column("forward", sa.Boolean, nullable=False, default=False, comment="its questions are passed on"),
    sa.Column("relay", sa.Text, nullable=False, default="", comment="through which it is reached"),
    sa.Column("terms", sa.Text, nullable=False, default="{}", comment="node.config.PeerTerms, JSON"),
)

# The highest number that a document of somebody else had; an older one is never believed again.
document_seq: Final = sa.Table(
    "document_seq",
    metadata,
    sa.Column("kind", sa.Text, primary_key=True, comment="descriptor or members"),
    sa.Column("issuer", sa.Text, primary_key=True),
    sa.Column("seq", sa.BigInteger, nullable=False),
    sa.Column("document", sa.Text, nullable=False, comment="the newest list of members; else empty"),
)

# What was summed with whom, so that two totals never differ by one node or by one person.
secure_sum: Final = sa.Table(
    "secure_sum",
    metadata,
    sa.Column("question", sa.Text, primary_key=True, comment="digest"),
    sa.Column("parties", sa.Text, nullable=False, comment="ids of the nodes, space-separated"),
    sa.Column("leader", sa.Text, nullable=False),
    sa.Column("revision", sa.BigInteger, nullable=False, comment="of the data of this node"),
    sa.Column("at_s", sa.Float, nullable=False, comment="Unix time"),
)
