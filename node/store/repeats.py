"""A file of one person, in which few different genotypes come again and again: each is read once.

What is remembered is the same that reading anew would give, and forgotten when it is too much.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from node.store.phasing import TELLING_PHASE, PhaseReader, Phases
from node.store.scanner import AlleleCalls, BadGenotype, SiteCalls, scan
from node.store.tally import Tail, Tally, tally

_MOST: Final = 4096


class Repeats:
    """Remembers by the text of the genotype, and by what was made of it."""

    def __init__(self) -> None:
        self._whole: dict[tuple[bytes, bytes], Tail | None] = {}
        self._calls: dict[tuple[bytes, int], SiteCalls] = {}
        self._alleles: dict[tuple[int, int], tuple[SiteCalls, AlleleCalls, Tally]] = {}
        self._phased: dict[tuple[int, bool], tuple[Tally, Tally]] = {}
        self._tails: dict[int, tuple[Tally, Tail]] = {}

    def whole(self, form: bytes, text: bytes, make: Callable[[Tally], Tail]) -> Tail | None:
        """What `make` gives for the one ALT of a line; None where the line has to be looked into."""
        key = form, text.partition(b":")[0]
        if key not in self._whole:
            self._make_room(self._whole)
            self._whole[key] = _whole(*key, make)
        return self._whole[key] if b"\t" not in text else None

    def scan(self, form: bytes, text: bytes, alternates: int) -> SiteCalls | None:
        """As `scanner.scan` of one sample.  Raises BadGenotype."""
        if form[:3] not in (b"GT", b"GT:") or b"\t" in text:
            return scan(form, text, 1, alternates)
        key = text.partition(b":")[0], alternates
        found = self._calls.get(key)
        if found is None:
            found = scan(b"GT", key[0], 1, alternates)
            if found is not None:
                self._make_room(self._calls)
                self._calls[key] = found
        return found

    def of(self, calls: SiteCalls, number: int) -> tuple[AlleleCalls, Tally]:
        """Who carries ALT allele `number`, and the tally of it without phases."""
        key = id(calls), number
        known = self._alleles.get(key)
        if known is not None and known[0] is calls:
            return known[1:]
        held = calls.of(number)
        counted = tally(calls, number, held)
        self._make_room(self._alleles)
        self._alleles[key] = calls, held, counted
        return held, counted

    def phased(self, counted: Tally, phases: Phases) -> Tally:
        """A tally of `of` with what is known of the copies; groups are never the same again."""
        if phases.groups is not None:
            return replace(counted, phases=phases)
        key = id(counted), bool(phases.is_second[0])
        known = self._phased.get(key)
        if known is not None and known[0] is counted:
            return known[1]
        made = replace(counted, phases=phases)
        self._make_room(self._phased)
        self._phased[key] = counted, made
        return made

    def tail(self, counted: Tally, make: Callable[[Tally], Tail]) -> Tail:
        """What `make` gives of a tally."""
        if counted.phases is not None and counted.phases.groups is not None:
            return make(counted)
        known = self._tails.get(id(counted))
        if known is not None and known[0] is counted:
            return known[1]
        made = make(counted)
        self._make_room(self._tails)
        self._tails[id(counted)] = counted, made
        return made

    @staticmethod
    def _make_room(held: dict[Any, Any]) -> None:
        if len(held) >= _MOST:
            held.clear()


def _whole(form: bytes, genotype: bytes, make: Callable[[Tally], Tail]) -> Tail | None:
    if form[:3] not in (b"GT", b"GT:") or not TELLING_PHASE.isdisjoint(form.split(b":")):
        return None
    try:
        calls = scan(b"GT", genotype, 1, 1)
    except BadGenotype:
        return None
    if calls is None:
        return None
    held = calls.of(1)
    return make(tally(calls, 1, held, PhaseReader(1, b"GT", genotype).of(1, held)))
