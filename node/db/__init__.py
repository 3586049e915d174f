"""The node's database: its tables, by the room they belong to, its connections and its migrations.

    base       the set of all tables, and the revision that tells readers of a change
    people     datasets, individuals, biosamples, withdrawals
    variants   registered files, alleles, annotation, coverage
    network    peers
    access     the audit log
    identity   users, clients, what both were granted, their tokens and sessions
    cases      the matchmaker's: cases, matches, letters, tokens
    engine     connections to SQLite and PostgreSQL, migrations

A room imports this package and says `db.TABLE`.
"""

from node.db.access import audit, audit_head
from node.db.base import metadata, revision
from node.db.cases import (
    case_match,
    case_revision,
    exchange_day,
    exchange_token,
    mme_case,
    outbox,
    remark,
    removed_case,
    team_member,
)
from node.db.engine import Turn, announce, connect, held_schema, migrate, newest_schema, refuse_unfit
from node.db.identity import (
    account,
    attempt,
    authorization_code,
    entitlement,
    oauth_client,
    pending_login,
    spent,
    token_family,
    web_session,
)
from node.db.network import document_seq, peer, secure_sum
from node.db.people import biosample, dataset, finding_consent, individual, person, withdrawn
from node.db.variants import annotation, coverage, merged_file, variant, vcf_file

__all__ = [
    "Turn",
    "account",
    "annotation",
    "announce",
    "attempt",
    "audit",
    "audit_head",
    "authorization_code",
    "biosample",
    "case_match",
    "case_revision",
    "connect",
    "coverage",
    "dataset",
    "document_seq",
    "entitlement",
    "exchange_day",
    "exchange_token",
    "finding_consent",
    "held_schema",
    "individual",
    "merged_file",
    "metadata",
    "migrate",
    "mme_case",
    "newest_schema",
    "oauth_client",
    "outbox",
    "peer",
    "pending_login",
    "person",
    "refuse_unfit",
    "remark",
    "removed_case",
    "revision",
    "secure_sum",
    "spent",
    "team_member",
    "token_family",
    "variant",
    "vcf_file",
    "web_session",
    "withdrawn",
]
