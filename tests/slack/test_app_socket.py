"""The room on a real Socket Mode connection of a real local Slack, through the gate that gives it bad days."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bot.reply import Button, Buttons, Text, say
from bot.request import Decision, Request
from bot.settings import SlackSettings
from bot.slack import limits
from bot.slack.app import SlackRoom
from bot.slack.check import check
from bot.stores.outbox import Message, Outbox
from sandbox.slack import APP_TOKEN, BOT_TOKEN, LocalSlack
from sandbox.slack_gate import SlackGate
from sandbox.slack_page import SlackPage, button, shown_text
from tests.slack.declared import CATALOG, FixedPolicy, Remembering

Make = Callable[[], SlackRoom]


def clock() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
async def gate(tmp_path: Path) -> AsyncIterator[SlackGate]:
    slack = LocalSlack(tmp_path)
    await slack.start()
    found = SlackGate(slack.url)
    await found.start()
    yield found
    await found.stop()
    await slack.stop()


@pytest.fixture
async def page(gate: SlackGate) -> AsyncIterator[SlackPage]:
    async with SlackPage(gate.upstream) as opened:
        yield opened


@pytest.fixture
def dispatcher() -> Remembering:
    return Remembering()


async def until(look: Callable[[], object]) -> None:
    """Wait for what the gate has seen; it tells nobody."""
    for _ in range(2000):
        if look():
            return
        await asyncio.sleep(0.02)
    raise TimeoutError


def settings(gate: SlackGate, **more: Any) -> SlackSettings:
    tokens = {"slack_bot_token": BOT_TOKEN, "slack_app_token": APP_TOKEN, "slack_api_url": gate.api_url}
    return SlackSettings.model_validate(tokens | more)


@pytest.fixture
async def room(gate: SlackGate, page: SlackPage, outbox: Outbox, dispatcher: Remembering) -> AsyncIterator[SlackRoom]:
    made = SlackRoom(settings(gate), dispatcher, CATALOG, FixedPolicy(), outbox, clock=clock)
    await made.start()
    await page.wait_connected()
    yield made
    await made.stop()


@pytest.mark.usefixtures("room")
async def test_commands_come_in_and_answers_go_out(page: SlackPage, outbox: Outbox, dispatcher: Remembering) -> None:
    await page.command("operator", "ops", "/queue-stats email")
    await dispatcher.wait()
    request = dispatcher.handled[0]
    assert isinstance(request, Request)
    assert (request.command, request.text, request.channel) == ("/queue-stats", "email", "C0OPS")
    await outbox.put(Message(f"reply:{request.id}", request.channel, say("Queues", Text.of("<!channel>"))), clock())
    shown = await page.wait_message("ops", "Queues")
    assert limits.problems(shown["blocks"]) == []


@pytest.mark.usefixtures("room")
async def test_an_envelope_delivered_twice_is_handled_once(
    gate: SlackGate, page: SlackPage, dispatcher: Remembering
) -> None:
    gate.repeat_envelopes = True
    await page.command("operator", "ops", "/queue-stats one")
    await page.command("operator", "ops", "/queue-stats two")
    await dispatcher.wait(2)
    assert [item.text for item in dispatcher.handled if isinstance(item, Request)] == ["one", "two"]


@pytest.mark.usefixtures("room")
async def test_buttons_and_forms_come_back(page: SlackPage, outbox: Outbox, dispatcher: Remembering) -> None:
    row = Buttons(
        buttons=(
            Button(label="Approve", action="approve", value="p1", style="primary"),
            Button(label="Deny", action="deny", value="p1", style="danger"),
        )
    )
    await outbox.put(Message("plan:p1", "C0OPS", say("Scale to 5", row), priority=1), clock())
    card = await page.wait_message("ops", "Scale to 5")
    await page.press("approver", "ops", card, button(card, "Approve"))
    await page.press("approver", "ops", card, button(card, "Deny"))
    await page.wait_view()
    typed = {"type": "plain_text_input", "value": "too risky"}
    await page.submit("approver", {"argument:reason": {"value": typed}})
    await dispatcher.wait(2)
    found = [(item.action, item.reason, item.actor.id) for item in dispatcher.handled if isinstance(item, Decision)]
    assert found == [("approve", "", "U0APPROVER"), ("deny", "too risky", "U0APPROVER")]


@pytest.mark.usefixtures("room")
async def test_a_cut_connection_is_made_again(gate: SlackGate, page: SlackPage, dispatcher: Remembering) -> None:
    await page.command("operator", "ops", "/queue-stats")
    await dispatcher.wait()
    await gate.drop_sockets()
    await page.wait_for(lambda: not page.socket_connected or None, what="the end of the connection")
    await page.wait_connected()
    await page.command("operator", "ops", "/queue-stats")
    await dispatcher.wait(2)


async def test_slack_may_come_up_after_the_bot(
    gate: SlackGate, page: SlackPage, outbox: Outbox, dispatcher: Remembering
) -> None:
    gate.trouble("500")
    made = SlackRoom(settings(gate), dispatcher, CATALOG, FixedPolicy(), outbox, clock=clock)
    await made.start()
    await outbox.put(Message("reply:1", "#novapulse-alerts", say("Late but there")), clock())
    await until(lambda: gate.calls)
    gate.clear()
    await page.wait_message("novapulse-alerts", "Late but there")
    await page.wait_connected()
    await made.stop()


@pytest.mark.usefixtures("room")
async def test_a_lost_answer_is_looked_for_in_the_real_history(
    gate: SlackGate, page: SlackPage, outbox: Outbox
) -> None:
    trouble = gate.trouble("lose-reply", "chat.postMessage", times=1)
    await outbox.put(Message("incident:1", "#novapulse-alerts", say("Email waiting")), clock())
    await page.wait_message("novapulse-alerts", "Email waiting")
    await until(lambda: any(call.method == "chat.update" for call in gate.calls))
    assert trouble.left == 0
    assert len([m for m in page.messages("novapulse-alerts") if "Email waiting" in shown_text(m)]) == 1


async def test_check_says_what_is_missing(gate: SlackGate) -> None:
    lines = {line.label: line for line in await check(settings(gate))}
    assert lines["Slack token"].level == "ok"
    assert lines["Alerts channel"].level == "ok"
    assert lines["Slack events"].level == "ok"
    wrong = await check(settings(gate, slack_bot_token="xoxb-wrong"))
    assert [(line.level, "invalid_auth" in line.value) for line in wrong] == [("critical", True)]
    lines = {line.label: line for line in await check(settings(gate, alerts_channel="#nowhere", slack_app_token="x"))}
    assert lines["Alerts channel"].level == "critical"
    assert lines["Slack events"].level == "critical"
