import asyncio
import gc
import itertools
import warnings
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from bot.clients.mongo import Member, Mongo
from bot.errors import Forbidden, NotConfigured, TimedOut, Unavailable, UserError
from bot.settings import MongoSettings
from sandbox.ports import free_port
from tests.clients.pretend_mongo import HELLO, PretendMongo, pretend_mongo

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def mongo_at(url: str) -> Mongo:
    ticks = itertools.count()
    return Mongo(MongoSettings(mongo_url=SecretStr(url)), clock=lambda: float(next(ticks)))


@pytest.fixture
async def server() -> AsyncIterator[PretendMongo]:
    async with pretend_mongo() as mongo:
        yield mongo


@pytest.fixture
async def mongo(server: PretendMongo) -> AsyncIterator[Mongo]:
    client = mongo_at(server.url)
    yield client
    await client.close()


async def test_ping_is_in_milliseconds(mongo: Mongo) -> None:
    assert await mongo.ping() == 1000.0


async def test_a_connection_that_breaks_is_said_without_the_drivers_settings(
    server: PretendMongo, mongo: Mongo
) -> None:
    await mongo.ping()
    server.answers["ping"] = None
    asked = asyncio.create_task(mongo.ping())
    await server.asked.wait()
    await server.drop()
    with pytest.raises(Unavailable) as raised:
        await asked
    assert raised.value.reason == "the connection was lost"


async def test_a_server_that_the_driver_gives_up_meanwhile_does_not_answer(server: PretendMongo) -> None:
    """The driver looks after the server by itself, and cuts what is under way when that look gets no answer."""
    mongo = mongo_at(f"{server.url}&heartbeatFrequencyMS=500")
    await mongo.ping()
    server.answers |= {"hello": None, "ping": None}
    with pytest.raises(TimedOut):
        await mongo.ping(seconds=20.0)
    await mongo.close()


async def test_a_server_alone_has_no_members(mongo: Mongo) -> None:
    assert await mongo.members() == []


async def test_members_and_how_far_they_lag(server: PretendMongo, mongo: Mongo) -> None:
    server.answers["replSetGetStatus"] = {
        "ok": 1.0,
        "members": [
            {"name": "a:27017", "stateStr": "PRIMARY", "health": 1.0, "optimeDate": NOW},
            {"name": "b:27017", "stateStr": "SECONDARY", "health": 1.0, "optimeDate": NOW - timedelta(seconds=90)},
            {"name": "c:27017", "stateStr": "SECONDARY", "health": 1.0, "optimeDate": NOW + timedelta(seconds=1)},
            {
                "name": "d:27017",
                "stateStr": "(not reachable/healthy)",
                "health": 0.0,
                "optimeDate": datetime(1970, 1, 1, tzinfo=UTC),
            },
            {"name": "e:27017", "stateStr": "ARBITER", "health": 1.0},
            "nonsense",
        ],
    }
    assert await mongo.members() == [
        Member("a:27017", "PRIMARY", True, 0.0),
        Member("b:27017", "SECONDARY", True, 90.0),
        Member("c:27017", "SECONDARY", True, 0.0),
        Member("d:27017", "(not reachable/healthy)", False, None),
        Member("e:27017", "ARBITER", True, None),
    ]


async def test_without_a_primary_the_lag_is_unknown(server: PretendMongo, mongo: Mongo) -> None:
    member = {"stateStr": "SECONDARY", "health": 1.0, "optimeDate": NOW}
    server.answers["replSetGetStatus"] = {"ok": 1.0, "members": [member]}
    assert await mongo.members() == [Member("nameless", "SECONDARY", True, None)]


async def test_what_the_rights_forbid(server: PretendMongo, mongo: Mongo) -> None:
    server.answers["replSetGetStatus"] = {"ok": 0.0, "code": 13, "errmsg": "not authorized on admin to execute command"}
    with pytest.raises(Forbidden, match="not authorized on admin"):
        await mongo.members()


async def test_another_refusal_is_unavailable(server: PretendMongo, mongo: Mongo) -> None:
    server.answers["ping"] = {"ok": 0.0, "code": 91, "errmsg": "shutting down, password=hunter2"}
    with pytest.raises(Unavailable, match="shutting down") as caught:
        await mongo.ping()
    assert "hunter2" not in str(caught.value)


async def test_no_answer_is_timed_out(server: PretendMongo, mongo: Mongo) -> None:
    await mongo.ping()
    server.answers["ping"] = None
    with pytest.raises(TimedOut, match=r"MongoDB: no answer within 0\.05 s"):
        await mongo.ping(seconds=0.05)
    server.answers["ping"] = {"ok": 1.0}
    assert await mongo.ping() > 0


async def test_close_and_call_again(mongo: Mongo) -> None:
    await mongo.ping()
    await mongo.close()
    assert await mongo.ping() > 0


async def test_a_server_that_is_down_is_unavailable() -> None:
    mongo = mongo_at(f"mongodb://nova:hunter2@127.0.0.1:{free_port()}/")
    with pytest.raises(Unavailable, match="MongoDB: connection refused"):
        await mongo.ping(seconds=30)
    # The driver gives up just when it tries again, and leaves the socket of a cancelled attempt to the collector.
    with warnings.catch_warnings(action="ignore", category=ResourceWarning):
        await mongo.close()
        gc.collect()


async def test_a_server_that_says_nothing_is_timed_out_until_it_is_back(server: PretendMongo, mongo: Mongo) -> None:
    server.answers["hello"] = None
    with pytest.raises(TimedOut):
        await mongo.ping(seconds=0.1)
    server.answers["hello"] = HELLO
    await server.drop()
    assert await mongo.ping() > 0


async def test_settings_that_cannot_work_say_so_without_the_password() -> None:
    with pytest.raises(NotConfigured, match="MONGO_URL"):
        await Mongo(MongoSettings(mongo_url=None)).ping()
    with pytest.raises(UserError) as caught:
        await mongo_at("mongodb://nova:hunter2@host:99999999/").ping()
    assert "hunter2" not in f"{caught.value}{caught.value.hint}"
