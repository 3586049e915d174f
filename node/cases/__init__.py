"""The cases of this node: who deposited them, how much of each may leave, and what came of matching them.

    deposit     one case with everything the node knows of it, and who may touch it
    book        the table of cases: every reader and writer is asked who he is
    documents   cases from files: Matchmaker Exchange JSON and phenopackets
    subjects    cases from the people of a dataset and their genotypes
    stock       the cases as the matchmaker compares them, in memory, following the book
    promises    what is kept of consent when a backup is put back
    tracking    matches: which are new, and what people have made of them

Nothing here speaks to the outside, and nothing here scores.
"""

from node.cases.book import CaseBook
from node.cases.deposit import OPERATOR, Actor, Deposit, Status
from node.cases.documents import ReadCase, read_cases, read_cases_in
from node.cases.stock import Stock
from node.cases.tracking import Asked, Sighting, Track, Tracking, Triage

__all__ = [
    "OPERATOR",
    "Actor",
    "Asked",
    "CaseBook",
    "Deposit",
    "ReadCase",
    "Sighting",
    "Status",
    "Stock",
    "Track",
    "Tracking",
    "Triage",
    "read_cases",
    "read_cases_in",
]
