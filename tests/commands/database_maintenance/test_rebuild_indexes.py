from typing import Any

import pytest

from bot.clients.mongo_indexes import Indexes
from bot.errors import PermanentError, Refused, Unavailable, UsageError
from bot.plan import Plan, Step, kind_of
from commands.database_maintenance.rebuild_indexes import rebuild_indexes
from tests.commands.novapulse_data import Data

LOGS = "webhookId_1_createdAt_-1"


async def ask(data: Data, collection: str = "webhooklogs") -> Plan:
    plan = await rebuild_indexes.handler(collection, indexes=Indexes(data.mongo))
    assert isinstance(plan, Plan)
    return plan


async def perform(data: Data, step: Step) -> Any:
    method = getattr(Indexes(data.mongo), step.operation.removeprefix("indexes."))
    assert kind_of(method) == step.kind
    return await method(**step.arguments)


def make(data: Data, *indexes: dict[str, Any]) -> None:
    data.commands.indexes.make({"createIndexes": "webhooklogs", "indexes": list(indexes)})


def names(data: Data) -> list[str]:
    return [index["name"] for index in data.commands.indexes.of("webhooklogs")]


async def test_the_plan_puts_another_in_its_place_first(data: Data) -> None:
    plan = await ask(data)
    assert [step.title for step in plan.steps] == [
        f"Build {LOGS}_while_rebuilt to do its work meanwhile",
        f"Drop {LOGS}",
        f"Build {LOGS} anew",
        f"Drop {LOGS}_while_rebuilt",
        "See that the indexes are as they were",
    ]
    assert names(data) == ["_id_", LOGS]
    assert plan.facts == {
        "collection": "webhooklogs", "index _id_": "_id 1", f"index {LOGS}": "webhookId 1, createdAt -1"
    }  # fmt: skip


async def test_after_it_the_indexes_are_the_same_with_every_option(data: Data) -> None:
    make(
        data,
        {"key": {"event": 1}, "name": "unique", "unique": True, "collation": {"locale": "en", "strength": 2}},
        {
            "key": {"status": 1},
            "name": "partial",
            "partialFilterExpression": {"createdAt": {"$gt": data.now.replace(tzinfo=None)}},
        },
        {"key": {"createdAt": 1}, "name": "ttl", "expireAfterSeconds": 3600},
    )
    before = {index["name"]: index for index in data.commands.indexes.of("webhooklogs")}
    plan = await ask(data)
    for number, step in enumerate(plan.steps):
        seen = await perform(data, step)
        assert len(names(data)) >= 5, f"too few after step {number}"
        if step.kind == "do":
            assert seen["changed"] is True
            assert (await perform(data, step))["changed"] is False, "it is safe to repeat"
    assert seen.done
    assert {index["name"]: index for index in data.commands.indexes.of("webhooklogs")} == before
    assert any("no document expires" in warning for warning in plan.warnings)
    assert any("stays unique only on MongoDB 5.0" in warning for warning in plan.warnings)


async def test_a_unique_index_is_guarded_while_it_is_gone(data: Data) -> None:
    make(data, {"key": {"event": 1}, "name": "unique", "unique": True})
    plan = await ask(data)
    dropped = next(number for number, step in enumerate(plan.steps) if step.title == "Drop unique")
    for step in plan.steps[: dropped + 1]:
        await perform(data, step)
    guard = next(one for one in data.commands.indexes.of("webhooklogs") if one["name"] == "unique_unique_while_rebuilt")
    assert guard["unique"] is True
    assert guard["key"] == {"event": 1}
    assert guard["partialFilterExpression"] == {"_id": {"$exists": True}}


async def test_nothing_is_dropped_before_another_does_its_work(data: Data) -> None:
    plan = await ask(data)
    with pytest.raises(PermanentError, match=f"{LOGS}_while_rebuilt is not there"):
        await perform(data, plan.steps[1])
    assert LOGS in names(data)


async def test_an_index_that_is_another_now_is_left_alone(data: Data) -> None:
    plan = await ask(data)
    await perform(data, plan.steps[0])
    data.commands.indexes.drop({"dropIndexes": "webhooklogs", "index": LOGS})
    make(data, {"key": {"webhookId": 1}, "name": LOGS})
    with pytest.raises(PermanentError, match="another index now"):
        await perform(data, plan.steps[1])
    with pytest.raises(PermanentError, match="refuses to build the index: IndexKeySpecsConflict"):
        await perform(data, plan.steps[2])
    seen = await perform(data, plan.steps[-1])
    assert not seen.done
    assert seen.message == f"missing: {LOGS}; also there: {LOGS}_while_rebuilt, {LOGS}"


async def test_what_can_have_nothing_in_its_place_is_left_alone(data: Data) -> None:
    make(data, {"key": {"_fts": "text", "_ftsx": 1}, "name": "words"}, {"key": {"a": 1, "_id": 1}, "name": "with id"})
    plan = await ask(data)
    assert len(plan.changes) == 1
    assert "words is left alone: a second index of its kind cannot stand beside it." in plan.warnings
    assert any("with id is left alone" in warning for warning in plan.warnings)


async def test_only_the_index_on_id(data: Data) -> None:
    with pytest.raises(Refused, match="no index that can be built anew"):
        await ask(data, "webhooks")


async def test_what_an_earlier_run_left_is_cleared(data: Data) -> None:
    await perform(data, (await ask(data)).steps[0])
    plan = await ask(data)
    assert plan.steps[0].title == f"Drop {LOGS}_while_rebuilt"
    for step in plan.steps:
        await perform(data, step)
    assert names(data) == ["_id_", LOGS]


async def test_what_stands_in_for_nothing_is_a_persons_to_judge(data: Data) -> None:
    first = await ask(data)
    for step in first.steps[:2]:
        await perform(data, step)
    with pytest.raises(Refused, match="an earlier rebuild did not end"):
        await ask(data)


async def test_a_change_meanwhile_moves_the_plan(data: Data) -> None:
    before = await ask(data)
    make(data, {"key": {"event": 1}, "name": "new"})
    assert (await ask(data)).digest("", {}) != before.digest("", {})


async def test_a_member_that_takes_no_writes_refuses(data: Data) -> None:
    plan = await ask(data)
    data.commands.replica_set.step_down({"replSetStepDown": 60})
    with pytest.raises(Unavailable, match="not primary"):
        await perform(data, plan.steps[0])


async def test_a_collection_that_is_not_there(data: Data) -> None:
    with pytest.raises(UsageError, match="There is no such collection"):
        await ask(data, "nonsense")
