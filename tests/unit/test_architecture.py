"""Rules of the house that a linter cannot state."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("node", "beacon", "matchmaker", "schemas")
DOORS = {
    "beacon/disclosure.py",
    "beacon/merge.py",
    "matchmaker/match.py",
    "matchmaker/onesided.py",
    "matchmaker/merge.py",
}
# The documents that tell something about people; the doors alone may make them.
ANSWERS = {"Response", "ResultSet", "MatchResponse", "CarrierResponse"}
BARE_COORDINATES = {"start", "end", "pos", "position", "begin", "stop"}
EMPTY_NAMES = {
    "utils",
    "util",
    "helpers",
    "helper",
    "common",
    "services",
    "service",
    "managers",
    "manager",
    "misc",
}
MAX_MODULE_LINES = 500
MAX_FUNCTION_LINES = 50


def modules() -> Iterator[tuple[str, ast.Module]]:
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def functions() -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for name, tree in modules():
        for item in ast.walk(tree):
            if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef):
                yield name, item


def test_only_the_doors_make_an_answer() -> None:
    offenders = {
        f"{name}:{call.lineno}"
        for name, tree in modules()
        if name not in DOORS and name.startswith(("beacon/", "matchmaker/"))
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") in ANSWERS
    }
    assert not offenders


def test_bare_coordinates_stay_in_genome() -> None:
    """Elsewhere a position travels inside an Interval or Allele, which carries its assembly."""
    offenders = {
        f"{name}:{function.lineno} {function.name}"
        for name, function in functions()
        if name != "schemas/genome.py"
        for argument in (*function.args.args, *function.args.kwonlyargs, *function.args.posonlyargs)
        if argument.arg in BARE_COORDINATES
    }
    assert not offenders


def test_the_protocol_rooms_do_no_io_of_their_own() -> None:
    """Only `api`, which faces the web framework, may be asynchronous there."""
    offenders = {
        f"{name}:{function.lineno}"
        for name, function in functions()
        if isinstance(function, ast.AsyncFunctionDef)
        and name.startswith(("beacon/", "matchmaker/", "schemas/"))
        and not name.endswith("/api.py")
    }
    assert not offenders


def test_rooms_are_deep_and_functions_short() -> None:
    long_modules = {
        name
        for name, _ in modules()
        if len((ROOT / name).read_text(encoding="utf-8").splitlines()) > MAX_MODULE_LINES
    }
    long_functions = {
        f"{name}:{function.lineno} {function.name}"
        for name, function in functions()
        if (function.end_lineno or 0) - function.lineno >= MAX_FUNCTION_LINES
        and not name.startswith("node/migrations/versions/")  # a list of tables, written once
    }
    assert not long_modules
    assert not long_functions


def test_no_room_is_named_after_nothing() -> None:
    offenders = {name for name, _ in modules() if set(Path(name).with_suffix("").parts) & EMPTY_NAMES}
    assert not offenders


def test_every_module_says_what_it_is_for() -> None:
    assert not {name for name, tree in modules() if not ast.get_docstring(tree)}


def test_no_module_keeps_state() -> None:
    """Several nodes in one process must not share anything: no `global`, no mutable value at module level."""
    offenders = {
        f"{name}:{statement.lineno}"
        for name, tree in modules()
        for statement in tree.body
        if isinstance(statement, ast.Assign | ast.AnnAssign)
        and isinstance(statement.value, ast.List | ast.Set | ast.ListComp | ast.SetComp)
        and not _dunder(statement)
    }
    offenders |= {
        f"{name}:{item.lineno}"
        for name, tree in modules()
        for item in ast.walk(tree)
        if isinstance(item, ast.Global)
    }
    assert not offenders


def _dunder(statement: ast.Assign | ast.AnnAssign) -> bool:
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    return all(isinstance(target, ast.Name) and target.id.startswith("__") for target in targets)


def test_faults_are_never_swallowed() -> None:
    """A broad `except` needs a reason beside it; one that passes silently has none."""
    offenders = {
        f"{name}:{item.lineno}"
        for name, tree in modules()
        for item in ast.walk(tree)
        if isinstance(item, ast.ExceptHandler)
        and (item.type is None or getattr(item.type, "id", "") in {"Exception", "BaseException"})
        and all(isinstance(line, ast.Pass | ast.Continue) for line in item.body)
    }
    assert not offenders
