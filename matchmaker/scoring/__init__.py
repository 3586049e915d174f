"""The matching algorithms.  A new one is a module with an `ALGORITHM`, and its line in `ALGORITHMS`.

The laws in the tests run over this mapping: scores from 0 to 1, the order of features of no account, no one
more like a patient than himself, a shared term or gene never a loss, an unknown term never a failure.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from matchmaker.scoring import overlap, semantic
from matchmaker.scoring.algorithm import Algorithm

ALGORITHMS: Final[Mapping[str, Algorithm]] = MappingProxyType(
    {each.name: each for each in (semantic.ALGORITHM, overlap.ALGORITHM)}
)
DEFAULT: Final = semantic.ALGORITHM
