import pytest

from bot.clients.mongo import Mongo
from bot.clients.mongo_replica_set import ReplicaSet
from bot.clients.mongo_server import MongoServer
from bot.errors import NotConfigured
from bot.reply import Level, Reply, Table
from commands.database_outage.mongo_status import mongo_status
from tests.clients.pretend_mongo import PretendMongo, pretend_mongo
from tests.clients.test_mongo import mongo_at
from tests.commands.novapulse_data import NO_MONGO, Data
from tests.commands.said import line, said

FORBIDDEN = {"ok": 0.0, "code": 13, "errmsg": "not authorized on admin to execute command"}


async def ask(mongo: Mongo) -> Reply:
    reply = await mongo_status.handler(mongo=mongo, replica_set=ReplicaSet(mongo), server=MongoServer(mongo))
    assert isinstance(reply, Reply)
    return reply


async def test_all_is_well(data: Data) -> None:
    reply = await ask(data.mongo)
    assert (reply.level, reply.title) == (Level.OK, "MongoDB is well")
    assert line(reply, "Replica set").value.endswith("is primary, 3 of 3 members are up")
    assert line(reply, "Connections").value == "12 in use, 838,848 more are possible"
    assert line(reply, "Slow operations").value == "none has run for 1 s"
    assert line(reply, "Size").value.startswith("novapulse: 3 documents in 2 collections")
    assert "MongoDB 7.0.14" in said(reply)


async def test_who_lags_and_what_is_slow(data: Data) -> None:
    data.commands.replica_set.lag = 42.0
    operation = {"active": True, "opid": 7, "op": "query", "ns": "novapulse.invoices", "secs_running": 12}
    data.commands.operations = [
        operation | {"planSummary": "COLLSCAN", "command": {"filter": {"email": "ann@example.com"}}},
        operation | {"ns": "local.oplog.rs", "secs_running": 9000},
        operation | {"secs_running": 0},
    ]
    reply = await ask(data.mongo)
    assert reply.level is Level.WARNING
    assert "novapulse-mongo-1:27017" in line(reply, "Behind").value
    assert line(reply, "Slow operations").value == "1 for up to 12 s"
    assert "7 | query | novapulse.invoices | 12 s | COLLSCAN" in said(reply)
    assert "ann@example.com" not in said(reply)


LATE = "novapulse-mongo-2:27017"


async def test_who_is_delayed_on_purpose_is_not_behind(data: Data) -> None:
    data.commands.replica_set.delays[LATE] = 3600
    reply = await ask(data.mongo)
    assert (reply.level, reply.title) == (Level.OK, "MongoDB is well")
    assert line(reply, "Delayed on purpose").value == f"{LATE} by about 1 h"
    assert f"{LATE} | SECONDARY | up | 3,601 s, 3,600 s of it on purpose" in said(reply)
    data.commands.replica_set.lag = 42.0
    assert LATE in line(await ask(data.mongo), "Behind").value


async def test_who_may_be_delayed_on_purpose_is_said_to_be_where_nothing_tells(data: Data) -> None:
    data.commands.replica_set.delays[LATE] = 3600
    data.commands.replica_set.hides_config = True
    reply = await ask(data.mongo)
    assert reply.level is Level.WARNING
    assert line(reply, "Behind").value == (
        f"more than 10 s: {LATE}; perhaps delayed on purpose: the set's configuration could not be read "
        "(role clusterMonitor)"
    )


async def test_down_is_critical_and_the_rest_unknown(data: Data) -> None:
    await data.mongo.ping()
    await data.mongo_server.down(on=True)
    reply = await ask(data.mongo)
    assert reply.level is Level.CRITICAL
    assert line(reply, "Ping").level is Level.CRITICAL
    for label in ("Replica set", "Connections", "Slow operations", "Size"):
        assert line(reply, label).level is Level.UNKNOWN


async def test_what_the_rights_forbid_is_unknown_beside_what_was_read() -> None:
    async with pretend_mongo() as server:
        await _forbid(server)
        mongo = mongo_at(server.url)
        reply = await ask(mongo)
        await mongo.close()
    assert line(reply, "Ping").level is Level.OK
    assert "not authorized" in line(reply, "Slow operations").value
    assert (reply.level, reply.title) == (Level.UNKNOWN, "MongoDB: not all of it could be read")


async def _forbid(server: PretendMongo) -> None:
    for name in ("replSetGetStatus", "serverStatus", "aggregate", "dbStats"):
        server.answers[name] = FORBIDDEN


@pytest.mark.parametrize(("used", "level"), [(80, Level.OK), (81, Level.WARNING)])
async def test_connections_that_run_out_are_marked(used: int, level: Level) -> None:
    async with pretend_mongo() as server:
        await _forbid(server)
        server.answers["serverStatus"] = {"ok": 1.0, "connections": {"current": used, "available": 100 - used}}
        mongo = mongo_at(server.url)
        reply = await ask(mongo)
        await mongo.close()
    assert line(reply, "Connections").level is level
    assert line(reply, "Connections").value == f"{used} in use, {100 - used} more are possible"


async def test_no_primary_is_critical_with_its_members() -> None:
    async with pretend_mongo() as server:
        members = [
            {"name": "a:27017", "stateStr": "(not reachable/healthy)", "health": 0.0},
            {"name": "b:27017", "stateStr": "SECONDARY", "health": 1.0},
        ]
        server.answers |= {"replSetGetStatus": {"ok": 1.0, "set": "rs0", "term": 4, "members": members}}
        server.answers |= {"replSetGetConfig": FORBIDDEN, "serverStatus": FORBIDDEN, "aggregate": FORBIDDEN}
        server.answers |= {"dbStats": {"ok": 1.0}}
        mongo = mongo_at(server.url)
        reply = await ask(mongo)
        await mongo.close()
    assert reply.level is Level.CRITICAL
    assert "NO PRIMARY" in line(reply, "Replica set").value
    assert line(reply, "Down").value == "a:27017"
    assert line(reply, "Lag").value == "unknown for b:27017"
    assert line(reply, "Size").level is Level.UNKNOWN
    (table,) = [part for part in reply.parts if isinstance(part, Table)]
    assert table.rows[1] == ("b:27017", "SECONDARY", "up", "unknown")


async def test_members_that_are_up_and_no_help_are_named() -> None:
    states = {"a:27017": "PRIMARY", "b:27017": "RECOVERING", "c:27017": "ROLLBACK", "d:27017": "ARBITER"}
    members = [{"name": name, "stateStr": state, "health": 1.0} for name, state in states.items()]
    async with pretend_mongo() as server:
        await _forbid(server)
        server.answers |= {"replSetGetStatus": {"ok": 1.0, "set": "rs0", "term": 4, "members": members}}
        server.answers |= {"replSetGetConfig": FORBIDDEN}
        mongo = mongo_at(server.url)
        reply = await ask(mongo)
        await mongo.close()
    assert line(reply, "Replica set").level is Level.WARNING
    assert line(reply, "Cannot take over").value == "b:27017 is RECOVERING, c:27017 is ROLLBACK"


async def test_not_configured() -> None:
    with pytest.raises(NotConfigured, match="MONGO_URL"):
        await ask(NO_MONGO)
