"""Why a check is not made: raised from wherever that turns out."""

from __future__ import annotations


class SkipCheck(Exception):
    """A check that cannot be made here; the text says why."""


class BudgetSpent(SkipCheck):
    """No more requests may be made."""
