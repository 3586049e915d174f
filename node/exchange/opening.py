"""Everything of the matchmaker that an open node has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial

from sqlalchemy.engine import Engine

from matchmaker.match import Matchmaker
from matchmaker.onesided import Carriers, FindingLimits
from matchmaker.phenotype import TermSpace
from matchmaker.scoring.profile import Reader
from node import trace
from node.audit import Audit, Entry, Kind, Outcome
from node.candidates import GenotypeSearch
from node.cases import Actor, CaseBook, Stock, Tracking
from node.config import Settings
from node.exchange.candidates import CandidateDesk
from node.exchange.carriers import CarrierDesk
from node.exchange.desk import Desk
from node.exchange.finder import Finder
from node.exchange.guard import Guard
from node.exchange.letters import Outbox, Secretary
from node.exchange.rounds import Rounds
from node.exchange.tokens import GivenTokens, TokenBook
from node.reference.calibration import PublishedPairs
from node.reference.matching import HumanPhenotypes, VariantLift
from node.reference.ontology import Ontologies
from schemas.matching import Frequency, Genes, Limits
from schemas.mme import Contact
from schemas.reference import Liftover


@dataclass(frozen=True, slots=True)
class Exchange:
    """The matchmaker of one node."""

    settings: Settings
    book: CaseBook
    tracking: Tracking
    tokens: TokenBook
    given: GivenTokens
    stock: Stock
    desk: Desk
    finder: Finder
    carriers: CarrierDesk
    candidates: CandidateDesk
    outbox: Outbox
    rounds: Rounds

    @property
    def contact(self) -> Contact:
        """Who stands in cases that name nobody."""
        return _contact(self.settings)


def _contact(settings: Settings) -> Contact:
    own, node = settings.matchmaker, settings.node
    mail = f"mailto:{node.contact}" if node.contact else node.id
    return Contact(name=own.contact_name or node.name, href=own.contact_href or mail, institution=node.name)


def open_exchange(
    settings: Settings,
    engine: Engine,
    audit: Audit,
    *,
    ontologies: Ontologies,
    liftover: Liftover | None,
    search: GenotypeSearch,
) -> Exchange:
    """Nothing is read before the first question."""
    own = settings.matchmaker
    book = CaseBook(engine, _witness(audit))
    tracking = Tracking(book, audit.digest)
    rarity = search.sieve.frequencies.frequency if settings.reference.frequencies else None
    reader = _reading(ontologies, search.names, liftover, rarity)
    stock = Stock(book, _maker(settings, reader))
    outbox = Outbox(engine)
    secretary = Secretary(settings, book, outbox)
    given = GivenTokens(settings.home / "keys")
    guard = Guard(engine, own.rate_per_minute, own.budget_per_day)
    finder = Finder(settings.identity, own, stock, book, tracking, secretary, audit, given)
    finding = _finder(settings, reader)
    carriers = CarrierDesk(
        settings.identity,
        own,
        search,
        finding,
        book,
        tracking,
        guard,
        secretary,
        audit,
        partial(_contact, settings),
    )
    candidates = CandidateDesk(search, finding, book)
    return Exchange(
        settings=settings,
        book=book,
        tracking=tracking,
        tokens=TokenBook(engine),
        given=given,
        stock=stock,
        desk=Desk(own, stock, book, tracking, guard, secretary, audit),
        finder=finder,
        carriers=carriers,
        candidates=candidates,
        outbox=outbox,
        rounds=Rounds(finder, book, secretary),
    )


def _witness(audit: Audit) -> Callable[[Actor, str], None]:
    """Changes of cases stand in the audit log, too: who, and of what kind."""

    def recorded(actor: Actor, what: str) -> None:
        request = trace.current().id
        audit.record_now(Entry(request, actor.name, Kind.MATCHMAKER, Outcome.ANSWERED, detail=what))

    return recorded


def _reading(
    ontologies: Ontologies, genes: Genes, liftover: Liftover | None, rarity: Frequency | None
) -> Callable[[], Reader]:
    """Makes the reader of patients once, at the first call, which takes a second."""

    @lru_cache(1)
    def read() -> Reader:
        lift = None if liftover is None else VariantLift(liftover)
        return Reader(TermSpace(HumanPhenotypes(ontologies)), genes, lift, rarity)

    return read


def _maker(settings: Settings, reader: Callable[[], Reader]) -> Callable[[], Matchmaker]:
    def make() -> Matchmaker:
        own = settings.matchmaker
        limits = Limits(own.max_results, own.min_score)
        return Matchmaker(reader(), limits=limits, calibration=PublishedPairs())

    return make


def _finder(settings: Settings, reader: Callable[[], Reader]) -> Callable[[], Carriers]:
    @lru_cache(1)
    def make() -> Carriers:
        own = settings.matchmaker
        limits = FindingLimits(own.max_results, own.carriers.least_count, own.carriers.least_likeness)
        return Carriers(reader(), limits)

    return make
