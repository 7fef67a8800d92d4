from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from bot.clients.mongo_replica_set import ReplicaSet
from bot.errors import PermanentError, Refused, Unavailable
from bot.plan import Plan, kind_of
from commands.database_outage.step_down_primary import step_down_primary
from tests.clients.pretend_mongo import PretendMongo, pretend_mongo
from tests.clients.test_mongo import mongo_at
from tests.commands.novapulse_data import Data

SECONDARY = "novapulse-mongo-1:27017"


async def ask(replica_set: ReplicaSet) -> Plan:
    plan = await step_down_primary.handler(replica_set=replica_set)
    assert isinstance(plan, Plan)
    return plan


async def perform(replica_set: ReplicaSet, plan: Plan, number: int) -> Any:
    step = plan.steps[number]
    method = getattr(replica_set, step.operation.removeprefix("replica_set."))
    assert kind_of(method) == step.kind
    return await method(**step.arguments)


@pytest.fixture
def replica_set(data: Data) -> ReplicaSet:
    return ReplicaSet(data.mongo)


async def test_planning_changes_nothing(data: Data, replica_set: ReplicaSet) -> None:
    plan = await ask(replica_set)
    primary = data.commands.replica_set.address
    assert plan.title == f"Let {primary} step down as primary of rs0"
    assert plan.facts == {
        "set": "rs0",
        "primary": primary,
        "successors": "novapulse-mongo-1:27017, novapulse-mongo-2:27017",
        "term": 3,
    }
    assert plan.no_undo
    assert data.commands.replica_set.is_primary


async def test_it_steps_down_once_and_another_is_primary(data: Data, replica_set: ReplicaSet) -> None:
    plan = await ask(replica_set)
    assert (await perform(replica_set, plan, 1)).message == "no new primary yet"
    assert (await perform(replica_set, plan, 0))["changed"] is True
    seen = await perform(replica_set, plan, 1)
    assert (seen.done, seen.message) == (True, f"{SECONDARY} is primary (term 4)")
    assert (await perform(replica_set, plan, 0))["changed"] is False
    data.pass_by(61)
    assert (await perform(replica_set, plan, 1)).failed


async def test_an_election_meanwhile_moves_the_plan(data: Data, replica_set: ReplicaSet) -> None:
    plan = await ask(replica_set)
    await perform(replica_set, plan, 0)
    data.pass_by(61)
    assert (await ask(replica_set)).digest("", {}) != plan.digest("", {})


async def test_nobody_who_has_caught_up(data: Data, replica_set: ReplicaSet) -> None:
    plan = await ask(replica_set)
    data.commands.replica_set.lag = 11.0
    with pytest.raises(Refused, match="No secondary is up, electable and within 10 s"):
        await ask(replica_set)
    with pytest.raises(PermanentError, match="no secondary caught up in time"):
        await perform(replica_set, plan, 0)


async def test_who_is_delayed_on_purpose_is_nobodys_successor(data: Data, replica_set: ReplicaSet) -> None:
    data.commands.replica_set.delays["novapulse-mongo-2:27017"] = 5
    assert (await ask(replica_set)).facts["successors"] == SECONDARY
    data.commands.replica_set.delays[SECONDARY] = 5
    with pytest.raises(Refused, match="No secondary is up, electable and within 10 s"):
        await ask(replica_set)


@pytest.mark.parametrize("name", ["secondaryDelaySecs", "slaveDelay"])
async def test_a_delay_counts_under_either_name_and_with_any_priority(server: PretendMongo, name: str) -> None:
    members = [member("a", "PRIMARY"), member("b", "SECONDARY")]
    written = datetime(2026, 7, 1, tzinfo=UTC)
    status = {"ok": 1.0, "set": "rs0", "term": 4, "members": [one | {"optimeDate": written} for one in members]}
    config = {"members": [{"host": "a", "priority": 1}, {"host": "b", "priority": 1, name: 3600}]}
    server.answers |= {"replSetGetStatus": status, "replSetGetConfig": {"ok": 1.0, "config": config}}
    mongo = mongo_at(server.url)
    state = await ReplicaSet(mongo).state()
    await mongo.close()
    assert state is not None
    assert [one.delay_seconds for one in state.members] == [0, 3600]
    assert state.successors == []


@pytest.fixture
async def server() -> AsyncIterator[PretendMongo]:
    async with pretend_mongo() as running:
        yield running


def member(name: str, state: str, *, up: bool = True) -> dict[str, Any]:
    return {"name": name, "stateStr": state, "health": 1.0 if up else 0.0}


@pytest.mark.parametrize(
    ("members", "hint"),
    [
        ([member("a", "DOWN", up=False), member("b", "SECONDARY"), member("c", "SECONDARY")], "elects one by itself"),
        ([member("a", "DOWN", up=False), member("b", "DOWN", up=False), member("c", "SECONDARY")], "2 are needed"),
    ],
)
async def test_without_a_primary_it_says_what_to_do_instead(
    server: PretendMongo, members: list[dict[str, Any]], hint: str
) -> None:
    server.answers["replSetGetStatus"] = {"ok": 1.0, "set": "rs0", "term": 4, "members": members}
    server.answers["replSetGetConfig"] = {"ok": 1.0, "config": {"members": []}}
    mongo = mongo_at(server.url)
    with pytest.raises(Refused, match="no living primary") as refused:
        await ask(ReplicaSet(mongo))
    await mongo.close()
    assert hint in refused.value.hint


async def test_a_server_alone_cannot_hand_over(server: PretendMongo) -> None:
    mongo = mongo_at(server.url)
    with pytest.raises(Refused, match="no replica set"):
        await ask(ReplicaSet(mongo))
    await mongo.close()


async def test_mongo_is_down(data: Data, replica_set: ReplicaSet) -> None:
    await data.mongo.ping()
    await data.mongo_server.down(on=True)
    with pytest.raises(Unavailable):
        await ask(replica_set)
