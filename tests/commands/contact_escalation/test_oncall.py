"""``/oncall``: who, until when, how to reach them; what the policy does not say is unknown."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest

from bot.oncall import OnCall
from bot.policy import Policy
from bot.policy_file import PolicyFile
from bot.reply import Level, Person, Reply, Text, When
from commands.contact_escalation.oncall import oncall
from tests.commands.said import line, said


@dataclass
class InForce:
    current: Policy


async def ask(policy: Any, now: datetime) -> Reply:
    reply = await oncall.handler(policy=policy, now=now)
    assert isinstance(reply, Reply)
    return reply


@pytest.fixture
def rules(policy: PolicyFile) -> Policy:
    return policy.current


def with_levels(rules: Policy, *levels: dict[str, Any], **more: Any) -> InForce:
    section = OnCall.model_validate({"levels": levels} | more)
    people = dict(rules.people)
    people["U0ONCALL"] = people["U0ONCALL"].model_copy(update={"phone": "+49 30 1234", "email": "otto@novapulse.com"})
    return InForce(rules.model_copy(update={"oncall": section, "people": people}))


async def test_the_runbooks_four_levels(policy: PolicyFile, now: datetime) -> None:
    reply = await ask(policy, now)
    assert (reply.title, reply.level) == ("On call: Otto Oncall", Level.INFO)
    text = said(reply)
    for words in ("Level 1, On-call engineer", "Level 2, Team lead", "#novapulse-alerts", "alerts@novapulse.com"):
        assert words in text
    assert line(reply, "Level 4, CTO").level is Level.UNKNOWN
    assert "PagerDuty | the policy does not say" in text


async def test_until_when_and_how_to_reach_them(rules: Policy, now: datetime) -> None:
    until = now + timedelta(days=2)
    level = {"title": "On-call engineer", "people": ["U0ONCALL", "U0VIEWER"], "until": until}
    reply = await ask(with_levels(rules, level, pagerduty="novapulse-primary"), now)
    (text,) = [part for part in reply.parts if isinstance(part, Text)]
    assert When(at=until) in text.spans
    assert Person(id="U0ONCALL", name="Otto Oncall") in text.spans
    assert ": +49 30 1234, otto@novapulse.com" in text.spans
    assert ": in Slack; the policy knows no phone or email" in text.spans
    assert "novapulse-primary" in said(reply)


async def test_a_turn_that_is_over_leaves_it_unknown(rules: Policy, now: datetime) -> None:
    level = {"title": "On-call engineer", "people": ["U0ONCALL"], "until": now - timedelta(hours=3)}
    reply = await ask(with_levels(rules, level), now)
    assert (reply.title, reply.level) == ("Who is on call is unknown", Level.UNKNOWN)
    assert "Otto Oncall had it until 3 h ago" in line(reply, "Level 1, On-call engineer").value


async def test_a_policy_that_names_nobody(rules: Policy, now: datetime) -> None:
    reply = await ask(with_levels(rules), now)
    assert reply.level is Level.UNKNOWN
    assert "the policy names nobody" in line(reply, "On call").value
