"""What the clients rely on, proved on the server that ``MONGO_TEST_URL`` names, else on the sandbox's stand-in.

It makes a database of its own and removes it. What only a replica set has is skipped on a server alone.
"""

import os
import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from bson import ObjectId
from pydantic import SecretStr
from pymongo.errors import OperationFailure

from bot.clients.api import NovaPulseApi
from bot.clients.mongo import Mongo
from bot.clients.mongo_index import Index, stand_ins, why_not_rebuilt
from bot.clients.mongo_indexes import Indexes
from bot.clients.mongo_replica_set import ReplicaSet
from bot.clients.mongo_server import MongoServer
from bot.clients.webhooks import Webhooks
from bot.errors import Forbidden, PermanentError
from bot.settings import ApiSettings, MongoSettings
from sandbox.mongo.server import MongoStandIn
from sandbox.ports import free_port

AT = datetime(2026, 7, 1, 9, tzinfo=UTC)
WEBHOOK = "65f0c0ffee0000000000a001"
WANTED = (
    Index("plain", (("webhookId", 1), ("createdAt", -1))),
    Index("unique", (("event", 1),), {"unique": True}),
    Index("partial", (("status", 1),), {"partialFilterExpression": {"createdAt": {"$gt": AT}}}),
    Index("ttl", (("deliveredAt", 1),), {"expireAfterSeconds": 3600}),
    Index("sparse", (("statusCode", 1),), {"sparse": True}),
    Index("hidden", (("attempt", 1),), {"hidden": True}),
    Index("place", (("place", "2dsphere"),)),
    Index("hashed", (("companyId", "hashed"),)),
    Index("collated", (("name", 1),), {"collation": {"locale": "de", "strength": 2}}),
    Index(
        "unique partial",
        (("number", 1),),
        {"unique": True, "partialFilterExpression": {"number": {"$gt": 5}, "status": "failed"}},
    ),
    Index("partial on _id", (("other", 1),), {"unique": True, "partialFilterExpression": {"_id": {"$gt": 5}, "a": 1}}),
)


def in_a_database(url: str, name: str) -> str:
    """Return the address with another database, whose users stay where they were."""
    parts = urlsplit(url)
    was = parts.path.strip("/") or "admin"
    keeps = not parts.username or "authSource=" in parts.query
    query = parts.query if keeps else "&".join(part for part in (parts.query, f"authSource={was}") if part)
    return parts._replace(path=f"/{name}", query=query).geturl()


@pytest.fixture
async def mongo() -> AsyncIterator[Mongo]:
    name, stand_in = f"novapulse_test_{secrets.token_hex(4)}", MongoStandIn()
    url = os.environ.get("MONGO_TEST_URL", "")
    if not url:
        await stand_in.start()
        url = stand_in.url
    client = Mongo(MongoSettings(mongo_url=SecretStr(in_a_database(url, name))))
    yield client
    async with client.database(10.0) as database:
        assert database.name == name
        await database.client.drop_database(name)
    await client.close()
    await stand_in.stop()


@pytest.fixture
async def indexes(mongo: Mongo) -> Indexes:
    async with mongo.database(10.0) as database:
        await database["deliveries"].insert_one({"event": "a", "createdAt": AT})
    return Indexes(mongo)


def skip_alone(found: object) -> None:
    if not found:
        pytest.skip("this server belongs to no replica set")


async def test_it_answers(mongo: Mongo) -> None:
    assert await mongo.ping() > 0


async def test_its_state_and_sizes(mongo: Mongo, indexes: Indexes) -> None:
    server = MongoServer(mongo)
    state, sizes = await server.state(), await server.sizes()
    assert state.connections
    assert state.version[0].isdigit()
    assert sizes.documents
    assert sizes.indexes
    assert await indexes.collections() == ["deliveries"] or not os.environ.get("MONGO_TEST_URL")


async def test_what_is_slow_can_be_read(mongo: Mongo) -> None:
    try:
        found = await MongoServer(mongo).slow_operations()
    except Forbidden as error:
        pytest.skip(f"this user may not: {error}")
    assert all(one.seconds >= 1 for one in found)


async def test_who_is_what_in_the_set(mongo: Mongo) -> None:
    state = await ReplicaSet(mongo).state()
    skip_alone(state)
    assert state
    assert state.primary in state.members
    assert state.term > 0
    assert state.answered_by in {one.name for one in state.members}
    assert [(one.name, one.state) for one in await mongo.members() or ()] == [
        (one.name, one.state) for one in state.members
    ]


async def test_the_configuration_names_every_member_and_what_it_may_be(mongo: Mongo) -> None:
    state = await ReplicaSet(mongo).state()
    skip_alone(state)
    assert state
    async with mongo.reached(10.0) as client:
        config = (await client.admin.command("replSetGetConfig"))["config"]
    assert {one["host"] for one in config["members"]} == {one.name for one in state.members}
    needed = {"_id", "host", "arbiterOnly", "buildIndexes", "hidden", "priority", "tags", "votes"}
    assert all(needed | {"secondaryDelaySecs"} <= one.keys() or "slaveDelay" in one for one in config["members"])


