"""What the commands that change failed jobs need, and a way to run their plans."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from pydantic import SecretStr
from redis.asyncio import Redis

from bot.clients.queue_changes import QueueChanges
from bot.clients.queues import Queues
from bot.dispatch.operations import Operations
from bot.plan import Plan
from bot.request import Actor, Request
from bot.settings import RedisSettings
from bot.stores.archive import Archive
from bot.stores.database import Database
from bot.stores.plans import Plans, StoredPlan

Run = Callable[[Plan], Awaitable[list[str]]]
Keep = Callable[[Plan], Awaitable[None]]


@pytest.fixture
def archive(database: Database) -> Archive:
    return Archive(database, SecretStr("a-key"))


@pytest.fixture
async def changes(redis_settings: RedisSettings, queues: Queues, archive: Archive) -> AsyncIterator[QueueChanges]:
    client = QueueChanges(redis_settings, queues, archive)
    yield client
    await client.close()


@pytest.fixture
def request_(operator: Actor, now: datetime) -> Request:
    return Request(id="request-1", actor=operator, command="/clear-failed", received_at=now)


@pytest.fixture
def run(changes: QueueChanges) -> Run:
    """Do the steps of a plan, and return what they say."""

    async def told(message: str) -> None:
        del message

    async def ran(plan: Plan) -> list[str]:
        operations = Operations({"queue_changes": changes})
        return [await operations.find(step)(**step.arguments, progress=told) for step in plan.steps]

    return ran


@pytest.fixture
def keep(plans: Plans, database: Database, stored_plan: StoredPlan) -> Keep:
    """Put a plan on record as the one that the request led to."""

    async def kept(plan: Plan) -> None:
        async with database.transaction() as connection:
            assert await plans.add(connection, replace(stored_plan, plan=plan))

    return kept


@pytest.fixture
async def ages(raw: Redis, now: datetime) -> Callable[..., Awaitable[None]]:
    """Write failed jobs of a queue, each so many minutes old, with its reason and name; ``first`` is an id."""

    async def filled(queue: str, *jobs: tuple[float, str, str], first: int = 1) -> None:
        key = f"bull:nova-{queue}"
        for number, (minutes, reason, name) in enumerate(jobs, first):
            at = (now - timedelta(minutes=minutes)).timestamp() * 1000
            await raw.zadd(f"{key}:failed", {str(number): at})
            await raw.hset(f"{key}:{number}", mapping={"name": name, "failedReason": reason, "finishedOn": int(at)})

    return filled
