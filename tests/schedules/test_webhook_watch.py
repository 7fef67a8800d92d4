"""The share of deliveries that fail, by attempts and not by rows, of what MongoDB has of the last minutes."""

from pathlib import Path

from bot.clients.webhooks import Webhooks
from bot.schedule import Observation
from bot.stores.database import Database
from bot.stores.samples import Samples
from sandbox.api.webhooks import ACTIVE, OF_ANOTHER_COMPANY
from schedules.webhook_watch import webhook_watch
from tests.commands.novapulse_data import NO_MONGO, Data, novapulse_data
from tests.own_database import with_tables
from tests.schedules.conftest import as_declared


async def observe(tmp_path: Path, data: Data, webhooks: Webhooks | None = None) -> Observation:
    database = Database(f"sqlite:///{tmp_path / 'state.db'}")
    await with_tables(database)
    try:
        found = await webhook_watch.handler(webhooks or data.webhooks(), Samples(database), data.now)
    finally:
        await database.close()
    return as_declared(webhook_watch, found)[0]


async def test_attempts_of_all_webhooks_are_counted_and_not_rows(tmp_path: Path) -> None:
    async with novapulse_data() as data:
        for code in (500,) * 30:
            data.server.webhooks.delivered(ACTIVE, "invoice.paid", status_code=code)
        data.pass_by(11 * 60)
        for number in range(12):
            webhook = ACTIVE if number % 2 else OF_ANOTHER_COMPANY
            # A 4xx answer writes two rows for its one attempt.
            data.server.webhooks.delivered(webhook, "invoice.paid", status_code=404 if number < 3 else 200)
            data.pass_by(5)
        found = await observe(tmp_path, data)
    assert found.value == 25
    assert found.reason == "3 of 12 attempts in the last 10 min failed."


async def test_of_few_attempts_the_share_is_taken_of_ten(tmp_path: Path) -> None:
    async with novapulse_data() as data:
        data.server.webhooks.delivered(ACTIVE, "invoice.paid", status_code=500)
        found = await observe(tmp_path, data)
    assert found.value == 10
    assert found.reason == "1 of 1 attempts in the last 10 min failed. Of fewer than 10 the share is taken of 10."


async def test_without_mongodb_it_is_unknown_and_nobody_expects_it(tmp_path: Path) -> None:
    async with novapulse_data() as data:
        found = await observe(tmp_path, data, data.webhooks(mongo=NO_MONGO))
    assert (found.value, found.is_expected) == (None, False)
    assert "MONGO_URL" in found.reason
