"""The checks, in the order in which they are made; those over all answers come last.

A new check is a line in one of these tables.
"""

from __future__ import annotations

from typing import Final

from node.verify.check import Check
from node.verify.checks.answers import ANSWERS
from node.verify.checks.every import EVERY_ANSWER
from node.verify.checks.honesty import HONESTY
from node.verify.checks.places import PLACES
from node.verify.checks.refusals import REFUSALS
from node.verify.checks.surface import SURFACE

CHECKS: Final[tuple[Check, ...]] = (*SURFACE, *PLACES, *HONESTY, *ANSWERS, *REFUSALS, *EVERY_ANSWER)