async def test_a_later_term_means_that_it_has_stepped_down(mongo: Mongo) -> None:
    """The step down itself is tried on the stand-in only: whose server this is would not thank for it."""
    replica_set = ReplicaSet(mongo)
    state = await replica_set.state()
    skip_alone(state)
    assert state
    assert state.primary
    assert (await replica_set.step_down(state.primary.name, state.term - 1))["changed"] is False
    with pytest.raises(PermanentError, match="is not the primary"):
        await replica_set.step_down("nobody:1", state.term)


@pytest.mark.parametrize("index", WANTED, ids=lambda index: index.name)
async def test_an_index_is_rebuilt_with_its_options(indexes: Indexes, index: Index) -> None:
    await indexes.build("deliveries", index.text)
    (before,) = [one for one in await indexes.of("deliveries") if one.name == index.name]
    assert not why_not_rebuilt(before)
    others = stand_ins(before)
    for one in others:
        assert (await indexes.build("deliveries", one.text))["changed"] is True
    texts = [one.text for one in others]
    assert (await indexes.drop("deliveries", before.text, texts))["changed"] is True
    assert (await indexes.drop("deliveries", before.text, texts))["changed"] is False
    assert (await indexes.build("deliveries", before.text))["changed"] is True
    assert (await indexes.build("deliveries", before.text))["changed"] is False
    for one in others:
        assert (await indexes.drop("deliveries", one.text, [before.text]))["changed"] is True
    all_of_it = await indexes.of("deliveries")
    assert before in all_of_it
    assert (await indexes.are("deliveries", [one.text for one in all_of_it])).done


@pytest.mark.parametrize("key", [("a", "text"), ("$**", 1)])
async def test_what_can_have_none_beside_it_is_known_by_its_key(indexes: Indexes, key: tuple[str, object]) -> None:
    wanted = Index("alone", (key,))
    await indexes.build("deliveries", wanted.text)
    (found,) = [one for one in await indexes.of("deliveries") if one.name == "alone"]
    assert why_not_rebuilt(found)


async def test_a_replica_set_takes_no_reindex(mongo: Mongo, indexes: Indexes) -> None:
    """So that building anew and dropping is the way."""
    del indexes  # they are made
    skip_alone(await ReplicaSet(mongo).state())
    async with mongo.database(10.0) as database:
        with pytest.raises(OperationFailure, match="standalone"):
            await database.command("reIndex", "deliveries")


async def test_an_index_without_collation_stays_so_on_a_collection_that_has_one(mongo: Mongo) -> None:
    async with mongo.database(10.0) as database:
        if not os.environ.get("MONGO_TEST_URL"):
            pytest.skip("the stand-in's collections have no collation of their own")
        await database.create_collection("names", collation={"locale": "de"})
        await database["names"].create_index([("a", 1)], name="simple", collation={"locale": "simple"})
    indexes = Indexes(mongo)
    (before,) = [one for one in await indexes.of("names") if one.name == "simple"]
    await indexes.drop("names", before.text, [])
    await indexes.build("names", before.text)
    assert before in await indexes.of("names")


async def test_the_same_key_under_another_name_is_refused(indexes: Indexes) -> None:
    await indexes.build("deliveries", WANTED[0].text)
    twin = Index("twin", WANTED[0].key)
    with pytest.raises(PermanentError, match="refuses to build the index"):
        await indexes.build("deliveries", twin.text)


async def test_who_uses_an_index(indexes: Indexes) -> None:
    await indexes.build("deliveries", WANTED[0].text)
    found = {use.index.name: use for use in await indexes.use("deliveries")}
    assert set(found) == {"_id_", "plain"}
    assert found["plain"].operations is not None
    assert found["plain"].since
    assert found["plain"].size


async def test_deliveries_are_read_the_newest_first_and_short(mongo: Mongo) -> None:
    rows = [
        {"webhookId": ObjectId(WEBHOOK), "event": f"event {number}", "status": "failed", "attempt": 1}
        | {"statusCode": 500, "responseBody": "x" * 5000, "createdAt": AT + timedelta(seconds=number)}
        for number in range(3)
    ]
    async with mongo.database(10.0) as database:
        if os.environ.get("MONGO_TEST_URL"):
            await database["webhooklogs"].create_index([("webhookId", 1), ("createdAt", -1)])
        await database["webhooklogs"].insert_many([*rows, {"webhookId": ObjectId(), "createdAt": AT}])
    api = NovaPulseApi(ApiSettings(novapulse_api_url=f"http://127.0.0.1:{free_port()}/api/v1"))
    found = await Webhooks(api, mongo).deliveries(WEBHOOK, "db")
    assert [one.event for one in found.attempts] == ["event 2", "event 1", "event 0"]
    assert (len(found.attempts[0].error), found.attempts[0].at) == (300, AT + timedelta(seconds=2))
    assert not found.is_capped
