import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest
from aiohttp import web

from bot.errors import NotConfigured
from bot.request import Decision, Request
from bot.settings import SlackSettings
from bot.slack.app import EVENTS_PATH, SlackRoom
from bot.slack.forms import command_form, reason_form
from bot.slack.self_test import SelfTest
from bot.stores.database import Database
from bot.stores.outbox import Outbox
from tests.slack.declared import CATALOG, FixedPolicy, Remembering, scale_workers
from tests.slack.stand_in import SlackStandIn
from tests.slack.test_payloads import click, slash

SECRET = "signing-secret"
Answer = tuple[int, dict[str, Any]]


def clock() -> datetime:
    return datetime.now(UTC)


def settings(**more: Any) -> SlackSettings:
    known = {"slack_bot_token": "xoxb-1", "slack_signing_secret": SECRET, "slack_app_token": None}
    return SlackSettings.model_validate(known | more)


class Slack:
    """Posts to the bot as Slack does, signed."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self._url = url
        self._session = session

    async def post(
        self, fields: dict[str, Any], *, secret: str = SECRET, age: int = 0, as_json: bool = False
    ) -> Answer:
        body = json.dumps(fields) if as_json else urlencode(fields)
        at = str(int(time.time()) - age)
        signed = hmac.new(secret.encode(), f"v0:{at}:{body}".encode(), hashlib.sha256).hexdigest()
        headers = {
            "X-Slack-Signature": f"v0={signed}",
            "X-Slack-Request-Timestamp": at,
            "Content-Type": "application/json" if as_json else "application/x-www-form-urlencoded",
        }
        async with self._session.post(self._url, data=body, headers=headers) as answer:
            text = await answer.text()
            return answer.status, json.loads(text) if text.startswith("{") else {"text": text}

    async def payload(self, payload: dict[str, Any]) -> Answer:
        return await self.post({"payload": json.dumps(payload)})


@pytest.fixture
def dispatcher() -> Remembering:
    return Remembering()


@pytest.fixture
async def room(slack: SlackStandIn, outbox: Outbox, dispatcher: Remembering) -> AsyncIterator[SlackRoom]:
    made = SlackRoom(
        settings(slack_api_url=f"{slack.url}/api/"), dispatcher, CATALOG, FixedPolicy(), outbox, clock=clock
    )
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def bot(room: SlackRoom) -> AsyncIterator[Slack]:
    application = web.Application()
    application.router.add_post(EVENTS_PATH, room.receive)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with aiohttp.ClientSession() as session:
        yield Slack(f"http://127.0.0.1:{runner.addresses[0][1]}{EVENTS_PATH}", session)
    await runner.cleanup()


def pressed(action: str, value: str, **more: Any) -> dict[str, Any]:
    return {"type": "block_actions", "trigger_id": "9.9.z"} | click(action, value) | more


def submitted(view: dict[str, Any], user: str = "U0OPERATOR", **fields: dict[str, Any]) -> dict[str, Any]:
    values = {f"argument:{name}": {"value": field} for name, field in fields.items()}
    shown = view | {"id": "V1", "hash": "h1", "state": {"values": values}}
    return {"type": "view_submission", "user": {"id": user, "name": "olga"}, "view": shown}


class Ear(SelfTest):
    """Counts what it is told of."""

    payloads = 0

    def on_payload(self) -> None:
        self.payloads += 1


async def test_whatever_slack_delivers_is_taken_note_of(
    bot: Slack, room: SlackRoom, database: Database, outbox: Outbox
) -> None:
    stores = (database, outbox)
    room.self_test = ear = Ear(stores, FixedPolicy(), room.pace, name="one", channel="#alerts", clock=clock)
    await bot.post(slash("/queue-stats"))
    await bot.payload(pressed("run", "/queue-stats"))
    event = {"type": "message", "channel": "C1", "user": "U1", "text": "hello", "ts": "1.1"}
    await bot.post({"type": "event_callback", "event": event, "event_id": "Ev1"}, as_json=True)
    await bot.post(slash("/queue-stats"), secret="wrong")
    assert ear.payloads == 3


async def test_a_command_is_recorded_then_acknowledged_then_handled(bot: Slack, dispatcher: Remembering) -> None:
    assert await bot.post(slash("/queue-stats", "email", user_id="U0OPERATOR")) == (200, {"text": ""})
    await dispatcher.wait()
    (request,) = dispatcher.handled
    assert isinstance(request, Request)
    assert (request.command, request.text, request.actor.name) == ("/queue-stats", "email", "Olga Operator")


async def test_a_payload_delivered_twice_is_handled_once(bot: Slack, dispatcher: Remembering) -> None:
    for _ in range(3):
        assert (await bot.post(slash("/queue-stats")))[0] == 200
    await bot.post(slash("/queue-stats", trigger_id="other"))
    await dispatcher.wait(2)
    assert len(dispatcher.handled) == 2


@pytest.mark.parametrize(("secret", "age"), [("wrong", 0), (SECRET, 3600)])
async def test_a_wrong_or_old_signature_is_refused(bot: Slack, dispatcher: Remembering, secret: str, age: int) -> None:
    assert (await bot.post(slash("/queue-stats"), secret=secret, age=age))[0] == 401
    assert dispatcher.accepted == []


async def test_without_a_record_nothing_is_done_and_that_is_said(bot: Slack, dispatcher: Remembering) -> None:
    dispatcher.broken = True
    status, answer = await bot.post(slash("/queue-stats"))
    assert status == 200
    assert "could not be recorded" in str(answer)
    assert dispatcher.handled == []
    assert [item.actor.id for item in dispatcher.withdrawn] == ["U1"]  # its row may be there all the same


async def test_a_click_without_a_record_is_answered_privately(
    bot: Slack, dispatcher: Remembering, slack: SlackStandIn
) -> None:
    dispatcher.broken = True
    await bot.payload(pressed("approve:0", "p1"))
    await slack.wait(lambda: slack.whispers)
    assert "could not be recorded" in slack.whispers[0]["text"]
    assert dispatcher.handled == []


async def test_a_form_without_a_record_says_so_beside_the_field(bot: Slack, dispatcher: Remembering) -> None:
    dispatcher.broken = True
    view = command_form(scale_workers, {}, {"channel": "C1"})
    _, answer = await bot.payload(submitted(view, replicas={"type": "plain_text_input", "value": "5"}))
    assert "could not be recorded" in str(answer["errors"])


async def test_missing_arguments_open_the_form(bot: Slack, dispatcher: Remembering, slack: SlackStandIn) -> None:
    await bot.post(slash("/scale-workers", user_id="U0OPERATOR"))
    await slack.wait(lambda: slack.views)
    assert slack.views[0]["trigger_id"] == "1.2.a"
    assert slack.views[0]["view"]["title"]["text"] == "/scale-workers"
    assert dispatcher.accepted == []


async def test_who_may_not_gets_a_recorded_refusal_and_no_form(bot: Slack, dispatcher: Remembering) -> None:
    await bot.post(slash("/scale-workers", user_id="U0VIEWER"))
    await dispatcher.wait()
    assert dispatcher.handled[0].actor.id == "U0VIEWER"


@pytest.mark.parametrize(
    ("action", "value", "expected"),
    [
        ("form:0", "/scale-workers 5 --deployment api", '"initial_value": "5"'),
        ("form:0", "/scale-workers banana", "plain_text_input"),
        ("deny:1", "p1", "Why not?"),
        ("break_glass:2", "p1", "Why can this not wait?"),
    ],
)
async def test_buttons_that_need_more_open_a_form(
    bot: Slack, slack: SlackStandIn, action: str, value: str, expected: str
) -> None:
    assert (await bot.payload(pressed(action, value)))[0] == 200
    await slack.wait(lambda: slack.views)
    assert expected in json.dumps(slack.views[0]["view"])


async def test_a_form_that_does_not_open_is_recorded_and_answered_with_the_usage(
    bot: Slack, dispatcher: Remembering, slack: SlackStandIn
) -> None:
    slack.trouble("views.open", "expired_trigger_id", "expired_trigger_id", "expired_trigger_id")
    await bot.post(slash("/scale-workers", user_id="U0OPERATOR"))
    await dispatcher.wait(1)
    await bot.payload(pressed("form:0", "/scale-workers 5"))
    await dispatcher.wait(2)
    assert (await bot.payload(pressed("deny:1", "p1")))[0] == 200
    await dispatcher.wait(3)
    assert [trouble.hint for trouble in dispatcher.troubles] == [
        f"Type it instead: {scale_workers.usage}",
        f"Type it instead: {scale_workers.usage}",
        "Please press the button again.",
    ]
    assert all("expired_trigger_id" in trouble.message for trouble in dispatcher.troubles)


@pytest.mark.parametrize("action", ["deny:1", "break_glass:2", "form:0"])
async def test_no_form_opens_for_who_may_not_and_that_is_recorded(
    bot: Slack, dispatcher: Remembering, slack: SlackStandIn, action: str
) -> None:
    viewer = {"id": "U0VIEWER", "username": "vera"}
    value = "/scale-workers 5" if action.startswith("form") else "p1"
    assert (await bot.payload(pressed(action, value, user=viewer)))[0] == 200
    await dispatcher.wait()
    assert dispatcher.handled[0].actor.id == "U0VIEWER"
    assert slack.count("views.open") == 0


async def test_no_form_opens_for_a_plan_that_has_ended(
    bot: Slack, dispatcher: Remembering, slack: SlackStandIn
) -> None:
    await bot.payload(pressed("deny:1", "ended"))
    await dispatcher.wait()
    (decision,) = dispatcher.handled
    assert isinstance(decision, Decision)
    assert (decision.action, decision.subject, decision.reason) == ("deny", "ended", "")
    assert slack.count("views.open") == 0


async def test_no_form_opens_where_the_plan_cannot_be_looked_at(
    bot: Slack, dispatcher: Remembering, slack: SlackStandIn
) -> None:
    dispatcher.broken = True
    await bot.payload(pressed("deny:1", "p1"))
    await slack.wait(lambda: slack.whispers)
    assert slack.count("views.open") == 0


async def test_a_form_filled_in_by_who_may_not_is_recorded_and_refused(bot: Slack, dispatcher: Remembering) -> None:
    view = command_form(scale_workers, {}, {"channel": "C1"})
    field = {"type": "plain_text_input", "value": "5"}
    assert await bot.payload(submitted(view, user="U0VIEWER", replicas=field)) == (200, {"text": ""})
    await dispatcher.wait()
    assert dispatcher.handled[0].actor.id == "U0VIEWER"


async def test_a_wrong_field_is_said_beside_it_and_not_recorded(bot: Slack, dispatcher: Remembering) -> None:
    view = command_form(scale_workers, {}, {"channel": "C1"})
    _, answer = await bot.payload(submitted(view, replicas={"type": "plain_text_input", "value": "many"}))
    assert answer["response_action"] == "errors"
    assert answer["errors"] == {"argument:replicas": "replicas has to be a whole number. Did you mean 5?"}
    assert dispatcher.accepted == []


async def test_a_right_form_is_handled(bot: Slack, dispatcher: Remembering) -> None:
    view = command_form(scale_workers, {}, {"channel": "C1", "response_url": "https://hooks.example/1"})
    status, answer = await bot.payload(submitted(view, replicas={"type": "plain_text_input", "value": "5"}))
    assert (status, answer) == (200, {"text": ""})
    await dispatcher.wait()
    (request,) = dispatcher.handled
    assert isinstance(request, Request)
    assert (request.command, request.arguments, request.source, request.channel, request.response_url) == (
        "/scale-workers",
        {"replicas": "5"},
        "form",
        "C1",
        "https://hooks.example/1",
    )


async def test_a_decision_needs_its_reason(bot: Slack, dispatcher: Remembering) -> None:
    view = reason_form("deny", "p1", "C1")
    _, answer = await bot.payload(submitted(view, reason={"type": "plain_text_input", "value": "  "}))
    assert "argument:reason" in answer["errors"]
    await bot.payload(submitted(view, reason={"type": "plain_text_input", "value": "too risky"}))
    await dispatcher.wait()
    (decision,) = dispatcher.handled
    assert isinstance(decision, Decision)
    assert (decision.action, decision.subject, decision.reason, decision.channel) == ("deny", "p1", "too risky", "C1")


async def test_an_unknown_button_is_acknowledged_and_nothing_else(bot: Slack, dispatcher: Remembering) -> None:
    assert (await bot.payload(pressed("dance:0", "x")))[0] == 200
    assert dispatcher.accepted == []


async def test_the_home_tab_shows_what_this_person_may_run(bot: Slack, slack: SlackStandIn) -> None:
    event = {"type": "app_home_opened", "user": "U0OPERATOR", "tab": "home"}
    await bot.post({"type": "event_callback", "team_id": "T1", "event": event}, as_json=True)
    await slack.wait(lambda: slack.views)
    assert "/queue-stats" in str(slack.views[0]["view"])


def test_missing_tokens_are_named(outbox: Outbox) -> None:
    for missing, variable in (
        ({"slack_bot_token": None}, "SLACK_BOT_TOKEN"),
        ({"slack_signing_secret": None}, "SLACK_SIGNING_SECRET"),
    ):
        with pytest.raises(NotConfigured, match=variable):
            SlackRoom(settings(**missing), Remembering(), CATALOG, FixedPolicy(), outbox, clock=clock)


async def test_the_start_does_not_wait_for_slack(outbox: Outbox) -> None:
    made = SlackRoom(
        settings(slack_api_url="http://127.0.0.1:9/api/", slack_app_token="xapp-1"),
        Remembering(),
        CATALOG,
        FixedPolicy(),
        outbox,
        clock=clock,
    )
    await made.start()
    assert made.uses_socket
    await made.stop()
