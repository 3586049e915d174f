"""The embedded authorization server: everything a node needs so that people and programs can sign in to it.

    embedded      the server as others see it
    protocol      OAuth over Authlib's framework-neutral classes
    routes        `/oauth/...` and its metadata over HTTP
    tokens        access tokens and ID tokens
    families      codes and refresh tokens, and what ends them
    clients       programs that may ask for tokens
    accounts      users; `passwords`, `totp`, `attempts`: how they prove who they are
    entitlements  what both were granted here, and the visas that say so
    keyring       the keys it signs and seals with

An institution with a provider of its own uses that instead; see `[sign_in]` in the settings.
"""

from node.access.server.embedded import EmbeddedServer

__all__ = ["EmbeddedServer"]
