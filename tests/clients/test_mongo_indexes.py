"""An index that is listed may still be under way: nobody relies on it before the server says that it is built."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Mapping
from typing import Any

import pytest
from pydantic import SecretStr

from bot.clients.mongo import Mongo
from bot.clients.mongo_index import Index, stand_ins
from bot.clients.mongo_indexes import Indexes
from bot.settings import MongoSettings
from tests.clients.pretend_mongo import PretendMongo, pretend_mongo

WANTED = Index("byHook", (("webhookId", 1),))
(STAND_IN,) = stand_ins(WANTED)


@pytest.fixture
async def server() -> AsyncIterator[PretendMongo]:
    async with pretend_mongo() as running:
        running.answers |= {"listIndexes": listed(WANTED, STAND_IN), "dropIndexes": {"ok": 1.0}, "createIndexes": None}
        yield running


@pytest.fixture
async def indexes(server: PretendMongo) -> AsyncIterator[Indexes]:
    mongo = Mongo(MongoSettings(mongo_url=SecretStr(server.url)))
    yield Indexes(mongo)
    await mongo.close()


def listed(*indexes: Index) -> Mapping[str, Any]:
    batch = [{"v": 2, "key": dict(one.key), "name": one.name, **one.options} for one in indexes]
    return {"ok": 1.0, "cursor": {"id": 0, "ns": "novapulse.deliveries", "firstBatch": batch}}


async def waits_for_the_build(server: PretendMongo, doing: Awaitable[object]) -> bool:
    """Say whether it has asked for the build, whose answer never comes, and gone no further."""
    task = asyncio.ensure_future(doing)
    await server.asked.wait()
    waits = not task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return waits


async def test_a_build_that_is_repeated_waits_for_the_one_under_way(server: PretendMongo, indexes: Indexes) -> None:
    assert await waits_for_the_build(server, indexes.build("deliveries", STAND_IN.text))


async def test_nothing_is_dropped_before_what_does_its_work_is_built(server: PretendMongo, indexes: Indexes) -> None:
    assert await waits_for_the_build(server, indexes.drop("deliveries", WANTED.text, [STAND_IN.text]))
    server.answers["createIndexes"] = {"ok": 1.0, "numIndexesBefore": 2, "numIndexesAfter": 2}
    dropped = await indexes.drop("deliveries", WANTED.text, [STAND_IN.text])
    assert dropped == {"changed": True, "message": "byHook is dropped"}
