"""The network: what is kept of other nodes."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Peers that were added at run time."""
    op.create_table(
        "peer",
        sa.Column("id", sa.Text(), nullable=False, comment="public URL"),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column(
            "thumbprints",
            sa.Text(),
            nullable=False,
            comment="RFC 7638, space-separated: two during a rotation",
        ),
        sa.Column("suspended", sa.Boolean(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="schemas.network.PeerKind"),
        sa.Column("dialect", sa.Text(), nullable=False, comment="of a Beacon; empty: found out"),
        sa.Column("assemblies", sa.Text(), nullable=False, comment="that it holds; empty: not known"),
        sa.Column("network", sa.Boolean(), nullable=False, comment="asked for all of its network"),
        sa.Column("forward", sa.Boolean(), nullable=False, comment="its questions are passed on"),
        sa.Column("relay", sa.Text(), nullable=False, comment="through which it is reached"),
        sa.Column("terms", sa.Text(), nullable=False, comment="node.config.PeerTerms, JSON"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "document_seq",
        sa.Column("kind", sa.Text(), nullable=False, comment="descriptor or members"),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False, comment="the newest list of members; else empty"),
        sa.PrimaryKeyConstraint("kind", "issuer"),
    )
