"""The budget of sizes, the names that say nothing, and who may look at the clock."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("bot", "commands", "schedules", "sandbox", "benchmarks")
FILES = sorted(
    path
    for room in ROOMS
    for path in (ROOT / room).rglob("*.py")
    if not {"node_modules", "versions", "__pycache__"} & set(path.parts)
)
FUNCTION_LINES = 40
MODULE_LINES = 250
PARAMETERS = 6
# A name that could be any other's says nothing.
SAYS_NOTHING = re.compile(r"(^|_)(utils?|helpers?|common|base|managers?|impl|misc|stuff)(_|$)")
# Longer functions, each with its reason in its docstring. Keep it empty.
LONG: frozenset[str] = frozenset()
# Handlers ask by type for what they need: their list is a declaration, not a call that somebody has to write.
DECLARATIONS = re.compile(r"^(commands|schedules)/")
# Where a clock is made that is handed on (the scheduler's is the default of an argument); everybody else is told.
CLOCKS = frozenset({"bot/app.py", "bot/scheduler/replica.py"})
READS_THE_CLOCK = frozenset(
    {"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time", "time.localtime"}
)

Function = ast.FunctionDef | ast.AsyncFunctionDef

each_file = pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))


@cache
def functions(path: Path) -> tuple[Function, ...]:
    return tuple(found for found in ast.walk(ast.parse(path.read_text())) if isinstance(found, Function))


def lines(function: Function) -> int:
    """Count a function's lines from its name on: decorators are a declaration of their own."""
    return (function.end_lineno or function.lineno) - function.lineno + 1


def parameters(function: Function) -> int:
    arguments = function.args
    names = [one.arg for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    return len([name for name in names if name not in ("self", "cls")])


@each_file
def test_a_function_fits_on_one_screen(path: Path) -> None:
    name = str(path.relative_to(ROOT))
    long = {f"{name}:{one.name}" for one in functions(path) if lines(one) > FUNCTION_LINES}
    assert long <= LONG


@each_file
def test_a_module_is_read_in_one_go(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MODULE_LINES


@each_file
def test_a_function_takes_few_things(path: Path) -> None:
    is_declaration = DECLARATIONS.match(str(path.relative_to(ROOT)))
    many = [
        one.name
        for one in functions(path)
        if parameters(one) > PARAMETERS and not (is_declaration and one.decorator_list)
    ]
    # A constructor gets what its object works with; `app.py` writes it once.
    assert [name for name in many if name != "__init__"] == []


@each_file
def test_a_name_says_something(path: Path) -> None:
    for part in path.relative_to(ROOT).with_suffix("").parts:
        assert not SAYS_NOTHING.search(part)


@each_file
def test_the_time_is_told(path: Path) -> None:
    name = str(path.relative_to(ROOT))
    if not name.startswith(("bot/", "commands/", "schedules/")) or name in CLOCKS:
        return
    calls = [one for one in ast.walk(ast.parse(path.read_text())) if isinstance(one, ast.Call)]
    assert [ast.unparse(call) for call in calls if ast.unparse(call.func) in READS_THE_CLOCK] == []


def test_the_median_function_is_short() -> None:
    sizes = sorted(lines(one) for path in FILES for one in functions(path))
    assert sizes[len(sizes) // 2] < 10


def test_there_is_nothing_to_do_later() -> None:
    later = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
    assert [str(path) for path in FILES if later.search(path.read_text())] == []
