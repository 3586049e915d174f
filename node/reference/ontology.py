"""Ontology terms and how they hang together: HPO and Mondo as the node ships them, and the codes for sex.

A term is known by its current id and by every id it had before.  How similar two terms are is Lin's measure
over the information content that the shape of the ontology gives: 1 - log(1 + descendants) / log(terms).

Spec: Lin 1998; Seco, Veale, Hayes 2004 (intrinsic information content).
"""

from __future__ import annotations

import gzip
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from math import log
from pathlib import Path
from typing import Final

from schemas.curies import curie
from schemas.people import SEX_CODES, Term
from schemas.ports import Vocabulary

_DATA: Final = Path(__file__).parent / "data"
_FILES: Final = ("hp.tsv.gz", "mondo.tsv.gz")
_LIKE: Final = 0.75
_DIGITS: Final = "0123456789"
_SEX_ROOT: Final = "NCIT:C28421"


@dataclass(frozen=True, slots=True)
class _Graph:
    """Every term held.  current: by any id, the id it has now.  former: the other ids of a term."""

    vocabularies: tuple[Vocabulary, ...]
    labels: Mapping[str, str]
    synonyms: Mapping[str, tuple[str, ...]]
    parents: Mapping[str, tuple[str, ...]]
    children: Mapping[str, tuple[str, ...]]
    current: Mapping[str, str]
    former: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class _Line:
    id: str
    label: str
    parents: tuple[str, ...] = ()
    former: tuple[str, ...] = ()
    synonyms: tuple[str, ...] = ()


class Ontologies:
    """A `schemas.ports.Ontology` over the shipped tables, which are read at the first question.

    Safe from several threads.
    """

    def __init__(self, folder: Path = _DATA) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._read: _Graph | None = None
        self._content: Mapping[str, float] | None = None
        self._descendants = lru_cache(256)(self._walk_down)
        self._ancestors = lru_cache(4096)(self._walk_up)

    def vocabularies(self) -> tuple[Vocabulary, ...]:
        return self._graph().vocabularies

    def find(self, term: str) -> Term | None:
        graph = self._graph()
        own = graph.current.get(curie(term) or term)
        return None if own is None else Term(own, graph.labels[own])

    def ids(self, term: str, *, descendants: bool = True) -> frozenset[str]:
        graph = self._graph()
        own = graph.current.get(term)
        if own is None:
            return frozenset((term,))
        if descendants:
            return self._descendants(own)
        return frozenset((own, *graph.former.get(own, ())))

    def similarity(self, one: str, other: str) -> float:
        graph = self._graph()
        first, second = graph.current.get(one), graph.current.get(other)
        if first is None or second is None:
            return float(one == other)
        if first == second:
            return 1.0
        content = self._contents(graph)
        shared = max((content[t] for t in self._ancestors(first) & self._ancestors(second)), default=0.0)
        both = content[first] + content[second]
        return 2 * shared / both if both else 0.0

    def terms(self, prefix: str) -> list[Term]:
        """Every current term of one vocabulary."""
        return [
            Term(own, label) for own, label in self._graph().labels.items() if own.startswith(f"{prefix}:")
        ]

    def ancestors(self, term: str) -> frozenset[str]:
        """A current term itself and everything above it."""
        return self._ancestors(term)

    def near(self, text: str, limit: int = 5) -> list[Term]:
        graph = self._graph()
        wanted = text.strip()
        code = curie(wanted)
        found = dict.fromkeys(_like_code(graph, code)) if code else {}
        if len(found) < limit:
            found |= dict.fromkeys(_like_words(graph, wanted.rpartition(":")[2].casefold(), limit))
        return [Term(own, graph.labels[own]) for own in list(found)[:limit]]

    def _graph(self) -> _Graph:
        if self._read is None:
            with self._lock:
                if self._read is None:
                    self._read = _load(self._folder)
        return self._read

    def _contents(self, graph: _Graph) -> Mapping[str, float]:
        """Information content of every term: 0 for a root, 1 for a leaf."""
        if self._content is None:
            below: dict[str, int] = defaultdict(int)
            sizes: dict[str, int] = defaultdict(int)
            for term in graph.labels:
                sizes[term.partition(":")[0]] += 1
                for ancestor in self._walk_up(term):
                    below[ancestor] += 1
            self._content = {
                term: 1 - log(below[term]) / log(max(sizes[term.partition(":")[0]], 2))
                for term in graph.labels
            }
        return self._content

    def _walk_down(self, term: str) -> frozenset[str]:
        graph = self._graph()
        found = _closure(term, graph.children)
        return frozenset(found).union(*(graph.former.get(own, ()) for own in found))

    def _walk_up(self, term: str) -> frozenset[str]:
        return frozenset(_closure(term, self._graph().parents))


