import asyncio
import struct
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import pytest
from bson import ObjectId
from pymongo import AsyncMongoClient
from pymongo.errors import OperationFailure, PyMongoError

from sandbox.api.webhooks import ACTIVE, Webhooks
from sandbox.mongo.server import MongoStandIn


@pytest.fixture
async def mongo() -> AsyncIterator[MongoStandIn]:
    webhooks = Webhooks(lambda: 1_767_323_045.0)
    for number in range(250):
        webhooks.delivered(ACTIVE, f"event {number}", status_code=200 if number % 5 else None)
    mongo = MongoStandIn()
    mongo.show(webhooks)
    await mongo.start()
    yield mongo
    await mongo.stop()


@pytest.fixture
async def client(mongo: MongoStandIn) -> AsyncIterator[AsyncMongoClient[dict[str, Any]]]:
    async with AsyncMongoClient[dict[str, Any]](mongo.url, serverSelectionTimeoutMS=2000, tz_aware=True) as client:
        yield client


async def test_it_is_the_primary_of_three(client: AsyncMongoClient[dict[str, Any]]) -> None:
    assert (await client.admin.command("ping"))["ok"] == 1
    assert (await client.admin.command("hello"))["isWritablePrimary"]
    status = await client.admin.command("replSetGetStatus")
    assert [member["stateStr"] for member in status["members"]] == ["PRIMARY", "SECONDARY", "SECONDARY"]
    assert (await client.admin.command("serverStatus"))["connections"]["current"] > 0


async def test_it_finds_sorts_limits_and_gives_more(client: AsyncMongoClient[dict[str, Any]]) -> None:
    logs = client.novapulse.webhooklogs
    found = await logs.find({"webhookId": ObjectId(ACTIVE), "status": "failed"}).to_list()
    assert len(found) == 50
    assert found[0]["createdAt"] == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert len(await logs.find({}).batch_size(40).to_list()) == 250
    newest = await logs.find({"attempt": {"$gte": 1}}, {"event": 1}).sort("_id", -1).limit(2).to_list()
    assert [(row["event"], set(row)) for row in newest] == [
        ("event 249", {"_id", "event"}),
        ("event 248", {"_id", "event"}),
    ]
    assert await logs.find_one({"event": {"$regex": "nothing"}}) is None


async def test_it_counts_and_describes(client: AsyncMongoClient[dict[str, Any]]) -> None:
    database = client.novapulse
    counted = await (
        await database.webhooklogs.aggregate([{"$match": {"status": "failed"}}, {"$count": "n"}])
    ).to_list()
    assert counted == [{"n": 50}]
    use = await (await database.webhooklogs.aggregate([{"$indexStats": {}}])).to_list()
    assert [index["name"] for index in use] == ["_id_", "webhookId_1_createdAt_-1"]
    assert sorted(await database.list_collection_names()) == ["webhooklogs", "webhooks"]
    assert (await database.command("collStats", "webhooklogs"))["count"] == 250
    assert (await database.command("dbStats"))["collections"] == 2
    assert len(await (await database.webhooklogs.list_indexes()).to_list()) == 2


@pytest.mark.parametrize(("command", "code"), [("shutdown", 59), ("listIndexes", 26)])
async def test_its_errors_have_the_real_codes(
    client: AsyncMongoClient[dict[str, Any]], command: str, code: int
) -> None:
    with pytest.raises(OperationFailure) as caught:
        await client.novapulse.command(command, "nope")
    assert caught.value.code == code


@pytest.mark.parametrize("query", [{"$where": "1"}, {"attempt": {"$near": 1}}])
async def test_an_unknown_operator_is_an_error(client: AsyncMongoClient[dict[str, Any]], query: dict[str, Any]) -> None:
    with pytest.raises(OperationFailure):
        await client.novapulse.webhooklogs.find_one(query)


async def test_down_and_back_on_the_same_address(mongo: MongoStandIn, client: AsyncMongoClient[dict[str, Any]]) -> None:
    await client.admin.command("ping")
    address = mongo.url
    await mongo.down(on=True)
    assert not mongo.up
    with pytest.raises(PyMongoError):
        await client.admin.command("ping")
    await mongo.down(on=False)
    assert mongo.url == address
    await client.admin.command("ping")


@pytest.mark.parametrize("data", [b"GET / HTTP/1.1\r\n\r\n", struct.pack("<iiii", 26, 1, 0, 2004) + b"x" * 10])
async def test_what_is_not_the_protocol_is_hung_up_on(mongo: MongoStandIn, data: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(urlsplit(mongo.url).port or 0))
    writer.write(data)
    assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()


async def test_it_keeps_indexes_by_the_real_rules(client: AsyncMongoClient[dict[str, Any]]) -> None:
    made = client.novapulse.made
    await made.insert_one({"a": 1})
    await made.create_index("a")
    await made.create_index("a")
    await made.create_index("a", name="partial", partialFilterExpression={"_id": {"$exists": True}})
    with pytest.raises(OperationFailure) as refused:
        await client.novapulse.command("reIndex", "made")
    assert refused.value.code == 20
    for arguments, code in (({"name": "twin"}, 85), ({"name": "a_1", "unique": True}, 86)):
        with pytest.raises(OperationFailure) as caught:
            await made.create_index("a", **arguments)
        assert caught.value.code == code
    for name, code in (("_id_", 72), ("nope", 27)):
        with pytest.raises(OperationFailure) as caught:
            await client.novapulse.command("dropIndexes", "made", index=name)
        assert caught.value.code == code
    await client.drop_database("novapulse")
    assert sorted(await client.novapulse.list_collection_names()) == ["webhooklogs", "webhooks"]


async def test_it_steps_down_and_takes_no_writes(mongo: MongoStandIn, client: AsyncMongoClient[dict[str, Any]]) -> None:
    mongo.commands.replica_set.lag = 30.0
    with pytest.raises(OperationFailure, match="No electable secondaries"):
        await client.admin.command("replSetStepDown", 60)
    mongo.commands.replica_set.lag = 1.0
    await client.admin.command("replSetStepDown", 60)
    states = [one["stateStr"] for one in (await client.admin.command("replSetGetStatus"))["members"]]
    assert states == ["SECONDARY", "PRIMARY", "SECONDARY"]
    with pytest.raises(PyMongoError, match="not primary"):
        await client.novapulse.made.insert_one({"a": 1})
