"""Everything of the matchmaker that an open node has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.engine import Engine

from matchmaker.match import Matchmaker
from matchmaker.phenotype import TermSpace
from matchmaker.scoring.profile import Reader
from node import trace
from node.audit import Audit, Entry, Kind, Outcome
from node.cases import Actor, CaseBook, Stock, Tracking
from node.config import Settings
from node.exchange.desk import Desk
from node.exchange.finder import Finder
from node.exchange.guard import Guard
from node.exchange.letters import Outbox, Secretary
from node.exchange.rounds import Rounds
from node.exchange.tokens import GivenTokens, TokenBook
from node.reference.calibration import PublishedPairs
from node.reference.matching import HumanPhenotypes, VariantLift
from node.reference.ontology import Ontologies
from schemas.matching import Genes, Limits
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
    outbox: Outbox
    rounds: Rounds

    @property
    def contact(self) -> Contact:
        """Who stands in cases that name nobody."""
        own, node = self.settings.matchmaker, self.settings.node
        mail = f"mailto:{node.contact}" if node.contact else node.id
        return Contact(
            name=own.contact_name or node.name, href=own.contact_href or mail, institution=node.name
        )


def open_exchange(
    settings: Settings,
    engine: Engine,
    audit: Audit,
    *,
    ontologies: Ontologies,
    genes: Genes,
    liftover: Liftover | None,
) -> Exchange:
    """Nothing is read before the first question."""
    own = settings.matchmaker
    book = CaseBook(engine, _witness(audit))
    tracking = Tracking(book, audit.digest)
    stock = Stock(book, _maker(settings, ontologies, genes, liftover))
    outbox = Outbox(engine)
    secretary = Secretary(settings, book, outbox)
    given = GivenTokens(settings.home / "keys")
    guard = Guard(engine, own.rate_per_minute, own.budget_per_day)
    finder = Finder(settings.identity, own, stock, book, tracking, secretary, audit, given)
    return Exchange(
        settings=settings,
        book=book,
        tracking=tracking,
        tokens=TokenBook(engine),
        given=given,
        stock=stock,
        desk=Desk(own, stock, book, tracking, guard, secretary, audit),
        finder=finder,
        outbox=outbox,
        rounds=Rounds(finder, book, secretary),
    )


def _witness(audit: Audit) -> Callable[[Actor, str], None]:
    """Changes of cases stand in the audit log, too: who, and of what kind."""

    def recorded(actor: Actor, what: str) -> None:
        request = trace.current().id
        audit.record_now(Entry(request, actor.name, Kind.MATCHMAKER, Outcome.ANSWERED, detail=what))

    return recorded


def _maker(
    settings: Settings, ontologies: Ontologies, genes: Genes, liftover: Liftover | None
) -> Callable[[], Matchmaker]:
    def make() -> Matchmaker:
        lift = None if liftover is None else VariantLift(liftover)
        reader = Reader(TermSpace(HumanPhenotypes(ontologies)), genes, lift)
        own = settings.matchmaker
        limits = Limits(own.max_results, own.min_score)
        return Matchmaker(reader, limits=limits, calibration=PublishedPairs())

    return make
