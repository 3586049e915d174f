"""Tables of the matchmaker: cases, what came of matching them, what is to be sent, and who may ask."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from node.db.base import metadata

# One row; its number grows with every change of a case.
case_revision: Final = sa.Table(
    "case_revision", metadata, sa.Column("number", sa.BigInteger, primary_key=True), info={"kept": True}
)

mme_case: Final = sa.Table(
    "mme_case",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False, comment="the revision that changed it last"),
    sa.Column("patient", sa.Text, nullable=False, comment="as Matchmaker Exchange writes it, JSON"),
    sa.Column("sharing", sa.Text, nullable=False, comment="how much of it may leave the node"),
    sa.Column("owner", sa.Text, nullable=False, comment="principal who may change it"),
    sa.Column("team", sa.Text, nullable=False, default="", comment="whose members may, too"),
    sa.Column("family", sa.Text, nullable=False, default="", comment="is not matched with its own"),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("notify", sa.Text, nullable=False, default="", comment="e-mail address for new matches"),
    sa.Column("dataset", sa.Text, nullable=False, default="", comment="of the individual it was made from"),
    sa.Column("individual", sa.Text, nullable=False, default=""),
    sa.Column("added_at", sa.Text, nullable=False, comment="ISO 8601, UTC"),
    sa.Column("changed_at", sa.Text, nullable=False),
)
sa.Index("mme_case_owner", mme_case.c.owner)
sa.Index("mme_case_version", mme_case.c.version)

team_member: Final = sa.Table(
    "team_member",
    metadata,
    sa.Column("team", sa.Text, primary_key=True),
    sa.Column("member", sa.Text, primary_key=True, comment="principal"),
)
sa.Index("team_member_member", team_member.c.member)

# Ids of cases that are gone: an id stands for one patient for ever, and only who had it may use it again.
removed_case: Final = sa.Table(
    "removed_case",
    metadata,
    sa.Column("digest", sa.LargeBinary, primary_key=True, comment="SHA-256 of the id"),
    sa.Column("version", sa.BigInteger, nullable=False, index=True, comment="the revision that removed it"),
    sa.Column("owner", sa.Text, nullable=False),
    info={"kept": True},
)

# A patient elsewhere whom a case was matched with.  Of one whose doctors asked, his name there is not kept.
case_match: Final = sa.Table(
    "case_match",
    metadata,
    sa.Column("no", sa.Integer, primary_key=True),
    sa.Column("case_id", sa.Text, nullable=False),
    sa.Column("node", sa.Text, nullable=False, comment="id of the node or name of the peer"),
    sa.Column("digest", sa.Text, nullable=False, comment="HMAC of node and patient id"),
    sa.Column("asked_by", sa.Text, nullable=False, comment="us, or them"),
    sa.Column("patient_id", sa.Text, nullable=False, default="", comment="there; empty when they asked"),
    sa.Column("contact", sa.Text, nullable=False, default="", comment="JSON; empty when they asked"),
    sa.Column("score", sa.Float, nullable=False),
    sa.Column("state", sa.Text, nullable=False, comment="triage"),
    sa.Column("first_at", sa.Text, nullable=False),
    sa.Column("last_at", sa.Text, nullable=False),
    sa.UniqueConstraint("case_id", "digest"),
)

# What people wrote beside a case, or beside a match of it.
remark: Final = sa.Table(
    "remark",
    metadata,
    sa.Column("no", sa.Integer, primary_key=True),
    sa.Column("case_id", sa.Text, nullable=False, index=True),
    sa.Column("match_no", sa.Integer),
    sa.Column("author", sa.Text, nullable=False),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
)

# Letters that wait to be sent; a sent one is deleted.
outbox: Final = sa.Table(
    "outbox",
    metadata,
    sa.Column("no", sa.Integer, primary_key=True),
    sa.Column("id", sa.Text, nullable=False, unique=True, comment="the same at every attempt"),
    sa.Column("channel", sa.Text, nullable=False, comment="mail or webhook"),
    sa.Column("recipient", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("due_s", sa.Float, nullable=False, comment="Unix time"),
    sa.Column("made_at", sa.Text, nullable=False),
)

# Tokens that peers without keys show in X-Auth-Token; two are good at a time, for changing them.  One that is
# not good any more stays, so that no backup makes it good again.
exchange_token: Final = sa.Table(
    "exchange_token",
    metadata,
    sa.Column("digest", sa.LargeBinary, primary_key=True, comment="SHA-256"),
    sa.Column("peer", sa.Text, nullable=False, index=True, comment="empty when it is not good any more"),
    sa.Column("made_s", sa.Float, nullable=False, comment="Unix time"),
    info={"kept": True},
)

# Questions and results by peer and day: budgets, and the numbers that /mme/metrics tells.
exchange_day: Final = sa.Table(
    "exchange_day",
    metadata,
    sa.Column("peer", sa.Text, primary_key=True),
    sa.Column("day", sa.Text, primary_key=True, comment="ISO 8601, UTC"),
    sa.Column("questions", sa.Integer, nullable=False),
    sa.Column("results", sa.Integer, nullable=False),
    info={"kept": True},
)
