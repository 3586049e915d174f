"""Secure sums: what was summed with whom."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "secure_sum",
        sa.Column("question", sa.Text(), nullable=False, comment="digest"),
        sa.Column("parties", sa.Text(), nullable=False, comment="ids of the nodes, space-separated"),
        sa.Column("leader", sa.Text(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False, comment="of the data of this node"),
        sa.Column("at_s", sa.Float(), nullable=False, comment="Unix time"),
        sa.PrimaryKeyConstraint("question"),
    )
