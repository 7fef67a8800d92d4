from datetime import timedelta
from typing import Any

import pytest

from bot.clients.mongo_indexes import Indexes
from bot.errors import Unavailable, UsageError
from bot.reply import Level, Reply
from commands.database_maintenance.index_stats import index_stats
from tests.commands.novapulse_data import Data
from tests.commands.said import line, said


async def ask(data: Data, collection: str = "webhooklogs") -> Reply:
    reply = await index_stats.handler(collection, indexes=Indexes(data.mongo), now=data.now)
    assert isinstance(reply, Reply)
    return reply


def make(data: Data, *indexes: dict[str, Any]) -> None:
    data.commands.indexes.make({"createIndexes": "webhooklogs", "indexes": list(indexes)})


async def test_all_are_used(data: Data) -> None:
    reply = await ask(data)
    assert (reply.level, reply.title) == (Level.OK, "webhooklogs has 2 indexes")
    assert "webhookId_1_createdAt_-1 | webhookId 1, createdAt -1 | 4,711 | 2026-07-01 09:00 | 36" in said(reply)


async def test_what_another_makes_superfluous(data: Data) -> None:
    make(
        data,
        {"key": {"webhookId": 1}, "name": "prefix"},
        {"key": {"webhookId": -1, "createdAt": 1}, "name": "turned"},
        {"key": {"createdAt": -1}, "name": "other way in"},
        {"key": {"webhookId": 1}, "name": "unique", "unique": True},
        {"key": {"webhookId": 1}, "name": "partial", "partialFilterExpression": {"status": "failed"}},
    )
    reply = await ask(data)
    assert reply.level is Level.WARNING
    assert line(reply, "prefix").value == "superfluous: webhookId_1_createdAt_-1 does its work"
    assert line(reply, "turned").value == "superfluous: webhookId_1_createdAt_-1 does its work"
    labels = [part.label for part in reply.parts if part.kind == "line"]
    assert labels == ["prefix", "turned"]


@pytest.mark.parametrize(("days", "level"), [(8, Level.WARNING), (1, Level.OK)])
async def test_what_nobody_uses(data: Data, days: int, level: Level) -> None:
    make(
        data,
        {"key": {"event": 1}, "name": "idle"},
        {"key": {"createdAt": 1}, "name": "ttl", "expireAfterSeconds": 3600},
    )
    data.commands.unused |= {"idle", "ttl"}
    data.now += timedelta(days=days)
    reply = await ask(data)
    assert line(reply, "idle").level is level
    assert [part.label for part in reply.parts if part.kind == "line"] == ["idle"]


async def test_a_collection_that_is_not_there(data: Data) -> None:
    with pytest.raises(UsageError, match="there are webhooklogs, webhooks") as caught:
        await ask(data, "webhooklog")
    assert (caught.value.nearest, caught.value.argument) == ("webhooklogs", "collection")


async def test_mongo_is_down(data: Data) -> None:
    await data.mongo.ping()
    await data.mongo_server.down(on=True)
    with pytest.raises(Unavailable):
        await ask(data)
