"""The whole of a verification: orient, make every check, judge."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from node.federation.visitor import Visitor
from node.verify.check import Check, Fault, Outcome, Result
from node.verify.checks import CHECKS
from node.verify.orient import World, orient
from node.verify.probe import Probe
from node.verify.skipping import BudgetSpent, SkipCheck
from node.verify.verdict import Verdict
from node.verify.visit import Visit

_MOST_FAULTS: Final = 10


@dataclass(frozen=True, slots=True)
class Limits:
    """most: requests in all.  per_second: 0 for no pacing.  timeout_s: for each request."""

    most: int = 400
    per_second: float = 20.0
    timeout_s: float = 20.0


async def verify(
    visitor: Visitor,
    root: str,
    *,
    probe: Probe | None = None,
    limits: Limits | None = None,
    more: Iterable[Check] = (),
    tell: Callable[[str], None] = lambda _: None,
) -> Verdict:
    """What is right and wrong with the Beacon whose API root is `root`.

    probe: a variant known to be held; looked for in its records when None.  more: checks beside the usual.
    tell: called with a line for people at every step.  Takes `limits.most / limits.per_second` seconds at
    most, beside what the Beacon itself takes.  Never raises for what the Beacon does.
    """
    limits = limits or Limits()
    visit = Visit(visitor, root, limits.most, limits.per_second, limits.timeout_s)
    tell("finding a variant that it holds")
    try:
        world = await orient(visit, probe)
    except BudgetSpent:
        world = World(visit, probe=probe)
    results = []
    for check in (*CHECKS, *more):
        tell(check.says)
        results.append(await _examined(check, world))
    return Verdict(root, tuple(results), world.probe, str(world.manner), len(visit.transcript))


async def _examined(check: Check, world: World) -> Result:
    faults: list[Fault] = []
    try:
        async for fault in check.examine(world):
            faults.append(fault)  # kept one by one: those before a skip count
            if len(faults) == _MOST_FAULTS:
                break
    except SkipCheck as skipped:
        if not faults:
            return Result(check, Outcome.SKIPPED, reason=str(skipped))
    return Result(check, Outcome.FAILED if faults else Outcome.PASSED, tuple(faults))
