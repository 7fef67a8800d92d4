"""What holds for every declared command and schedule."""

import re
from pathlib import Path

import pytest

from bot.catalog import load
from bot.command import Command
from bot.dispatch.parse import parse, split_line
from bot.policy_file import PolicyFile
from bot.schedule import Schedule

ROOT = Path(__file__).parents[2]
CATALOG = load()
COMMANDS = list(CATALOG.commands.values())
SCHEDULES = list(CATALOG.schedules.values())
# Slack takes 50 a manifest; the umbrella and what other apps of the workspace need have to fit beside ours.
MOST_COMMANDS = 48  # of the 50 that Slack allows an app
LONGEST_HINT = 1000
LONGEST_NAME = 32
ROOM_FOR_A_PREFIX = 10

each_command = pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
each_schedule = pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda schedule: schedule.name)


def test_there_are_commands_and_not_too_many() -> None:
    assert 1 <= len(COMMANDS) <= MOST_COMMANDS


@each_command
def test_a_command_says_what_it_does(command: Command) -> None:
    assert command.description.endswith(".")
    assert len(command.description) <= 150, "one sentence that fits on a line of the help"
    for parameter in command.parameters:
        assert parameter.description
        assert not parameter.description.endswith(".")


@each_command
def test_a_command_fits_into_slack(command: Command) -> None:
    assert len(command.name) <= LONGEST_NAME - ROOM_FOR_A_PREFIX
    assert len(command.usage_hint) <= LONGEST_HINT


@each_command
def test_examples_are_what_people_can_type(command: Command) -> None:
    assert command.examples
    for example in command.examples:
        name, rest = split_line(example)
        assert name == command.name
        parse(command, rest)


@each_command
def test_a_command_lies_in_its_sections_folder(command: Command) -> None:
    folder, _, file = command.handler.__module__.removeprefix("commands.").partition(".")
    assert folder == re.sub(r"\W+", "_", command.section).lower()
    assert file == command.name.lstrip("/").replace("-", "_")


@each_command
def test_a_section_is_one_of_the_runbook_or_the_bots_own(command: Command) -> None:
    assert command.section == "Administration" or command.runbook, (
        "it stands in the runbook, so say which lines it does"
    )


@each_command
def test_what_only_reads_is_called_so(command: Command) -> None:
    assert _reads(command.change_permission) is not command.changes
    assert _reads(command.permission) or command.permission == command.change_permission


def _reads(permission: str) -> bool:
    return permission.partition(":")[2] in ("read", "run")


@each_command
def test_a_command_has_its_tests(command: Command) -> None:
    path = Path(*command.handler.__module__.split("."))
    assert (ROOT / "tests" / path.parent / f"test_{path.name}.py").exists()


@each_command
def test_somebody_may_run_it_by_default(command: Command) -> None:
    policy = PolicyFile(ROOT / "policy.toml", CATALOG).current
    assert any(command.permission in role.permissions for role in policy.roles.values())


@each_schedule
def test_a_schedule_fires_by_default(schedule: Schedule) -> None:
    assert schedule.name in PolicyFile(ROOT / "policy.toml", CATALOG).current.schedules


@each_schedule
def test_a_schedule_lies_in_a_file_of_its_name(schedule: Schedule) -> None:
    assert schedule.handler.__module__ == f"schedules.{schedule.name.replace('-', '_')}"
