"""That what the console offers can be copied and typed again."""

import shlex
import sys
from pathlib import Path

import pytest

from bot.console.invocation import APPROVER, ON_CALL, Invocation, interpreter

PLAIN = Invocation("python")
SANDBOX = Invocation(".venv/bin/python", ".sandbox/bot.env", "operator")


def test_a_line_repeats_the_interpreter_the_file_and_the_name() -> None:
    assert PLAIN.run("/scale-workers 5") == "python -m bot run '/scale-workers 5'"
    assert PLAIN.serve() == "python -m bot serve"
    start = ".venv/bin/python -m bot --env-file .sandbox/bot.env"
    assert SANDBOX.run("/alerts") == f"{start} run --as operator /alerts"
    assert SANDBOX.serve() == f"{start} serve"


@pytest.mark.parametrize(
    ("action", "rest"),
    [
        ("approve", f"--as {APPROVER} p1 approve"),
        ("deny", f"--as {APPROVER} p1 deny --reason ..."),
        ("break_glass", f"--as {ON_CALL} p1 break_glass --reason ..."),
        ("cancel", "--as operator p1 cancel"),
        ("undo", "--as operator p1 undo"),
        ("replan", "--as operator p1 replan"),
    ],
)
def test_whoever_asked_is_never_offered_as_the_approver(action: str, rest: str) -> None:
    assert SANDBOX.decide("p1", action).endswith(f" decide {rest}")
    assert "--as" not in PLAIN.decide("p1", action)


def test_a_path_with_a_space_is_one_word_of_the_shell() -> None:
    line = Invocation("/opt/my bot/python", "my env", "").run("/page 2 'redis is dead'")
    assert shlex.split(line) == [
        "/opt/my bot/python", "-m", "bot", "--env-file", "my env", "run", "/page 2 'redis is dead'",
    ]  # fmt: skip


def test_the_interpreter_is_named_as_it_is_found_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / ".venv" / "bin" / "python"
    program.parent.mkdir(parents=True)
    program.touch(0o755)
    assert interpreter(str(program), tmp_path) == ".venv/bin/python"
    assert interpreter(str(program), tmp_path / "elsewhere") == str(program)
    monkeypatch.setenv("PATH", str(program.parent))
    assert interpreter(str(program), tmp_path) == "python"
    assert Path(interpreter()).name == Path(sys.executable).name
