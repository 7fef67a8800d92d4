"""Slack limits, fails, cuts the line or says everything twice: handled once, and nothing is lost."""

import asyncio
import hashlib
import hmac
import time
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest

from bot import catalog
from bot.slack.app import EVENTS_PATH
from sandbox.slack import SIGNING_SECRET
from tests.scenarios.world import TYPED_IN, World, labels, sent_blocks, text

pytestmark = pytest.mark.asyncio(loop_scope="package")


async def answers(world: World, words: str) -> int:
    """Count what stands in the channels and shows these words."""
    return sum(words in text(m) for channel in TYPED_IN for m in world.page.messages(channel))


@pytest.mark.parametrize("kind", ["429", "500"])
async def test_an_answer_that_slack_does_not_take_is_delivered_once_afterwards(either: World, kind: str) -> None:
    world = either
    before = await answers(world, "checked against Redis")
    trouble = world.gate.trouble("429" if kind == "429" else "500", "chat.postMessage", times=2, retry_after=1)
    await world.ask("viewer", "/queue-stats email", "checked against Redis")
    assert trouble.left == 0
    await world.ask("viewer", "/runbook", "The runbook: what you may run here", channel="ops")
    assert await answers(world, "checked against Redis") == before + 1


async def test_an_answer_whose_reply_was_lost_is_not_posted_twice(world: World) -> None:
    """Slack took it and the bot could not know: it looks before it posts again."""
    before = await answers(world, "checked against Redis")
    world.gate.trouble("lose-reply", "chat.postMessage", times=1)
    await world.ask("viewer", "/queue-stats report", "checked against Redis", channel="general")
    await world.delivered()
    assert any(record["error"] == "no answer within 10 s" for record in world.bot.said("a message is tried again"))
    assert await answers(world, "checked against Redis") == before + 1


async def test_edits_that_slack_does_not_take_end_in_the_newest_state(world: World) -> None:
    card = await world.plan("/scale-workers 3")
    world.gate.trouble("429", "chat.update", times=1, retry_after=1)
    world.gate.trouble("500", "chat.update", times=1)
    await world.click("operator", card, "Cancel my request")
    assert labels(await world.becomes(card, "Cancelled, nothing was changed")) == []
    world.gate.clear()


async def test_a_cut_socket_is_made_anew(world: World) -> None:
    async with world.fault("slack-drop-socket"):
        await world.page.wait_for(lambda: not world.page.socket_connected, what="the cut connection")
    await world.page.wait_connected()
    await world.ask("viewer", "/queue-stats", "checked against Redis")


async def test_an_envelope_that_comes_twice_is_handled_once(world: World) -> None:
    world.gate.repeat_envelopes = True
    try:
        card = await world.plan("/scale-workers 3")
        await world.click("operator", card, "Cancel my request")
        await world.becomes(card, "Cancelled, nothing was changed")
        await world.ask("viewer", "/approvals", "Nothing waits for approval")
    finally:
        world.gate.repeat_envelopes = False
    newest = "select command from (select * from requests order by received_at desc limit 3) where status = 'done'"
    await world.until(lambda: len(world.rows(newest)) == 3)
    assert world.rows(newest).count(("/scale-workers",)) == 1


class Signed:
    """Delivers payloads as Slack does, signed; what is delivered again is the same to the byte."""

    def __init__(self, world: World, session: aiohttp.ClientSession) -> None:
        self._url = world.sandbox.endpoints["bot"] + EVENTS_PATH
        self._session = session

    async def command(self, line: str, *, user: str, trigger: str, secret: str = SIGNING_SECRET, age: int = 0) -> int:
        """Deliver a slash command and return the status of the answer."""
        name, _, typed = line.partition(" ")
        fields = {
            "command": name,
            "text": typed,
            "user_id": user,
            "user_name": "somebody",
            "channel_id": "C0GENERAL",
            "channel_name": "general",
            "team_id": "T0NOVAPULSE",
            "trigger_id": trigger,
            "response_url": "",
        }
        return await self._post(urlencode(fields), secret, age)

    async def _post(self, body: str, secret: str, age: int) -> int:
        at = str(int(time.time()) - age)
        signed = hmac.new(secret.encode(), f"v0:{at}:{body}".encode(), hashlib.sha256).hexdigest()
        headers: dict[str, Any] = {
            "X-Slack-Signature": f"v0={signed}",
            "X-Slack-Request-Timestamp": at,
            "Content-Type": "application/x-www-form-urlencoded",
        }
        async with self._session.post(self._url, data=body, headers=headers) as answer:
            return answer.status


async def test_the_same_payload_delivered_again_is_handled_once(http_world: World) -> None:
    world = http_world
    async with aiohttp.ClientSession() as session:
        slack = Signed(world, session)
        known = world.shown("general")
        deliveries = (slack.command("/np-scale-workers 3", user="U0OPERATOR", trigger="77.1.same") for _ in range(5))
        assert await asyncio.gather(*deliveries) == [200] * 5
        card = await world.new("general", known, "Waits for approval", "from 2 to 3")
        assert await slack.command("/np-scale-workers 3", user="U0OPERATOR", trigger="77.1.same") == 200
    assert world.rows("select count(*) from plans where status = 'waiting'") == [(1,)]
    await world.click("operator", card, "Cancel my request")
    await world.becomes(card, "Cancelled, nothing was changed")
    await world.ask("viewer", "/runbook", "The runbook", channel="general")
    new = [m for m in world.page.messages("general") if m["ts"] not in known]
    assert sum("from 2 to 3" in text(m) for m in new) == 1


@pytest.mark.parametrize(("secret", "age"), [("somebody-elses", 0), (SIGNING_SECRET, 3600)])
async def test_what_slack_did_not_sign_now_is_not_even_recorded(http_world: World, secret: str, age: int) -> None:
    before = http_world.rows("select count(*) from requests")
    async with aiohttp.ClientSession() as session:
        slack = Signed(http_world, session)
        status = await slack.command("/np-queue-stats", user="U0VIEWER", trigger="78.1.x", secret=secret, age=age)
    assert status == 401
    assert http_world.rows("select count(*) from requests") == before


async def test_somebody_the_policy_does_not_know_may_do_nothing(http_world: World) -> None:
    world = http_world
    names = sorted(catalog.load().commands)
    after = len(world.calls("chat.postEphemeral"))
    async with aiohttp.ClientSession() as session:
        slack = Signed(world, session)
        for number, name in enumerate(names):
            line = f"/np-{name.removeprefix('/')}"
            assert await slack.command(line, user="U0STRANGER", trigger=f"79.{number}.s") == 200
    query = "select command, status, outcome from requests where actor_id = 'U0STRANGER' and closed_at is not null"
    await world.until(lambda: len(world.rows(query)) == len(names), seconds=90)
    await world.delivered(seconds=90)  # Slack allows a channel one message a second
    found = world.rows(query)
    assert sorted(command for command, _, _ in found) == names
    assert {status for _, status, _ in found} == {"refused"}
    assert all("your roles (none) do not have" in outcome for _, _, outcome in found)
    said = [sent_blocks(call) for call in world.calls("chat.postEphemeral")[after:]]
    assert all("This needs the permission" in words for words in said)
