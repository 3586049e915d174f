"""Settings of one node: `varhaven.toml` in its home, read once, frozen, unknown keys refused.

Every setting is described in `deploy/varhaven.example.toml`, which a test holds against this module.
"""

from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path
from typing import Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, model_validator

from node.sections import CarrierSection, ExactUrl, Network, PublicUrl, Section, Thumbprint, TokenAlgorithm
from schemas.access import Granularity, Tier
from schemas.errors import BadInput, Place
from schemas.ga4gh import NodeIdentity
from schemas.genome import Assembly
from schemas.matching import Sharing
from schemas.network import PeerKind

CONFIG_NAME: Final = "varhaven.toml"


class NodeSection(Section):
    id: PublicUrl
    name: str = Field(min_length=1, max_length=200)
    country: str = Field(pattern=r"^[A-Z]{2}$")
    contact: str = ""
    environment: Literal["prod", "test", "dev", "staging"] = "prod"


class ServerSection(Section):
    """Where `serve` listens; by default where the node's public URL points.

    certificate, key: PEM files; with them the node ends TLS itself.  trusted_proxies: addresses or networks
    whose X-Forwarded-For and X-Forwarded-Proto are believed; nobody else's are.
    """

    host: str | None = None
    port: int | None = Field(default=None, ge=0, le=65535)
    certificate: Path | None = None
    key: Path | None = None
    trusted_proxies: tuple[Network, ...] = ()

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key are set together, or neither is")
        return self


class DatabaseSection(Section):
    """`url` in SQLAlchemy's form; by default `varhaven.db` in the home."""

    url: str | None = None


class IngestSection(Section):
    """Limits of the child process that reads a file somebody else wrote, and what of it is held.

    min_quality: a record whose QUAL is lower is left out; one without QUAL is not.
    """

    memory_mb: int = Field(default=2048, ge=256)
    max_line_mb: int = Field(default=64, ge=1)
    filters: Literal["all", "pass"] = "all"
    min_quality: float = Field(default=0.0, ge=0.0)


class ReferenceSection(Section):
    """Files of the site about the human genome itself; all of it optional.

    fasta: an indexed FASTA for each assembly.  genes: BED, GTF or GFF3 by assembly, beside the table that is
    shipped.  chains: UCSC chain files between the two assemblies.  frequencies: indexed VCFs that tell how
    frequent alleles are.  clinvar: ClinVar's own VCF, instead of the table that is shipped.
    """

    fasta: dict[Assembly, Path] = Field(default_factory=dict)
    genes: dict[Assembly, Path] = Field(default_factory=dict)
    chains: tuple[Path, ...] = ()
    frequencies: dict[Assembly, tuple[Path, ...]] = Field(default_factory=dict)
    clinvar: dict[Assembly, Path] = Field(default_factory=dict)


class BeaconSection(Section):
    """synthetic: datasets without any real person; test mode shows them whole, to anybody."""

    synthetic: tuple[str, ...] = ()


class PolicySection(Section):
    """floor: counts of fewer people than this are told as if there were none, where counts are controlled."""

    floor: int = Field(default=10, ge=5)


class CohortSection(Section):
    """A cohort: everybody in `datasets` (none named: in all) who satisfies all of `filters`."""

    id: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")
    name: str = Field(min_length=1, max_length=200)
    description: str = ""
    datasets: tuple[str, ...] = ()
    filters: tuple[str, ...] = ()


class PeerOAuth(Section):
    """How this node gets tokens for a partner behind an authorization server (client credentials).

    client_secret_file: holds the secret; without it this node proves who it is with its own key
    (private_key_jwt).  resource: RFC 8707; scope: as the server wants it.
    """

    token_endpoint: PublicUrl
    client_id: str = Field(min_length=1)
    client_secret_file: Path | None = None
    scope: str = ""
    resource: str = ""


class PeerTerms(Section):
    """What was agreed with a partner, beside who he is.

    direction: asked by this node, answered by it, or both.  tier: what those it asks for are taken for at
    most.  granularity: it is told no more than this.  expires: the last day of the agreement.
    proxy, ca_bundle, client_certificate, client_key: how it is reached, instead of what holds for all.
    """

    direction: Literal["both", "ask", "answer"] = "both"
    tier: Tier = Tier.PUBLIC
    granularity: Granularity = Granularity.RECORD
    expires: date | None = None
    proxy: PublicUrl | None = None
    ca_bundle: Path | None = None
    client_certificate: Path | None = None
    client_key: Path | None = None
    oauth: PeerOAuth | None = None

    def holds_on(self, day: date) -> bool:
        """Whether the agreement has not ended by this day."""
        return self.expires is None or day <= self.expires


