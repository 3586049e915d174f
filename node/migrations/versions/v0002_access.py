"""Access: who may sign in, with what, and the log of what was answered."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    _audit()
    _identity()


def _audit() -> None:
    op.create_table(
        "audit",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("entry", sa.Text(), nullable=False, comment="canonical JSON"),
        sa.Column(
            "hash",
            sa.LargeBinary(),
            nullable=False,
            comment="SHA-256 of the hash before it and the entry",
        ),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_table(
        "audit_head",
        sa.Column("no", sa.Integer(), autoincrement=False, nullable=False, comment="always 1"),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("no"),
    )
    if op.get_bind().dialect.name == "sqlite":
        for change in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER audit_no_{change.lower()} BEFORE {change} ON audit "
                "BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the audit log is append-only'; END $$"
    )
    op.execute(
        "CREATE TRIGGER audit_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON audit "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only()"
    )


def _identity() -> None:
    op.create_table(
        "account",
        sa.Column("subject", sa.Text(), nullable=False, comment="random; what others know this user by"),
        sa.Column("name", sa.Text(), nullable=False, comment="typed to sign in"),
        sa.Column("title", sa.Text(), nullable=False, comment="the name for people"),
        sa.Column("password", sa.Text(), nullable=False, comment="argon2id"),
        sa.Column(
            "must_change", sa.Boolean(), nullable=False, comment="the password was chosen by somebody else"
        ),
        sa.Column("roles", sa.Text(), nullable=False, comment="space-separated"),
        sa.Column("totp", sa.LargeBinary(), nullable=True, comment="AES-GCM of the secret of one-time codes"),
        sa.Column("totp_step", sa.BigInteger(), nullable=False, comment="the newest that was used"),
        sa.Column("locked", sa.Boolean(), nullable=False),
        sa.Column("created_s", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("subject"),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "entitlement",
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("tier", sa.Text(), nullable=False),
        sa.Column("dataset", sa.Text(), nullable=False, comment="empty for the tier registered"),
        sa.Column("granted_s", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("holder", "tier", "dataset"),
    )
    op.create_table(
        "oauth_client",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column(
            "authentication", sa.Text(), nullable=False, comment="client_secret, private_key_jwt or none"
        ),
        sa.Column("secret", sa.LargeBinary(), nullable=True, comment="SHA-256"),
        sa.Column("jwks", sa.Text(), nullable=True, comment="public keys, JSON"),
        sa.Column("grant_types", sa.Text(), nullable=False, comment="space-separated"),
        sa.Column("redirect_uris", sa.Text(), nullable=False, comment="JSON list"),
        sa.Column("scopes", sa.Text(), nullable=False, comment="space-separated"),
        sa.Column("created_s", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "authorization_code",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("redirect_uri", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("nonce", sa.Text(), nullable=True),
        sa.Column("challenge", sa.Text(), nullable=False),
        sa.Column("methods", sa.Text(), nullable=False, comment="amr, space-separated"),
        sa.Column("signed_in_s", sa.Float(), nullable=False),
        sa.Column("family", sa.Text(), nullable=False),
        sa.Column("used", sa.Boolean(), nullable=False),
        sa.Column("expires_s", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_table(
        "token_family",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("methods", sa.Text(), nullable=False),
        sa.Column("signed_in_s", sa.Float(), nullable=False),
        sa.Column("refresh", sa.LargeBinary(), nullable=True, comment="SHA-256 of the newest refresh token"),
        sa.Column("refresh_until_s", sa.Float(), nullable=False),
        sa.Column("revoked", sa.Boolean(), nullable=False),
        sa.Column("expires_s", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "spent",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("expires_s", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "id"),
    )
    op.create_table(
        "attempt",
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("free_s", sa.Float(), nullable=False, comment="nothing is tried before"),
        sa.Column("last_s", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_table(
        "web_session",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column(
            "profile", sa.Text(), nullable=False, comment="what a provider said, JSON; {} of users of our own"
        ),
        sa.Column("methods", sa.Text(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False, comment="the browser, as it describes itself"),
        sa.Column("signed_in_s", sa.Float(), nullable=False),
        sa.Column("seen_s", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_table(
        "pending_login",
        sa.Column("digest", sa.LargeBinary(), nullable=False, comment="SHA-256 of state"),
        sa.Column("visit", sa.LargeBinary(), nullable=False, comment="SHA-256 of the cookie of the browser"),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("nonce", sa.Text(), nullable=False),
        sa.Column("verifier", sa.Text(), nullable=False, comment="PKCE"),
        sa.Column("return_to", sa.Text(), nullable=False),
        sa.Column("expires_s", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )
