from typing import Any

import pytest

from bot.clients.webhooks import Webhooks
from bot.errors import NotConfigured, UsageError, UserError
from bot.reply import Level, Reply, Table
from commands.viewing_webhook_logs.webhook_logs import webhook_logs
from sandbox.api.webhooks import ACTIVE, OF_ANOTHER_COMPANY
from tests.commands.novapulse_data import NO_MONGO, Data
from tests.commands.said import line, said


async def ask(webhooks: Webhooks, webhook: str = ACTIVE, **arguments: Any) -> Reply:
    reply = await webhook_logs.handler(webhook, **arguments, webhooks=webhooks)
    assert isinstance(reply, Reply)
    return reply


def table(reply: Reply) -> Table:
    (found,) = [part for part in reply.parts if isinstance(part, Table)]
    return found


@pytest.mark.parametrize("source", ["api", "db"])
async def test_attempts_are_counted_and_not_rows(data: Data, source: str) -> None:
    for code, attempt in ((200, 1), (404, 1), (404, 2), (None, 1)):
        data.server.webhooks.delivered(ACTIVE, "invoice.paid", status_code=code, attempt=attempt)
        data.pass_by(60)
    reply = await ask(data.webhooks(), source=source)
    assert reply.title == f"1 of the newest 4 attempts to deliver {ACTIVE} succeeded (25%)"
    assert reply.level is Level.CRITICAL
    assert [row[2:5] for row in table(reply).rows] == [
        ("1", "failed", "-"),
        ("2", "failed", "404"),
        ("1", "failed", "404"),
        ("1", "success", "200"),
    ]
    assert line(reply, "2 x url").value.startswith("The URL")
    assert "fixed 10 s" in line(reply, "1 x timeout").value
    assert "2 attempts have two rows" in said(reply)


async def test_only_some_of_them(data: Data) -> None:
    for code in (200, 500, 200, 500):
        data.server.webhooks.delivered(ACTIVE, "invoice.paid", status_code=code)
    reply = await ask(data.webhooks(), status="failed", limit=1)
    assert reply.title.startswith("2 of the newest 4")
    assert [row[4] for row in table(reply).rows] == ["500"]
    assert "1 of 2 matching are shown." in said(reply)


async def test_without_the_api_the_database_is_asked(data: Data) -> None:
    data.server.webhooks.delivered(ACTIVE, "invoice.paid")
    webhooks = data.webhooks()
    await data.server.down(on=True)
    reply = await ask(webhooks)
    assert line(reply, "NovaPulse API").value == "NovaPulse API could not be read: connection refused."
    assert reply.title.startswith("1 of the newest 1")
    assert "From the database." in said(reply)


async def test_without_both_nothing_is_known(data: Data) -> None:
    webhooks = data.webhooks()
    await data.server.down(on=True)
    await data.mongo_server.down(on=True)
    reply = await ask(webhooks)
    assert reply.level is Level.UNKNOWN
    assert reply.title == f"The deliveries of {ACTIVE} are unknown"
    assert line(reply, "MongoDB").level is Level.UNKNOWN


async def test_what_is_asked_for_and_not_configured_is_said(data: Data) -> None:
    with pytest.raises(NotConfigured, match="MONGO_URL"):
        await ask(data.webhooks(mongo=NO_MONGO), source="db")


async def test_no_delivery_is_not_called_healthy(data: Data) -> None:
    for source in ("api", "db"):
        reply = await ask(data.webhooks(), source=source)
        assert (reply.level, reply.title) == (Level.UNKNOWN, f"No delivery of {ACTIVE} is on record")


async def test_a_strangers_webhook_and_no_id_at_all(data: Data) -> None:
    with pytest.raises(UserError, match="knows no webhook") as caught:
        await ask(data.webhooks(), OF_ANOTHER_COMPANY)
    assert "another company" in caught.value.hint
    with pytest.raises(UsageError, match="24 digits") as wrong:
        await ask(data.webhooks(), "65f0c0ffee")
    assert wrong.value.argument == "webhook"
    assert len(data.server.requests) == 1


async def test_secrets_in_answers_are_masked(data: Data) -> None:
    data.server.webhooks.delivered(ACTIVE, "invoice.paid", status_code=500)
    data.server.webhooks.deliveries[-1]["responseBody"] = "token=abcdef123456\n<!channel>"
    for source in ("api", "db"):
        text = said(await ask(data.webhooks(), source=source))
        assert "abcdef123456" not in text
        assert "token=***" in text
