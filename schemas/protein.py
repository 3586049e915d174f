"""Changes of a protein, as people write them (`V600E`, `p.(Arg97*)`), in the one form they are compared in.

Spec: HGVS 21.1, protein: substitution, nonsense, silent, frameshift, deletion, duplication of one residue.
"""

from __future__ import annotations

import re
from typing import Final

from schemas.errors import BadQuestion

_LETTERS: Final = {
    "A": "Ala", "R": "Arg", "N": "Asn", "D": "Asp", "C": "Cys", "Q": "Gln", "E": "Glu", "G": "Gly",
    "H": "His", "I": "Ile", "L": "Leu", "K": "Lys", "M": "Met", "F": "Phe", "P": "Pro", "S": "Ser",
    "T": "Thr", "W": "Trp", "Y": "Tyr", "V": "Val", "U": "Sec", "O": "Pyl", "X": "Ter", "*": "Ter",
}  # fmt: skip
_RESIDUES: Final = frozenset(_LETTERS.values())
_RESIDUE: Final = r"[A-Z][a-z]{2}|[A-Z*]"
_CHANGE: Final = re.compile(
    rf"(?:p\.)?(?P<open>\()?(?P<was>{_RESIDUE})(?P<at>\d{{1,5}})(?:"
    rf"(?P<becomes>{_RESIDUE})?(?P<shift>fs(?:(?:\*|Ter|X)(?:\d{{1,5}}|\?))?)|(?P<word>del|dup|=)|(?P<is>{_RESIDUE}))"
    r"(?(open)\))",
    re.ASCII,
)


def read_protein_change(text: str) -> str:
    """The change in three-letter form, without brackets: `V600E` is `p.Val600Glu`, `R97X` `p.Arg97Ter`.

    How far a shifted frame stays open is left out: `p.Arg97ProfsTer23` is `p.Arg97fs`.

    Raises BadQuestion: not such a change.
    """
    match = _CHANGE.fullmatch(text.strip())
    if match is None:
        raise BadQuestion(f"cannot read {text[:40]!r} as a change of a protein; write V600E or p.Val600Glu")
    place = f"p.{_residue(match['was'], text)}{int(match['at'])}"
    if match["shift"]:
        return f"{place}fs"
    if match["word"]:
        return place + match["word"]
    became = _residue(match["is"], text)
    return f"{place}=" if place.startswith(f"p.{became}") else place + became


def comparable_change(found: str) -> str:
    """What an annotator wrote, in the form of `read_protein_change`; only without brackets if it cannot."""
    try:
        return read_protein_change(found)
    except BadQuestion:
        return found.replace("(", "").replace(")", "")


def _residue(word: str, text: str) -> str:
    residue = _LETTERS.get(word, word)
    if residue not in _RESIDUES:
        raise BadQuestion(f"{text[:40]!r}: {word!r} is no amino acid")
    return residue
