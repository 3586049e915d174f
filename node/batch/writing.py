"""The answers of a batch as one table: a row for every question and node, and one for each sum."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from io import StringIO
from typing import Any, Final

import orjson

from node.batch.running import Answer

COLUMNS: Final = (
    "line",
    "question",
    "understood",
    "node",
    "name",
    "state",
    "exists",
    "alleles",
    "ac",
    "an",
    "het",
    "hom",
    "hemi",
    "ms",
    "remark",
)
SUM: Final = "sum"


def write_csv(answers: Iterable[Answer]) -> bytes:
    """RFC 4180, in UTF-8.  In a row of the node `sum` the state is `exact` or `lower_bound`.

    A text that a spreadsheet would take for a formula is quoted with an apostrophe.
    """
    out = StringIO(newline="")
    writing = csv.writer(out)
    writing.writerow(COLUMNS)
    for answer in answers:
        for row in _rows(answer):
            writing.writerow([_cell(row.get(column)) for column in COLUMNS])
    return out.getvalue().encode()


def write_json(answers: Sequence[Answer]) -> bytes:
    return orjson.dumps([answer.document() for answer in answers], option=orjson.OPT_INDENT_2) + b"\n"


def _rows(answer: Answer) -> Iterator[dict[str, Any]]:
    head = {"line": answer.number, "question": answer.text, "understood": answer.understood}
    if answer.refusal:
        yield head | {"state": "refused", "remark": answer.refusal}
        return
    for node in answer.nodes:
        remarks = [node["reason"], *node["notes"], *(f"did not look into {name}" for name in node["refused"])]
        yield head | node | {"remark": "; ".join(text for text in remarks if text)}
    if len(answer.nodes) > 1:
        total = answer.sum
        counts = {name: total[name] for name in ("ac", "an", "het", "hom", "hemi")}
        hit = any(node["exists"] for node in answer.nodes)
        silent = any(node["exists"] is None for node in answer.nodes)
        exists = True if hit else (None if silent else False)
        remark = " ".join(total["caveats"])
        yield head | counts | {"node": SUM, "state": total["kind"], "exists": exists, "remark": remark}


def _cell(value: object) -> object:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return "'" + value
    return value
