from datetime import UTC, datetime
from typing import Any

import pytest

from bot.request import Decision, Request
from bot.slack.payloads import Reader, channel_of

NOW = datetime(2025, 11, 3, 9, tzinfo=UTC)


def reader(prefix: str = "") -> Reader:
    return Reader(prefix, lambda user, called: called or user, lambda: NOW)


def slash(command: str, text: str = "", **more: Any) -> dict[str, Any]:
    body = {"command": command, "text": text, "trigger_id": "1.2.a", "user_id": "U1", "user_name": "ana"}
    return body | {"channel_id": "C1", "response_url": "https://hooks.example/1"} | more


def click(action: str, value: str, **more: Any) -> dict[str, Any]:
    element = {"action_id": action, "value": value, "action_ts": "1.5"}
    body = {"user": {"id": "U1", "username": "ana"}, "channel": {"id": "C1"}, "container": {"message_ts": "1.1"}}
    return body | {"actions": [element], "response_url": "https://hooks.example/1"} | more


@pytest.mark.parametrize(
    ("prefix", "typed", "text", "expected"),
    [
        ("", "/queue-stats", "email", ("/queue-stats", "email")),
        ("np-", "/np-queue-stats", "email", ("/queue-stats", "email")),
        ("/np-", "/np-queue-stats", "email", ("/queue-stats", "email")),
        ("np-", "/np-nova", "queue-stats email", ("/queue-stats", "email")),
        ("", "/nova", "queue-stats email", ("/queue-stats", "email")),
        ("", "/nova", "", ("/runbook", "")),
    ],
)
def test_a_slash_command_is_read(prefix: str, typed: str, text: str, expected: tuple[str, str]) -> None:
    request = reader(prefix).command(slash(typed, text))
    assert (request.command, request.text) == expected
    assert (request.actor.name, request.channel, request.source) == ("ana", "C1", "slash")


def test_somebody_who_is_mentioned_has_the_policys_name() -> None:
    known = {"U0ONCALL": "Ola On-call"}
    named = Reader("", lambda user, called: known.get(user, called or user), lambda: NOW)
    text = "2 <@U0ONCALL> <@U0ONCALL|ola> <@U2|bo> <@U3> see <#C1|ops>"
    request = named.command(slash("/page", text))
    assert request.text == "2 <@U0ONCALL|Ola On-call> <@U0ONCALL|Ola On-call> <@U2|bo> <@U3> see <#C1|ops>"


def test_the_same_payload_has_the_same_id_and_another_one_has_not() -> None:
    one, two = reader().command(slash("/x")), reader().command(slash("/x"))
    assert one.id == two.id
    assert reader().command(slash("/x", trigger_id="1.3.b")).id != one.id


def test_a_button_that_runs_is_a_request() -> None:
    item = reader().click(click("run:3", "/queue-stats email"))
    assert isinstance(item, Request)
    assert (item.command, item.text, item.source, item.response_url) == (
        "/queue-stats",
        "email",
        "button",
        "https://hooks.example/1",
    )


def test_a_button_that_decides_is_a_decision() -> None:
    item = reader().click(click("approve:0", "k3v9x2mq7a"))
    assert isinstance(item, Decision)
    assert (item.action, item.subject, item.actor.id) == ("approve", "k3v9x2mq7a", "U1")
    assert item.id == getattr(reader().click(click("approve:0", "k3v9x2mq7a")), "id", "")


def test_two_clicks_are_two_decisions() -> None:
    one = reader().click(click("approve:0", "p"))
    two = reader().click(click("approve:0", "p", user={"id": "U2", "username": "bo"}))
    assert one is not None
    assert two is not None
    assert one.id != two.id


def test_an_unknown_button_is_nothing() -> None:
    assert reader().click(click("dance:0", "x")) is None


def test_a_click_on_the_home_tab_is_answered_to_the_person() -> None:
    body = click("run:0", "/x")
    del body["channel"]
    body["container"] = {"type": "view", "view_id": "V1"}
    assert channel_of(body) == "U1"
