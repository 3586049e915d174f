"""The matchmaker: cases, and what came of matching them."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "case_revision",
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_table(
        "mme_case",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False, comment="the revision that changed it last"),
        sa.Column("patient", sa.Text(), nullable=False, comment="as Matchmaker Exchange writes it, JSON"),
        sa.Column("sharing", sa.Text(), nullable=False, comment="how much of it may leave the node"),
        sa.Column("owner", sa.Text(), nullable=False, comment="principal who may change it"),
        sa.Column("team", sa.Text(), nullable=False, comment="whose members may, too"),
        sa.Column("family", sa.Text(), nullable=False, comment="is not matched with its own"),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("notify", sa.Text(), nullable=False, comment="e-mail address for new matches"),
        sa.Column("dataset", sa.Text(), nullable=False, comment="of the individual it was made from"),
        sa.Column("individual", sa.Text(), nullable=False),
        sa.Column("added_at", sa.Text(), nullable=False, comment="ISO 8601, UTC"),
        sa.Column("changed_at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("mme_case_owner", "mme_case", ["owner"])
    op.create_index("mme_case_version", "mme_case", ["version"])
    op.create_table(
        "team_member",
        sa.Column("team", sa.Text(), nullable=False),
        sa.Column("member", sa.Text(), nullable=False, comment="principal"),
        sa.PrimaryKeyConstraint("team", "member"),
    )
    op.create_index("team_member_member", "team_member", ["member"])
    op.create_table(
        "removed_case",
        sa.Column("digest", sa.LargeBinary(), nullable=False, comment="SHA-256 of the id"),
        sa.Column("version", sa.BigInteger(), nullable=False, comment="the revision that removed it"),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_index("ix_removed_case_version", "removed_case", ["version"])
    op.create_table(
        "case_match",
        sa.Column("no", sa.Integer(), nullable=False),
        sa.Column("case_id", sa.Text(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False, comment="id of the node or name of the peer"),
        sa.Column("digest", sa.Text(), nullable=False, comment="HMAC of node and patient id"),
        sa.Column("asked_by", sa.Text(), nullable=False, comment="us, or them"),
        sa.Column("patient_id", sa.Text(), nullable=False, comment="there; empty when they asked"),
        sa.Column("contact", sa.Text(), nullable=False, comment="JSON; empty when they asked"),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False, comment="triage"),
        sa.Column("first_at", sa.Text(), nullable=False),
        sa.Column("last_at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("no"),
        sa.UniqueConstraint("case_id", "digest"),
    )
    op.create_table(
        "remark",
        sa.Column("no", sa.Integer(), nullable=False),
        sa.Column("case_id", sa.Text(), nullable=False),
        sa.Column("match_no", sa.Integer(), nullable=True),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("no"),
    )
    op.create_index("ix_remark_case_id", "remark", ["case_id"])
    op.create_table(
        "outbox",
        sa.Column("no", sa.Integer(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False, comment="the same at every attempt"),
        sa.Column("channel", sa.Text(), nullable=False, comment="mail or webhook"),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_s", sa.Float(), nullable=False, comment="Unix time"),
        sa.Column("made_at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("no"),
        sa.UniqueConstraint("id"),
    )
    op.create_table(
        "exchange_token",
        sa.Column("digest", sa.LargeBinary(), nullable=False, comment="SHA-256"),
        sa.Column("peer", sa.Text(), nullable=False, comment="empty when it is not good any more"),
        sa.Column("made_s", sa.Float(), nullable=False, comment="Unix time"),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_index("ix_exchange_token_peer", "exchange_token", ["peer"])
    op.create_table(
        "exchange_day",
        sa.Column("peer", sa.Text(), nullable=False),
        sa.Column("day", sa.Text(), nullable=False, comment="ISO 8601, UTC"),
        sa.Column("questions", sa.Integer(), nullable=False),
        sa.Column("results", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("peer", "day"),
    )
    op.create_table(
        "finding_consent",
        sa.Column("dataset_no", sa.Integer(), nullable=False),
        sa.Column("individual", sa.Text(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False, comment="count, contact or variant"),
        sa.Column("at", sa.Text(), nullable=False, comment="ISO 8601, UTC"),
        sa.ForeignKeyConstraint(["dataset_no"], ["dataset.no"]),
        sa.PrimaryKeyConstraint("dataset_no", "individual"),
    )
