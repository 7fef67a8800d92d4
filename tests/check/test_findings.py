from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.check.findings import findings
from bot.console.invocation import Invocation
from bot.console.render import render
from bot.reply import Level, Line, Reply
from bot.settings import Settings
from sandbox.ports import free_port

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


async def found(tmp_path: Path, **variables: str) -> Reply:
    path = tmp_path / "bot.env"
    unused = f"http://127.0.0.1:{free_port()}"
    known = {
        "STATE_URL": f"sqlite:///{tmp_path / 'state.db'}",
        "POLICY_FILE": str(ROOT / "policy.toml"),
        "NOVAPULSE_API_URL": unused,
        "SLACK_API_URL": f"{unused}/api/",
    }
    path.write_text("".join(f"{name}='{value}'\n" for name, value in (known | variables).items()))
    return await findings(Settings(path), "console-test", lambda: NOW)


def level_of(reply: Reply, label: str) -> Level:
    return next(part.level for part in reply.parts if isinstance(part, Line) and part.label == label)


async def test_everything_is_tried_whatever_is_wrong(tmp_path: Path) -> None:
    reply = await found(tmp_path, SLACK_BOT_TOKEN="xoxb-hunter2", POLICY_FILE=str(tmp_path / "none.toml"))
    assert reply.level is Level.CRITICAL
    assert reply.title == "3 of 8 need somebody"
    for label in ("Policy", "Slack token", "API"):
        assert level_of(reply, label) is Level.CRITICAL
    for label in ("API login", "Redis", "MongoDB", "Cluster"):
        assert level_of(reply, label) is Level.INFO
    assert level_of(reply, "State database") is Level.INFO
    assert not (tmp_path / "state.db").exists()
    assert "hunter2" not in str(reply)
    assert render(reply, Invocation())


@pytest.mark.parametrize(
    ("url", "level"), [("https://slack.com/api/", Level.WARNING), ("http://127.0.0.1:1/", Level.OK)]
)
async def test_a_sandboxs_policy_on_the_real_slack_is_warned_about(tmp_path: Path, url: str, level: Level) -> None:
    reply = await found(tmp_path, SLACK_API_URL=url, POLICY_FILE=str(ROOT / "sandbox" / "policy.toml"))
    policy = [part.level for part in reply.parts if isinstance(part, Line) and part.label == "Policy"]
    assert policy[-1] is level


async def test_a_way_that_is_not_set_up_is_among_the_warnings(tmp_path: Path) -> None:
    reply = await found(tmp_path, SMTP_URL="smtp://nova:hunter2@mail:587")
    assert (level_of(reply, "PagerDuty"), level_of(reply, "Mail")) == (Level.WARNING, Level.OK)
    assert "hunter2" not in str(reply)
