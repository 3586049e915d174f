"""The report on a Beacon: a table and the failures for people, one document for programs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from node.verify.check import Fault, Outcome, Result, Severity
from node.verify.probe import Probe


@dataclass(frozen=True, slots=True)
class Verdict:
    """How every check ended.  manner: how the Beacon had to be asked.  requests: how many were made."""

    url: str
    results: tuple[Result, ...]
    probe: Probe | None
    manner: str
    requests: int

    @property
    def ok(self) -> bool:
        """Whether no check of severity error failed."""
        return not any(r.check.severity is Severity.ERROR for r in self.failed)

    @property
    def failed(self) -> tuple[Result, ...]:
        return tuple(r for r in self.results if r.outcome is Outcome.FAILED)

    def count(self, outcome: Outcome) -> int:
        return sum(result.outcome is outcome for result in self.results)

    def table(self) -> Table:
        """One row for each check."""
        table = Table("check", "what has to be so", "severity", "outcome")
        for result in self.results:
            shown = str(result.outcome)
            if result.outcome is Outcome.SKIPPED:
                shown += f": {result.reason}"
            elif result.outcome is Outcome.FAILED:
                shown = (
                    f"[bold red]{shown}[/]"
                    if result.check.severity is Severity.ERROR
                    else f"[yellow]{shown}[/]"
                )
            table.add_row(result.check.id, result.check.says, result.check.severity, shown)
        return table

    def failures(self) -> Iterator[str]:
        """The lines that tell each failure: what is wrong, where it is written, how to see it."""
        for result in self.failed:
            check = result.check
            yield f"{check.severity.upper()} {check.id}: {check.says}"
            yield f"  {check.link}"
            for fault in result.faults:
                yield f"  - {fault.text}"
                if fault.exchange is not None:
                    yield f"    {fault.exchange.curl()}"

    def summary(self) -> str:
        errors = sum(r.check.severity is Severity.ERROR for r in self.failed)
        warnings = len(self.failed) - errors
        return (
            f"{self.count(Outcome.PASSED)} checks passed, {errors} errors, {warnings} warnings, "
            f"{self.count(Outcome.SKIPPED)} skipped; {self.requests} requests"
        )

    def document(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "url": self.url,
            "ok": self.ok,
            "probe": str(self.probe) if self.probe else None,
            "manner": self.manner,
            "requests": self.requests,
            "checks": [_result_document(result) for result in self.results],
        }


def _result_document(result: Result) -> dict[str, Any]:
    return {
        "id": result.check.id,
        "says": result.check.says,
        "link": result.check.link,
        "severity": result.check.severity,
        "outcome": result.outcome,
        "reason": result.reason,
        "faults": [_fault_document(fault) for fault in result.faults],
    }


def _fault_document(fault: Fault) -> dict[str, Any]:
    if fault.exchange is None:
        return {"text": fault.text}
    return {"text": fault.text, "status": fault.exchange.status, "request": fault.exchange.curl()}
