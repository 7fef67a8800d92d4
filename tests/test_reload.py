"""Taking over a changed policy file: whole or not at all, and at once where somebody asks."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from bot import catalog
from bot.policy_file import PolicyFile
from bot.reload import Reload
from bot.reply import Text, When
from bot.scheduler import Scheduler, ScheduleStores, Work
from bot.stores.database import Database
from bot.stores.fires import Fires
from bot.stores.outbox import Outbox
from tests.own_database import with_tables

ROOT = Path(__file__).parents[1]
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
SOON, LATER = NOW + timedelta(minutes=1), NOW + timedelta(minutes=2)


class Place:
    """A policy file in force, the schedules that follow it, and what was said about it."""

    def __init__(self, path: Path, database: Database) -> None:
        self.path = Path(shutil.copy(ROOT / "policy.toml", path))
        self.policy = PolicyFile(self.path, catalog.load())
        self.database = database
        self.outbox = Outbox(database)

        async def observe(*_: object) -> None: ...

        self.scheduler = Scheduler(
            ScheduleStores(database, Fires(database), self.outbox),
            Work(catalog.load(), {}.__getitem__, observe),
            policy=lambda: self.policy.current,
            channel="C1",
            holder="a",
            clock=lambda: NOW,
        )
        self.reload = Reload(self.policy, self.scheduler, self.outbox, channel="C1")

    def edit(self, old: str, new: str) -> None:
        text = self.path.read_text()
        assert old in text
        self.path.write_text(text.replace(old, new))

    async def said(self) -> list[str]:
        return [waiting.body.title for waiting in await self.outbox.due(LATER)]

    async def last(self) -> str:
        """Return what was said last, the moments in it as times of day."""
        body = (await self.outbox.due(LATER))[-1].body
        spans = [span for part in body.parts if isinstance(part, Text) for span in part.spans]
        words = "".join(f"{span.at:%H:%M}" if isinstance(span, When) else str(span) for span in spans)
        return f"{body.title}: {words}"


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    database = Database(f"sqlite:///{tmp_path / 'state.db'}")
    await with_tables(database)
    yield Place(tmp_path / "policy.toml", database)
    await database.close()


@pytest.mark.parametrize("cron", ["0 8 10-5 * *", "jan 8 * * *", "0 mon * * *"])
async def test_a_time_that_cannot_be_leaves_everything_as_it_was(place: Place, cron: str) -> None:
    before = place.policy.current
    place.edit("0 8 * * *", cron)
    place.edit("maximum = 10", "maximum = 5")
    await place.reload.tick(NOW)
    await place.reload.tick(NOW)
    assert place.policy.current is before
    assert await place.said() == ["The changed policy file was refused"]


async def test_a_mended_file_is_said_to_be_fine(place: Place) -> None:
    good = place.path.read_text()
    await place.reload.tick(NOW)
    place.edit("maximum = 10", "maximum = many")
    await place.reload.tick(SOON)
    place.path.write_text(good)
    await place.reload.tick(LATER)
    assert await place.said() == ["The changed policy file was refused", "policy.toml is fine again"]
    assert (await place.last()).endswith("It is read again and says what is in force since 09:00 already.")
    await place.reload.tick(LATER)
    assert len(await place.said()) == 2


async def test_a_file_that_is_mended_and_changed_says_both(place: Place) -> None:
    place.edit("maximum = 10", "maximum = many")
    await place.reload.tick(NOW)
    place.edit("maximum = many", "maximum = 5")
    await place.reload.tick(SOON)
    assert (await place.last()) == (
        "policy.toml is fine again: It is read again and in force since 09:01; plans that wait are decided under it."
    )


@pytest.mark.parametrize("text", ["", " \n\n", "# nothing but words\n"])
async def test_an_empty_file_is_called_empty(place: Place, text: str) -> None:
    before = place.policy.current
    place.path.write_text(text)
    await place.reload.tick(NOW)
    assert place.policy.current is before
    assert (await place.last()) == (
        "The changed policy file was refused: policy.toml is empty: it names nobody who may do anything.\n"
        "The policy from before stays in force until the file is mended."
    )


async def test_a_file_that_is_gone_is_said(place: Place) -> None:
    place.path.unlink()
    await place.reload.tick(NOW)
    assert "policy.toml cannot be read: " in await place.last()
    assert "stays in force" in await place.last()


async def test_what_failed_halfway_is_finished_the_next_time(place: Place) -> None:
    place.edit("0 8 * * *", "0 7 * * *")
    away = "ALTER TABLE fires RENAME TO away", "ALTER TABLE away RENAME TO fires"
    await execute(place.database, away[0])
    with pytest.raises(sa.exc.DBAPIError):
        await place.reload.tick(NOW)
    assert await place.said() == []
    await execute(place.database, away[1])
    await place.reload.tick(NOW)
    assert await place.said() == ["The policy was reloaded"]
    await place.reload.tick(NOW)
    assert len(await place.said()) == 1


async def execute(database: Database, line: str) -> None:
    async with database.transaction() as connection:
        await connection.execute(sa.text(line))


async def test_somebody_who_asks_is_not_kept_waiting(place: Place) -> None:
    asked = asyncio.Event()
    hurried = asyncio.create_task(place.reload.hurried(asked, lambda: NOW))
    place.edit("maximum = 10", "maximum = 5")
    place.outbox.waiting["slack"].clear()
    asked.set()
    await place.outbox.waiting["slack"].wait()
    assert place.policy.current.limits["worker"].maximum == 5
    hurried.cancel()
    await asyncio.gather(hurried, return_exceptions=True)
