from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from bot.catalog import load
from bot.check.own import mail_lines, paging_lines, policy_lines, rota_lines, schedule_lines, state_lines
from bot.check.tried import Lines
from bot.policy import Policy
from bot.policy_file import PolicyFile
from bot.reply import Level
from bot.settings import PagingSettings
from bot.stores.database import Database
from bot.stores.executors import CONSOLE, Executors

ROOT = Path(__file__).parents[2]
CATALOG = load()
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
NAME = f"{CONSOLE}check"


def default() -> Policy:
    return PolicyFile(ROOT / "policy.toml", CATALOG).current


def said(lines: Lines) -> str:
    return "\n".join(f"{line.level} {line.label}: {line.value}" for line in lines)


def test_a_policy_that_holds() -> None:
    policy, lines = policy_lines(ROOT / "policy.toml", CATALOG, now=NOW, pretend=False)
    assert policy == default()
    assert [line.level for line in lines] == [Level.OK]
    assert f"{len(default().alerts)} alert rules" in said(lines)


def test_a_policy_that_would_stop_the_start(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text((ROOT / "policy.toml").read_text().replace("needed = 1", "needed = many"))
    policy, lines = policy_lines(path, CATALOG, now=NOW, pretend=False)
    assert policy is None
    assert [line.level for line in lines] == [Level.CRITICAL]
    assert ": line " in said(lines)


def test_a_level_whose_time_is_over_is_said_and_one_that_was_long_ago_would_stop_the_start(tmp_path: Path) -> None:
    assert rota_lines(default(), NOW) == ()
    path = tmp_path / "policy.toml"
    text = (ROOT / "policy.toml").read_text(encoding="utf-8")
    path.write_text(text.replace('title = "CTO"\n', 'title = "CTO"\nuntil = 2026-03-01T09:00:00Z\n'), encoding="utf-8")
    policy, _ = policy_lines(path, CATALOG, now=NOW, pretend=False)
    assert policy is not None
    assert said(rota_lines(policy, NOW)).startswith("warning On call: level 4 (CTO) has nobody. Name somebody in")
    policy, lines = policy_lines(path, CATALOG, now=NOW + timedelta(days=8), pretend=False)
    assert policy is None
    assert "the escalation calls level 4, where nobody is on call any more" in said(lines)


def test_a_policy_that_is_not_there(tmp_path: Path) -> None:
    policy, lines = policy_lines(tmp_path / "none.toml", CATALOG, now=NOW, pretend=False)
    assert policy is None
    assert lines[0].level is Level.CRITICAL


@pytest.mark.parametrize(("pretend", "levels"), [(True, [Level.OK]), (False, [Level.OK, Level.WARNING])])
def test_anybody_in_anybodys_place_is_for_a_sandbox(pretend: bool, levels: list[Level]) -> None:
    _, lines = policy_lines(ROOT / "sandbox" / "policy.toml", CATALOG, now=NOW, pretend=pretend)
    assert [line.level for line in lines] == levels


def test_a_rule_about_a_queue_that_is_not_configured_would_stop_the_start() -> None:
    policy, lines = policy_lines(ROOT / "policy.toml", CATALOG, ("webhook",), now=NOW, pretend=False)
    assert policy is None
    line = (ROOT / "policy.toml").read_text(encoding="utf-8").splitlines().index('match = { queue = "email" }') + 1
    words = f"line {line}: the rule 'email-queue' names the queue 'email', which QUEUES does not name"
    assert words in said(lines)


def test_every_schedule_and_rule_can_fire() -> None:
    lines = schedule_lines(default(), CATALOG)
    assert [line.level for line in lines] == [Level.OK]
    assert "threshold-alerts every 30 s" in said(lines)


def test_what_would_never_fire() -> None:
    policy = default().model_copy(update={"schedules": {}})
    lines = said(schedule_lines(policy, CATALOG))
    assert "warning Schedules: threshold-alerts never fires. Add [schedules.threshold-alerts]" in lines
    none = default().model_copy(update={"alerts": ()})
    assert "critical Alerts: there is no rule" in said(schedule_lines(none, CATALOG))


def test_a_way_that_a_receiver_needs_and_nobody_set_up_is_warned_about() -> None:
    lines = said(paging_lines(PagingSettings(), default()))
    assert "warning PagerDuty: the policy's receiver oncall needs PAGERDUTY_ROUTING_KEY, which is not set" in lines
    assert "warning Mail: the policy's receiver oncall needs SMTP_URL, which is not set" in lines
    assert "info Dead-man's switch: nobody outside watches the bot: set DEADMAN_URL" in lines


def test_ways_that_are_set_up_and_used_are_well() -> None:
    keys = {name: SecretStr("hunter2") for name in ("pagerduty_routing_key", "smtp_url", "deadman_url")}
    lines = paging_lines(PagingSettings(**keys), default())  # type: ignore[arg-type]
    assert [line.level for line in lines] == [Level.OK] * 3
    assert "hunter2" not in said(lines)


def test_a_way_that_no_receiver_uses_and_a_missing_second_path_are_warned_about() -> None:
    policy = default().model_copy(update={"receivers": {}, "second_path": ""})
    lines = said(paging_lines(PagingSettings(pagerduty_routing_key=SecretStr("hunter2")), policy))
    assert "warning PagerDuty: PAGERDUTY_ROUTING_KEY is set and no receiver of the policy uses it" in lines
    assert "warning Second path: when Slack is away nobody is paged or mailed" in lines


def test_an_address_of_a_mail_server_that_is_none_is_said_without_its_password() -> None:
    (line,) = mail_lines(PagingSettings(smtp_url=SecretStr("imap://nova:hunter2@mail")))
    assert line.value.startswith("SMTP_URL cannot be used")
    assert "hunter2" not in line.value
    assert mail_lines(PagingSettings(smtp_url=SecretStr("smtp://nova:hunter2@mail:587"))) == ()


async def test_the_database_is_written_and_left_as_it_was(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'state.db'}"
    database = Database(url)
    await database.migrate()
    lines = await state_lines(url, NAME, NOW)
    assert said(lines) == "ok State database: SQLite, can be written\ninfo Bot: no bot serves from it at present"
    assert await Executors(database).alive(NOW) == frozenset()
    await Executors(database).beat("bot", NOW)
    await Executors(database).beat(f"{CONSOLE}other", NOW)
    await database.close()
    assert "ok Bot: bot serves from it" in said(await state_lines(url, NAME, NOW))


async def test_a_database_that_is_not_there_yet_is_not_made(tmp_path: Path) -> None:
    path = tmp_path / "state" / "bot.db"
    lines = await state_lines(f"sqlite:///{path}", NAME, NOW)
    assert said(lines) == (f"info State database: {path} is not there yet; it is made when the bot first runs")
    assert not path.parent.exists()


@pytest.mark.parametrize(
    "url", ["sqlite:////proc/none/state.db", "postgresql://bot:hunter2@127.0.0.1:1/bot", "hunter2"]
)
async def test_a_database_that_cannot_be_written(url: str) -> None:
    (line,) = await state_lines(url, NAME, NOW)
    assert line.level is Level.CRITICAL
    assert "Check STATE_URL" in line.value
    assert "hunter2@" not in line.value
