"""The command line as a process: what it reads, what it prints, how it ends."""

import json
import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest

from bot.runbook_table import LINES

ROOT = Path(__file__).parents[1]
LOGIN = pwd.getpwuid(os.getuid()).pw_name


def bot(folder: Path, *words: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **variables}
    command = (sys.executable, "-m", "bot", *words)
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def names(printed: str) -> list[str]:
    return [command["command"] for command in json.loads(printed)["features"]["slash_commands"]]


def policy(folder: Path, **console: str) -> None:
    text = (ROOT / "policy.toml").read_text()
    for person, login in console.items():
        text = text.replace(f"[people.{person}]\n", f'[people.{person}]\nconsole = "{login}"\n')
    (folder / "policy.toml").write_text(text)


def test_variables_come_from_the_environment_then_from_a_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("COMMAND_PREFIX=file-\n")
    (tmp_path / "other.env").write_text("COMMAND_PREFIX=other-\n")
    assert "/file-queue-stats" in names(bot(tmp_path, "manifest").stdout)
    assert "/env-queue-stats" in names(bot(tmp_path, "manifest", COMMAND_PREFIX="env-").stdout)
    assert "/other-queue-stats" in names(bot(tmp_path, "--env-file", "other.env", "manifest").stdout)
    assert "/queue-stats" in names(bot(tmp_path, "--env-file", os.devnull, "manifest").stdout)


@pytest.mark.parametrize(
    ("words", "variables", "said"),
    [
        (("--env-file", "none.env", "manifest"), {}, "There is no file none.env."),
        (("serve",), {"METRICS_PORT": "hunter2"}, "METRICS_PORT cannot be used: "),
        (("serve",), {"POLICY_FILE": "none.toml"}, "none.toml cannot be read"),
        (("manifest",), {"COMMAND_PREFIX": "a-very-long-prefix-indeed-"}, "COMMAND_PREFIX"),
    ],
)
def test_what_is_wrong_is_a_sentence(
    tmp_path: Path, words: tuple[str, ...], variables: dict[str, str], said: str
) -> None:
    ended = bot(tmp_path, *words, **variables)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("novapulse-bot: ")
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "hunter2" not in ended.stderr


def test_the_system_says_who_is_at_the_terminal(tmp_path: Path) -> None:
    policy(tmp_path, U0APPROVER="approver")
    claimed = dict.fromkeys(("LOGNAME", "USER", "LNAME", "USERNAME"), "approver")
    refused = bot(tmp_path, "run", "/runbook", **claimed)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert f'Nobody in the policy has the login name {LOGIN}. Put console = "{LOGIN}"' in refused.stderr
    taken = bot(tmp_path, "run", "--as", "approver", "/runbook", **claimed)
    assert f"You are logged in as {LOGIN}, so you cannot act as approver." in taken.stderr
    policy(tmp_path, U0VIEWER=LOGIN)
    answered = bot(tmp_path, "run", "/runbook", **claimed)
    assert answered.returncode == 0, answered.stderr
    assert "/queue-stats" in answered.stdout
    assert answered.stderr == ""


def test_deciding_needs_a_reason_where_it_does(tmp_path: Path) -> None:
    policy(tmp_path, U0APPROVER=LOGIN)
    denied = bot(tmp_path, "decide", "p1", "deny")
    assert denied.returncode == 1
    assert "so that the person who asked knows what to do. Usage: decide p1 deny --reason ..." in denied.stderr
    unknown = bot(tmp_path, "decide", "p1", "approve")
    assert unknown.returncode == 1
    assert "There is no plan p1." in unknown.stdout


def test_check_ends_with_1_where_something_is_wrong(tmp_path: Path) -> None:
    policy(tmp_path)
    ended = bot(tmp_path, "check", NOVAPULSE_API_URL="http://127.0.0.1:1/api/v1")
    assert ended.returncode == 1
    assert "[ok] Policy: policy.toml:" in ended.stdout
    assert "[--] Redis: Redis is not configured: set REDIS_URL." in ended.stdout
    assert ended.stderr == ""


def test_the_documents(tmp_path: Path) -> None:
    policy(tmp_path)
    (tmp_path / "docs").mkdir()
    (tmp_path / LINES).write_text((ROOT / LINES).read_text())
    assert bot(tmp_path, "docs").stdout.split() == ["docs/commands.md", "deploy/slack-manifest.json", "docs/runbook.md"]
    assert (tmp_path / "docs" / "commands.md").exists()


def test_without_a_word_it_says_what_there_is(tmp_path: Path) -> None:
    said = bot(tmp_path).stdout + bot(tmp_path, "--help").stdout
    for word in ("serve", "check", "manifest", "docs", "run", "decide", "--env-file"):
        assert word in said


def test_a_value_is_taken_from_standard_input_and_never_printed(tmp_path: Path) -> None:
    policy(tmp_path, U0APPROVER=LOGIN)
    words = (sys.executable, "-m", "bot", "run", "/set-env api MONGO_URI")
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "SLACK_BOT_TOKEN": "xoxb-1"}
    environment["KUBECONFIG"] = "/nonexistent"

    def ended(given: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            words, input=given, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )

    given, empty = ended("hunter2\n"), ended("")
    assert "KUBECONFIG" in given.stdout + given.stderr, "it came as far as the cluster"
    assert "hunter2" not in given.stdout + given.stderr
    assert (empty.returncode, "No value was given, so nothing was done." in empty.stderr) == (1, True)
