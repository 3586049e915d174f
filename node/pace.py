"""Answers that take one of a few times, so that theirs does not tell what they do not say."""

from __future__ import annotations

import asyncio
import time


async def even(began: float, step_s: float) -> None:
    """Waits for the next step after `began`, a `time.perf_counter()`."""
    await asyncio.sleep(until_next_step(time.perf_counter() - began, step_s))


def until_next_step(spent_s: float, step_s: float) -> float:
    """How long an answer waits after so much work: the rest of the step; a whole one after none."""
    return step_s - spent_s % step_s
