"""The one list, made by walking the packages."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot import catalog
from bot.catalog import load
from bot.errors import InvalidDeclaration

COMMAND = '''
from bot.command import command
from bot.reply import Reply, say

@command("{name}", permission="things:read", section="Testing")
async def {function}() -> Reply:
    """Say something."""
    return say("something")
'''
SCHEDULE = '''
from bot.reply import Reply, say
from bot.schedule import schedule

@schedule("{name}")
async def {function}() -> Reply:
    """Say something."""
    return say("something")
'''


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty project with the two packages, in place of this one."""
    ours = {name: module for name, module in sys.modules.items() if name.split(".")[0] in ("commands", "schedules")}
    for name in ours:
        del sys.modules[name]
    for package in ("commands", "commands/room", "schedules"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    _forget()
    sys.modules.update(ours)


def _forget() -> None:
    for name in [name for name in sys.modules if name.split(".")[0] in ("commands", "schedules")]:
        del sys.modules[name]


def write(path: Path, text: str, name: str, function: str = "handler") -> None:
    path.write_text(text.format(name=name, function=function))


def test_a_new_file_is_a_new_command(project: Path) -> None:
    write(project / "commands/room/second.py", COMMAND, "/second")
    write(project / "commands/first.py", COMMAND, "/first")
    write(project / "schedules/morning.py", SCHEDULE, "morning")
    found = load()
    assert list(found.commands) == ["/first", "/second"]
    assert list(found.schedules) == ["morning"]
    assert found.permissions == {"things:read"}


def test_an_imported_command_is_not_declared_again(project: Path) -> None:
    write(project / "commands/first.py", COMMAND, "/first")
    (project / "commands/other.py").write_text("from commands.first import handler\n")
    assert list(load().commands) == ["/first"]


@pytest.mark.parametrize("name", ["/first", "/nova"])
def test_a_name_is_declared_once(project: Path, name: str) -> None:
    write(project / "commands/first.py", COMMAND, "/first")
    write(project / "commands/room/second.py", COMMAND, name)
    with pytest.raises(InvalidDeclaration, match=f"{name} is declared twice"):
        load()


def test_a_schedule_is_declared_once(project: Path) -> None:
    write(project / "schedules/a.py", SCHEDULE, "morning")
    write(project / "schedules/b.py", SCHEDULE, "morning")
    with pytest.raises(InvalidDeclaration, match="morning is declared twice"):
        load()


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("/queue-stat", "/queue-stats"),
        ("queuestats", "/queue-stats"),
        ("scale", "/scale-workers"),
        ("xyzzy", ""),
        ("", ""),
    ],
)
def test_what_was_probably_meant(typed: str, meant: str) -> None:
    found = catalog.load()
    assert found.nearest(typed) == meant