def _closure(term: str, edges: Mapping[str, tuple[str, ...]]) -> set[str]:
    found, waiting = {term}, [term]
    while waiting:
        fresh = [one for one in edges.get(waiting.pop(), ()) if one not in found]
        found.update(fresh)
        waiting += fresh
    return found


# --------------------------------------------------------------------------------------------- reading


def _load(folder: Path) -> _Graph:
    vocabularies: list[Vocabulary] = []
    lines = list(_sexes())
    for name in _FILES:
        with gzip.open(folder / name, "rt", encoding="utf-8") as source:
            vocabulary = _header(source.readline())
            vocabularies.append(vocabulary)
            lines += (_line(vocabulary.prefix, line) for line in source)
    children: dict[str, list[str]] = defaultdict(list)
    for line in lines:
        for parent in line.parents:
            children[parent].append(line.id)
    return _Graph(
        tuple(vocabularies),
        labels={line.id: line.label for line in lines},
        synonyms={line.id: line.synonyms for line in lines if line.synonyms},
        parents={line.id: line.parents for line in lines if line.parents},
        children={parent: tuple(below) for parent, below in children.items()},
        current={
            **{one: line.id for line in lines for one in line.former},
            **{line.id: line.id for line in lines},
        },
        former={line.id: line.former for line in lines if line.former},
    )


def _header(text: str) -> Vocabulary:
    told = dict(part.split("=", 1) for part in text.removeprefix("# ").rstrip("\n").split("\t"))
    return Vocabulary(told["prefix"], told["name"], told["url"], told["version"], told["iri"])


def _line(prefix: str, text: str) -> _Line:
    local, label, parents, former, synonyms = text.rstrip("\n").split("\t")
    above, before = (tuple(f"{prefix}:{one}" for one in some.split()) for some in (parents, former))
    return _Line(f"{prefix}:{local}", label, above, before, tuple(synonyms.split("|")) if synonyms else ())


def _sexes() -> Iterator[_Line]:
    """The codes for sex, below one root: whoever asks for it asks whether any is recorded."""
    yield _Line(_SEX_ROOT, "Sex")
    for sex, (code, *others) in SEX_CODES.items():
        yield _Line(code, sex.value, (_SEX_ROOT,), tuple(others))


# ------------------------------------------------------------------------------------------ likeness


def _like_code(graph: _Graph, code: str) -> Iterator[str]:
    """Terms whose code is one slip of a finger away, or the same number padded otherwise."""
    prefix, _, local = code.partition(":")
    slips = [local.zfill(7), local.lstrip("0").zfill(7)]
    for n in range(len(local) + 1):
        slips += [
            local[:n] + local[n + 1 :],
            local[:n] + local[n + 1 : n + 2] + local[n : n + 1] + local[n + 2 :],
        ]
        for digit in _DIGITS:
            slips += [local[:n] + digit + local[n:], local[:n] + digit + local[n + 1 :]]
    for slip in slips:
        own = graph.current.get(f"{prefix}:{slip}")
        if own is not None:
            yield own


def _like_words(graph: _Graph, words: str, limit: int) -> list[str]:
    """Terms whose label or synonym holds these words, or is spelled much like them."""
    if len(words) < 3 or words.isdecimal():
        return []
    scored: list[tuple[float, int, str]] = []
    for own, name in _names(graph):
        if words in name:
            scored.append((-1.0 - (name == words), len(name), own))
        elif name[:2] == words[:2] and abs(len(name) - len(words)) <= 3:
            likeness = SequenceMatcher(None, name, words).ratio()
            if likeness >= _LIKE:
                scored.append((-likeness, len(name), own))
    return [own for _, _, own in sorted(scored)[: 4 * limit]]


def _names(graph: _Graph) -> Iterable[tuple[str, str]]:
    for own, label in graph.labels.items():
        yield own, label.casefold()
        for synonym in graph.synonyms.get(own, ()):
            yield own, synonym.casefold()
