"""What has to hold on PostgreSQL as well: several replicas share that."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.dispatch.world import AMIR, OLGA, SANA, World, buttons_of, opened


@pytest.fixture
async def running(postgres_url: str, tmp_path: Path) -> AsyncIterator[World]:
    async with opened(World(tmp_path, url=postgres_url, name=tmp_path.name)) as made:
        yield made


async def test_a_second_delivery_is_seen_as_one(running: World) -> None:
    request = running.request("/read")
    assert await running.requests.open(request, holder="one")
    assert not await running.requests.open(request, holder="two")


async def test_a_request_has_one_plan_and_a_person_one_vote(running: World) -> None:
    stored = await running.propose("/scale 5")
    async with running.database.transaction() as connection:
        assert not await running.plans.add(connection, replace(stored, id="another"))
    await running.click("cancel", stored.id, OLGA)


async def test_races_are_decided_by_the_database(running: World) -> None:
    for number in range(5):
        stored = await running.propose(f"/scale {number}")
        clicks = [running.click("deny", stored.id, actor, "no") for actor in (AMIR, SANA)]
        await asyncio.gather(*clicks, running.click("cancel", stored.id, OLGA))
        assert len(await running.plans.votes(stored.id)) == 1


async def test_a_plan_runs_to_its_end(running: World) -> None:
    stored = await running.propose("/scale 5")
    await running.click("approve", stored.id, AMIR)
    assert (await running.ended(stored.id)).status == "succeeded"
    assert buttons_of(await running.card(stored.id)) == ["undo"]
    assert await running.locks.held() == []
    await running.engine.start(stored.id)
    assert running.cluster.calls == ["scale", "restart"]
