"""The tests mirror the source, and every package says what it is."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = sorted(path for room in ("bot", "commands", "schedules") for path in (ROOT / room).rglob("__init__.py"))
FOLDERS = (
    "commands",
    "schedules",
    "bot/clients",
    "bot/stores",
    "bot/dispatch",
    "bot/alerting",
    "bot/slack",
    "bot/receivers",
    "bot/console",
)


@pytest.mark.parametrize("path", PACKAGES, ids=lambda path: str(path.parent.relative_to(ROOT)))
def test_a_package_says_what_it_is(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text()))


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_has_a_folder_of_tests(folder: str) -> None:
    tests = ROOT / "tests" / folder.removeprefix("bot/")
    assert list(tests.rglob("test_*.py"))
