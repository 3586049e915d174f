"""Tables of who may sign in and with what: users, clients, what both were granted, tokens, sessions.

Nothing here can be used to sign in: passwords are argon2id hashes, secrets and tokens are SHA-256 digests of
random values, the secrets of one-time codes are encrypted with a key that lies outside of the database.
Times are Unix seconds.

A restored backup does not bring back whom somebody has locked out or what was revoked since: these tables
stay as they are where there is a user.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from node.db.base import metadata

_KEPT: Final = {"kept": "account"}

account: Final = sa.Table(
    "account",
    metadata,
    sa.Column("subject", sa.Text, primary_key=True, comment="random; what others know this user by"),
    sa.Column("name", sa.Text, nullable=False, unique=True, comment="typed to sign in"),
    sa.Column("title", sa.Text, nullable=False, comment="the name for people"),
    sa.Column("password", sa.Text, nullable=False, comment="argon2id"),
    sa.Column("must_change", sa.Boolean, nullable=False, comment="the password was chosen by somebody else"),
    sa.Column("roles", sa.Text, nullable=False, comment="space-separated"),
    sa.Column("totp", sa.LargeBinary, comment="AES-GCM of the secret of one-time codes"),
    sa.Column("totp_step", sa.BigInteger, nullable=False, comment="the newest that was used"),
    sa.Column("locked", sa.Boolean, nullable=False),
    sa.Column("created_s", sa.Float, nullable=False),
    info=_KEPT,
)

# What a user (by subject) or a client (by id) was granted here; signed as visas when it is asked for.
entitlement: Final = sa.Table(
    "entitlement",
    metadata,
    sa.Column("holder", sa.Text, primary_key=True),
    sa.Column("tier", sa.Text, primary_key=True),
    sa.Column("dataset", sa.Text, primary_key=True, comment="empty for the tier registered"),
    sa.Column("granted_s", sa.Float, nullable=False),
    info=_KEPT,
)

oauth_client: Final = sa.Table(
    "oauth_client",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    sa.Column("authentication", sa.Text, nullable=False, comment="client_secret, private_key_jwt or none"),
    sa.Column("secret", sa.LargeBinary, comment="SHA-256"),
    sa.Column("jwks", sa.Text, comment="public keys, JSON"),
    sa.Column("grant_types", sa.Text, nullable=False, comment="space-separated"),
    sa.Column("redirect_uris", sa.Text, nullable=False, comment="JSON list"),
    sa.Column("scopes", sa.Text, nullable=False, comment="space-separated"),
    sa.Column("created_s", sa.Float, nullable=False),
    info=_KEPT,
)

# A code stays when it was used: who shows it again ends what came of it.
authorization_code: Final = sa.Table(
    "authorization_code",
    metadata,
    sa.Column("digest", sa.LargeBinary, primary_key=True),
    sa.Column("client_id", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("redirect_uri", sa.Text, nullable=False),
    sa.Column("scope", sa.Text, nullable=False),
    sa.Column("nonce", sa.Text),
    sa.Column("challenge", sa.Text, nullable=False),
    sa.Column("methods", sa.Text, nullable=False, comment="amr, space-separated"),
    sa.Column("signed_in_s", sa.Float, nullable=False),
    sa.Column("family", sa.Text, nullable=False),
    sa.Column("used", sa.Boolean, nullable=False),
    sa.Column("expires_s", sa.Float, nullable=False),
    info=_KEPT,
)

# All tokens that came of one consent.  One refresh token of it is good, the newest.
token_family: Final = sa.Table(
    "token_family",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("client_id", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("scope", sa.Text, nullable=False),
    sa.Column("methods", sa.Text, nullable=False),
    sa.Column("signed_in_s", sa.Float, nullable=False),
    sa.Column("refresh", sa.LargeBinary, comment="SHA-256 of the newest refresh token"),
    sa.Column("refresh_until_s", sa.Float, nullable=False),
    sa.Column("revoked", sa.Boolean, nullable=False),
    sa.Column("expires_s", sa.Float, nullable=False),
    info=_KEPT,
)

# Ids that are good once (assertions of clients) or no longer (revoked tokens), for as long as it matters.
spent: Final = sa.Table(
    "spent",
    metadata,
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("expires_s", sa.Float, nullable=False),
    info=_KEPT,
)

# Failed attempts to sign in, by account name and by address, both as keyed digests.
attempt: Final = sa.Table(
    "attempt",
    metadata,
    sa.Column("key", sa.LargeBinary, primary_key=True),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("free_s", sa.Float, nullable=False, comment="nothing is tried before"),
    sa.Column("last_s", sa.Float, nullable=False),
    info=_KEPT,
)

web_session: Final = sa.Table(
    "web_session",
    metadata,
    sa.Column("digest", sa.LargeBinary, primary_key=True),
    sa.Column("issuer", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column(
        "profile", sa.Text, nullable=False, comment="what a provider said, JSON; {} of users of our own"
    ),
    sa.Column("methods", sa.Text, nullable=False),
    sa.Column("agent", sa.Text, nullable=False, comment="the browser, as it describes itself"),
    sa.Column("signed_in_s", sa.Float, nullable=False),
    sa.Column("seen_s", sa.Float, nullable=False),
    info=_KEPT,
)

# A sign-in that is under way at a provider elsewhere; good once.
pending_login: Final = sa.Table(
    "pending_login",
    metadata,
    sa.Column("digest", sa.LargeBinary, primary_key=True, comment="SHA-256 of state"),
    sa.Column("visit", sa.LargeBinary, nullable=False, comment="SHA-256 of the cookie of the browser"),
    sa.Column("provider", sa.Text, nullable=False),
    sa.Column("nonce", sa.Text, nullable=False),
    sa.Column("verifier", sa.Text, nullable=False, comment="PKCE"),
    sa.Column("return_to", sa.Text, nullable=False),
    sa.Column("expires_s", sa.Float, nullable=False),
    info=_KEPT,
)
