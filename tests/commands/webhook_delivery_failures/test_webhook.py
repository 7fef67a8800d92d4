import pytest

from bot.errors import Unavailable, UsageError, UserError
from bot.reply import Buttons, Level, Reply
from commands.webhook_delivery_failures import webhook as described
from sandbox.api.webhooks import ACTIVE, INACTIVE, OF_ANOTHER_COMPANY
from tests.commands.novapulse_data import Data
from tests.commands.said import line, said


async def ask(data: Data, webhook: str = ACTIVE) -> Reply:
    reply = await described.webhook.handler(webhook, webhooks=data.webhooks())
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
    with pytest.raises(UserError, match="knows no webhook"):
        await ask(data, OF_ANOTHER_COMPANY)
    with pytest.raises(UsageError, match="24 digits"):
        await ask(data, "nonsense")


async def test_the_api_is_down(data: Data) -> None:
    await data.server.down(on=True)
    with pytest.raises(Unavailable, match="connection refused"):
        await ask(data)