class PeerSection(PeerTerms):
    """A partner.  thumbprint: of a varhaven node's key, and of no other kind.  dialect: of a Beacon.

    assemblies: that it holds, where that is known; a question about another is carried over or not asked.
    network: it has a network of its own, and is asked for all of it.  forward: what it asks is also asked of
    this node's own peers, in this node's name.  relay: through which it is reached.
    """

    url: PublicUrl
    kind: PeerKind = PeerKind.VARHAVEN
    thumbprint: Thumbprint | None = None
    name: str = ""
    dialect: str = ""
    assemblies: tuple[Assembly, ...] = ()
    network: bool = False
    forward: bool = False
    relay: PublicUrl | None = None

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        signs = self.kind is PeerKind.VARHAVEN
        if signs != (self.thumbprint is not None):
            raise ValueError("a varhaven node is trusted by the thumbprint of its key, and no other kind is")
        if self.forward and not signs:
            raise ValueError("only varhaven nodes ask, and have their questions passed on")
        if self.relay and not signs:
            raise ValueError("only varhaven nodes are reached through a relay")
        if self.dialect and self.kind is not PeerKind.BEACON:
            raise ValueError("a dialect is for a Beacon")
        if self.oauth is not None and self.kind is not PeerKind.BEACON:
            raise ValueError("a varhaven node is asked with signed requests; oauth is for a Beacon")
        if self.client_key is not None and self.client_certificate is None:
            raise ValueError("a key without its certificate is of no use")
        return self

    @property
    def terms(self) -> PeerTerms:
        """What was agreed, alone."""
        return PeerTerms.model_construct(**{name: getattr(self, name) for name in PeerTerms.model_fields})


class FederationSection(Section):
    """deadline_s: for a whole network question.  max_answer_mb: the most that is read from one peer.

    cache_s: for how long the same caller is told a peer's yes, no or count again; 0 for never.
    membership_key: thumbprint of who signs the list of members; then only peers on the list are asked and
    answered.
    """

    deadline_s: float = Field(default=8.0, gt=0, le=300)
    cache_s: float = Field(default=0.0, ge=0, le=60)
    max_answer_mb: float = Field(default=1.0, gt=0, le=100)
    ca_bundle: Path | None = None
    membership_key: Thumbprint | None = None


class RelaySection(Section):
    """url: of the relay through which others reach this node; None when they reach it themselves."""

    url: PublicUrl | None = None


class AccessSection(Section):
    """How this node reaches the issuers of tokens and visas.

    private_hosts: the only ones that may be at private addresses or without TLS.  proxy: for all the others;
    by default as the environment says.  dpop_nonce: whether proofs need a nonce of this node.
    """

    private_hosts: tuple[str, ...] = ()
    proxy: ExactUrl | None = None
    ca_bundle: Path | None = None
    dpop_nonce: bool = False


class RoleSection(Section):
    """`role` for whoever's token has `value` in the claim at the path `claim`."""

    claim: tuple[str, ...] = Field(min_length=1)
    value: str = Field(min_length=1)
    role: Literal["researcher", "clinician", "citizen", "administrator", "data-protection-officer"]


