from typing import Any

import pytest
from bson import ObjectId

from bot.errors import NotConfigured, NotFound, Unavailable, UsageError
from bot.reply import Buttons, Level, Reply, Table
from commands.webhook_delivery_failures import webhook as described
from sandbox.api.webhooks import ACTIVE, INACTIVE, OF_ANOTHER_COMPANY
from tests.commands.novapulse_data import NO_MONGO, Data
from tests.commands.said import line, said


async def ask(data: Data, webhook: str = ACTIVE, **other: Any) -> Reply:
    reply = await described.webhook.handler(webhook, webhooks=data.webhooks(**other))
    assert isinstance(reply, Reply)
    return reply


async def test_it_is_described_without_its_secrets(data: Data) -> None:
    reply = await ask(data, f'ObjectId("{ACTIVE.upper()}")')
    text = said(reply)
    assert "https://hooks.customer.example/novapulse?***" in text
    assert "invoice.paid, contact.created, webhook.test" in text
    assert "set (***)" in text
    assert "whsec" not in text
    assert "tok_5b1c9d" not in text
    (buttons,) = [part for part in reply.parts if isinstance(part, Buttons)]
    assert [button.value for button in buttons.buttons] == [f"/webhook-logs {ACTIVE}", f"/test-webhook {ACTIVE}"]


async def test_what_is_wrong_with_it(data: Data) -> None:
    found = data.server.webhooks.get(INACTIVE)
    found |= {"events": [], "secret": "", "url": "http://plain.example/", "lastStatus": "failed"}
    reply = await ask(data, INACTIVE)
    assert reply.level is Level.WARNING
    for label in ("Inactive", "No events", "No secret", "Not encrypted", "Last delivery"):
        assert line(reply, label).level is Level.WARNING


async def test_what_the_api_does_not_say_is_unknown(data: Data) -> None:
    del data.server.webhooks.get(ACTIVE)["isActive"]
    assert line(await ask(data), "Active").level is Level.UNKNOWN
    del data.server.webhooks.get(ACTIVE)["secret"]
    reply = await ask(data)
    assert "the API does not say" in said(reply)
    assert "No secret" not in said(reply)


async def test_there_is_no_such_webhook(data: Data) -> None:
    there = f"There are {ACTIVE} (https://hooks.customer.example/novapulse?***), {INACTIVE} ("
    with pytest.raises(NotFound, match="knows no webhook") as caught:
        await ask(data, OF_ANOTHER_COMPANY)
    assert there in caught.value.hint
    with pytest.raises(UsageError, match="24 digits") as wrong:
        await ask(data, "nonsense")
    assert wrong.value.hint.startswith(there)
    with pytest.raises(UsageError, match="24 digits") as alone:
        await ask(data, "nonsense", mongo=NO_MONGO)
    assert alone.value.hint == "", "a list that cannot be read is no second error"


async def test_without_an_id_they_are_listed_and_never_their_secrets(data: Data) -> None:
    found = data.server.webhooks.get(INACTIVE)
    found |= {"lastStatus": "failed", "lastAttemptAt": "2026-07-01T08:00:00.000Z"}
    reply = await ask(data, " ")
    assert (reply.title, reply.level) == ("3 webhooks, of 1 the last delivery failed", Level.WARNING)
    (table,) = [part for part in reply.parts if isinstance(part, Table)]
    url = "https://hooks.customer.example/novapulse?***"
    assert table.rows[0] == (INACTIVE, url, "no", "failed", "2026-07-01 08:00:00")
    assert (ACTIVE, url, "yes", "success", "none yet") in table.rows
    (buttons,) = [part for part in reply.parts if isinstance(part, Buttons)]
    assert buttons.buttons[0].value == f"/webhook {INACTIVE}"
    text = repr(reply)
    assert "whsec" not in text
    assert "tok_5b1c9d" not in text


async def test_of_very_many_some_are_listed(data: Data) -> None:
    shown = data.server.webhooks.get(ACTIVE)
    data.commands.collections["webhooks"] = lambda: [
        shown | {"_id": ObjectId(f"{number:024x}"), "secret": "whsec_1", "lastAttemptAt": None} for number in range(300)
    ]
    reply = await ask(data, "")
    assert reply.title == "200 or more webhooks"
    (table,) = [part for part in reply.parts if isinstance(part, Table)]
    assert len(table.rows) == 20
    assert "20 of 200 or more webhooks are shown." in said(reply)


async def test_none_and_unknown_are_told_apart(data: Data) -> None:
    with pytest.raises(NotConfigured, match="MONGO_URL"):
        await ask(data, "", mongo=NO_MONGO)
    data.commands.collections["webhooks"] = list
    assert (await ask(data, "")).title == "There is no webhook"
    await data.mongo_server.stop()
    with pytest.raises(Unavailable, match="MongoDB"):
        await ask(data, "")


async def test_the_api_is_down(data: Data) -> None:
    await data.server.down(on=True)
    with pytest.raises(Unavailable, match="connection refused"):
        await ask(data)
