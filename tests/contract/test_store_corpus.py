"""Valid, invalid and strange VCFs of other projects: each is taken, or refused in a sentence."""

from pathlib import Path

import numpy as np
import pytest

from node.store.reader import VcfReader
from node.store.rows import RowMaker
from schemas.errors import BadInput
from schemas.genome import Assembly

# What valid files are refused for: they are of no human assembly, or of no order that an index can have.
EXPLAINED = (
    "is not held for",
    "as in no assembly known here",
    "the file says it was called against",
    "the line is empty",
    "the file is not sorted",
)


def read(path: Path, assembly: Assembly) -> BadInput | int:
    """How many rows it makes, or why it is refused."""

    def skip(line: int, reason: str) -> None:
        assert line > 0
        assert reason

    reader = VcfReader(path, assembly, 1 << 20, skip)
    try:
        header, records = reader.open()
        ordinals = np.arange(len(header.samples))
        maker = RowMaker(str(path), 1, 1, ordinals, False, skip, annotation=header.annotation)
        return sum(1 for _ in maker.rows(records))
    except BadInput as refusal:
        return refusal


@pytest.mark.shared
@pytest.mark.parametrize("kind", ["passed", "failed", "misc", "containers"])
def test_every_file_is_taken_or_refused(shared: Path, kind: str) -> None:
    beside = (".csv", ".md", ".tbi", ".csi")
    paths = [p for p in (shared / "data/vcf-corpus" / kind).rglob("*") if p.is_file()]
    paths = [path for path in paths if path.suffix not in beside]
    assert len(paths) > 5
    taken = 0
    for path in paths:
        told = [read(path, assembly) for assembly in Assembly]
        refusals = [one for one in told if isinstance(one, BadInput)]
        assert all(one.place.file and one.problem and one.remedy for one in refusals)
        taken += len(refusals) < len(told)
        if kind == "passed" and len(refusals) == len(told):
            assert any(words in one.problem for one in refusals for words in EXPLAINED), path.name
    if kind == "passed":
        assert taken > len(paths) // 2