class ProviderSection(Section):
    """An OpenID provider at which people sign in.  name: in addresses of this node.  title: for people.

    client_secret_file: without it the node signs with its own key (private_key_jwt).  roles: by claims of the
    ID token and of userinfo.  The endpoints are found by discovery, unless they are set.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")
    title: str = Field(min_length=1, max_length=100)
    issuer: ExactUrl
    client_id: str = Field(min_length=1)
    client_secret_file: Path | None = None
    scopes: tuple[str, ...] = ("openid", "profile")
    algorithms: tuple[Literal["ES256", "RS256", "PS256"], ...] = Field(default=("RS256",), min_length=1)
    roles: tuple[RoleSection, ...] = ()
    authorization_endpoint: ExactUrl | None = None
    token_endpoint: ExactUrl | None = None
    userinfo_endpoint: ExactUrl | None = None
    jwks_uri: ExactUrl | None = None
    end_session_endpoint: ExactUrl | None = None

    @model_validator(mode="after")
    def _asks_who_it_is(self) -> Self:
        if "openid" not in self.scopes:
            raise ValueError("scopes must have openid: it is what makes the provider say who somebody is")
        return self


class SignInSection(Section):
    """Who signs people in.

    embedded: the authorization server inside the node.  "on": it works, and the node says loudly that nobody
    has decided on it; "accepted": somebody has; "off": it is not there, and its tokens are good no longer.

    idle_minutes, session_hours: after which a session of a browser ends, unused and in any case.
    """

    embedded: Literal["on", "accepted", "off"] = "on"
    idle_minutes: int = Field(default=30, ge=1, le=24 * 60)
    session_hours: int = Field(default=10, ge=1, le=24 * 7)
    providers: tuple[ProviderSection, ...] = ()

    @model_validator(mode="after")
    def _tells_providers_apart(self) -> Self:
        for names in ([one.name for one in self.providers], [one.issuer for one in self.providers]):
            if len(set(names)) != len(names):
                raise ValueError("a name or an issuer stands there twice")
        return self


class IssuerSection(Section):
    """An identity provider whose access tokens are good here, and for what.

    audience_optional: whether tokens may name no audience at all; by default as `profile` says.
    """

    issuer: ExactUrl
    profile: Literal["rfc9068", "keycloak", "ga4gh-jwt", "introspect"]
    clients: tuple[str, ...] = Field(min_length=1)
    audience: str | None = None
    audience_optional: bool | None = None
    other_audiences: tuple[str, ...] = ()
    algorithms: tuple[TokenAlgorithm, ...] = Field(default=("ES256", "RS256"), min_length=1)
    max_life_s: int = Field(default=3600, ge=60, le=864_000)
    jwks_uri: ExactUrl | None = None
    introspection_endpoint: ExactUrl | None = None
    token_endpoint: ExactUrl | None = None
    userinfo_endpoint: ExactUrl | None = None
    client_id: str | None = None
    client_secret_file: Path | None = None
    roles: tuple[RoleSection, ...] = ()
    passport: Literal["exchange", "userinfo"] | None = None
    posted_passports: bool = False


class VisaSection(Section):
    """A visa issuer that is trusted, for what it may assert and on whose behalf.

    subjects_of: issuers whose names for people it uses, so that the same subject is the same person.
    """

    issuer: ExactUrl
    jku: ExactUrl
    types: tuple[str, ...] = Field(min_length=1)
    sources: tuple[str, ...] = Field(min_length=1)
    algorithms: tuple[Literal["ES256", "RS256"], ...] = Field(default=("ES256", "RS256"), min_length=1)
    max_age_days: float = Field(default=365, gt=0, le=3650)
    subjects_of: tuple[ExactUrl, ...] = ()


class MatchmakerSection(Section):
    """max_results, min_score: of every answer.  rate_per_minute, budget_per_day: questions of one peer.

    sharing: how much of a case may leave when nobody says otherwise.  contact_name, contact_href: for cases
    that name nobody.  disclaimer, terms: told with every answer.  rematch_at: local time, "" is never.
    webhook: an address that hears of new matches, signed with the secret in `webhook_secret`.
    """

    max_results: int = Field(default=10, ge=1, le=100)
    min_score: float = Field(default=0.1, ge=0, le=1)
    rate_per_minute: int = Field(default=60, ge=1)
    budget_per_day: int = Field(default=1_000, ge=1)
    sharing: Sharing = Sharing.GENE
    contact_name: str = ""
    contact_href: str = ""
    disclaimer: str = Field(default="", max_length=4_000)
    terms: str = Field(default="", max_length=4_000)
    rematch_at: str = Field(default="02:30", pattern=r"^(([01]\d|2[0-3]):[0-5]\d)?$")
    webhook: PublicUrl | None = None
    webhook_secret: Path | None = None
    carriers: CarrierSection = CarrierSection()

    @model_validator(mode="after")
    def _signs(self) -> Self:
        if (self.webhook is None) != (self.webhook_secret is None):
            raise ValueError("webhook and webhook_secret go together: nothing is sent unsigned")
        return self


class MailSection(Section):
    """The mail server that takes letters; without a host none are written.

    tls: from the first byte, after STARTTLS, or none.  password: a file that holds it.  complete: letters
    name what was found in common.
    """

    host: str | None = None
    port: int = Field(default=587, ge=1, le=65535)
    tls: Literal["starttls", "tls", "none"] = "starttls"
    ca_bundle: Path | None = None
    user: str = ""
    password: Path | None = None
    sender: str = ""
    complete: bool = False


class SecureSumSection(Section):
    """Totals of which nobody learns a single part: with whom, of which datasets, and how carefully.

    floor: the fewest people, at the other nodes, that a total may tell of.  remember_days: how long a
    question stays bound to its nodes and data.  per_day: new questions that one node may have summed.
    """

    partners: tuple[PublicUrl, ...] = ()
    datasets: tuple[str, ...] = ()
    floor: int = Field(default=10, ge=5, le=1_000_000)
    remember_days: int = Field(default=365, ge=30)
    per_day: int = Field(default=20, ge=1)


class Settings(Section):
    """Everything a node is told; `home` is where it lives."""

    home: Path
    node: NodeSection
    server: ServerSection = ServerSection()
    sign_in: SignInSection = SignInSection()
    database: DatabaseSection = DatabaseSection()
    ingest: IngestSection = IngestSection()
    reference: ReferenceSection = ReferenceSection()
    federation: FederationSection = FederationSection()
    beacon: BeaconSection = BeaconSection()
    matchmaker: MatchmakerSection = MatchmakerSection()
    mail: MailSection = MailSection()
    secure_sum: SecureSumSection = SecureSumSection()
    relay: RelaySection = RelaySection()
    policies: PolicySection = PolicySection()
    cohorts: tuple[CohortSection, ...] = ()
    peers: tuple[PeerSection, ...] = ()
    access: AccessSection = AccessSection()
    issuers: tuple[IssuerSection, ...] = ()
    visas: tuple[VisaSection, ...] = ()

    @property
    def identity(self) -> NodeIdentity:
        node = self.node
        return NodeIdentity(node.id, node.name, node.country, node.contact, node.environment)

    @property
    def database_url(self) -> str:
        return self.database.url or f"sqlite:///{self.home / 'varhaven.db'}"

    def reached_through(self, relay: str) -> Self:
        """The same settings with another relay.  Raises BadInput: not the address of one."""
        try:
            return self.model_copy(update={"relay": RelaySection(url=relay)})
        except ValidationError as fault:
            problem = fault.errors()[0]["msg"]
            raise BadInput(Place(relay, field="relay.url"), problem, "Ask its operator.") from None

    @property
    def listen(self) -> tuple[str, int]:
        """Host and port of `serve`; 0 lets the system choose."""
        public = urlsplit(self.node.id)
        default_port = 443 if public.scheme == "https" else 80
        port = self.server.port if self.server.port is not None else (public.port or default_port)
        return self.server.host or public.hostname or "127.0.0.1", port


def read_terms(path: Path | None, stated: dict[str, object]) -> PeerTerms:
    """What was agreed with a partner: in a file of TOML, and beside it.

    Raises BadInput: an unknown key, or a value that cannot be.
    """
    place = Place(str(path) if path is not None else "the options")
    try:
        written = tomllib.loads(path.read_text(encoding="utf-8")) if path is not None else {}
        return PeerTerms.model_validate({**written, **stated})
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        raise BadInput(place, "cannot be read as TOML", "Write it as in [[peers]].") from None
    except ValidationError as fault:
        first = fault.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        remedy = "deploy/varhaven.example.toml describes every setting."
        raise BadInput(Place(place.file, field=field), first["msg"], remedy) from None


def read_settings(home: Path) -> Settings:
    """The settings of the node that lives in `home`.

    Raises BadInput: no node there, not TOML, an unknown key, or a value that cannot be; names the key.
    """
    path = home / CONFIG_NAME
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadInput(
            Place(str(home)),
            "no node lives here",
            "Make one with: varhaven init --home DIR --url URL --name NAME",
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
        raise BadInput(Place(str(path)), f"not valid TOML ({fault})", "Correct the file.") from None
    try:
        return Settings(home=home.resolve(), **raw)
    except ValidationError as fault:
        first = fault.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        remedy = "deploy/varhaven.example.toml describes every setting."
        raise BadInput(Place(str(path), field=field), first["msg"], remedy) from None
