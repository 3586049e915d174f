"""A file of one person, in which few different genotypes come again and again: each is read once.

What is remembered is the same that reading anew would give, and forgotten when it is too much.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from node.store.scanner import AlleleCalls, SiteCalls, scan
from node.store.tally import Tally, tally

_MOST: Final = 4096

Counted = tuple[int, int, int, int, int]
Set = bytes | None
Tail = tuple[Counted, tuple[bytes, Set, Set, Set, Set, Set, Set]]
"""What a row says of people: its counts and its sets."""


class Repeats:
    """Remembers by the text of the genotype, and by what was made of it."""

    def __init__(self) -> None:
        self._calls: dict[tuple[bytes, int], SiteCalls] = {}
        self._alleles: dict[tuple[int, int], tuple[SiteCalls, AlleleCalls, Tally]] = {}
        self._tails: dict[int, tuple[Tally, Tail]] = {}

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

    def tail(self, counted: Tally, make: Callable[[Tally], Tail]) -> Tail:
        """What `make` gives of a tally."""
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
