"""The layers and who may know which library, as pyproject.toml states them."""

import ast
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

ROOT = Path(__file__).parents[2]
_SOURCES = [path for room in ("bot", "commands", "schedules") for path in sorted((ROOT / room).rglob("*.py"))]


def test_the_import_contracts_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert lint_imports(no_cache=True) == 0


def test_nothing_is_gathered_that_could_be_left_running() -> None:
    """``asyncio.gather`` leaves the others running when one fails: ``bot.attempt.together`` ends them."""
    left = [
        f"{path.relative_to(ROOT)}:{call.lineno}"
        for path in _SOURCES
        if path != ROOT / "bot" / "attempt.py"
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call)
        and ast.unparse(call.func) == "asyncio.gather"
        and "return_exceptions" not in {keyword.arg for keyword in call.keywords}
    ]
    assert left == []
