"""Every line of the runbook has a command, or is named as one that has none."""

from pathlib import Path

import pytest

from bot.catalog import load
from bot.runbook_table import LINES, NOT_A_COMMAND, commands_by_line, lines_of, plain, runbook_table

TEXT = (Path(__file__).parents[1] / LINES).read_text(encoding="utf-8")
CATALOG = load()
RUNBOOK = {line for _, line in lines_of(TEXT)}


@pytest.mark.parametrize("line", sorted(RUNBOOK))
def test_a_line_of_the_runbook_has_a_command(line: str) -> None:
    has_one = plain(line) in commands_by_line(CATALOG)
    assert has_one is not (line in NOT_A_COMMAND), "exactly one of both"


def test_no_command_makes_up_a_line_of_the_runbook() -> None:
    known = {plain(line) for line in RUNBOOK}
    made_up = {line: names for line, names in commands_by_line(CATALOG).items() if line not in known}
    assert made_up == {}


def test_what_has_no_command_stands_in_the_runbook_and_says_why() -> None:
    assert NOT_A_COMMAND.keys() <= RUNBOOK
    assert all(NOT_A_COMMAND.values())


def test_the_table_is_complete() -> None:
    table = runbook_table(TEXT, CATALOG)
    rows = [line for line in table.splitlines() if line.startswith("| `")]
    assert len(rows) == len(list(lines_of(TEXT)))
    assert "| `DEL nova:email:failed` | [`/clear-failed`](commands.md#clear-failed) |" in rows
    assert "not said why" not in table
    assert "## Redis Outage\n\n| in the runbook | command |" in table


@pytest.mark.parametrize(
    ("line", "compared"),
    [
        ("redis-cli LLEN  nova:email:waiting", "LLEN nova:email:waiting"),
        ("redis-cli -h <redis-host> ping", "redis-cli -h <redis-host> ping"),
        ("kubectl set env \\\n  A=b", "kubectl set env A=b"),
    ],
)
def test_how_lines_are_compared(line: str, compared: str) -> None:
    assert plain(line) == compared
