"""What has to hold on PostgreSQL as well, where there is one on this machine: several replicas share that."""

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.dispatch.world import AMIR, OLGA, SANA, World, buttons_of, opened
from tests.servers import free_port


def programs() -> Path | None:
    """Where PostgreSQL's programs are; Debian keeps them out of the PATH."""
    found = [Path(path) for path in [shutil.which("initdb")] if path]
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


PROGRAMS = programs()
pytestmark = pytest.mark.skipif(PROGRAMS is None, reason="there is no PostgreSQL on this machine")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Run a PostgreSQL of its own, as an ordinary user because it refuses to be root, and give its URL."""
    with tempfile.TemporaryDirectory(prefix="postgres-") as directory:
        yield from _running(Path(directory))


def _running(directory: Path) -> Iterator[str]:
    assert PROGRAMS is not None
    user: list[str] = []
    if os.getuid() == 0:
        user = [str(shutil.which("runuser")), "-u", "nobody", "--"]
        shutil.chown(directory, "nobody")
    data, port = directory / "data", free_port()
    made = [*user, str(PROGRAMS / "initdb"), "-D", str(data), "-A", "trust", "-U", "bot", "--no-sync"]
    subprocess.run(made, check=True, capture_output=True)
    options = f"-p {port} -k {directory} -c listen_addresses=127.0.0.1 -c fsync=off"
    control = [*user, str(PROGRAMS / "pg_ctl"), "-D", str(data), "-l", str(directory / "log"), "-w"]
    subprocess.run([*control, "-o", options, "start"], check=True, stdout=subprocess.DEVNULL)
    try:
        yield f"postgresql://bot@127.0.0.1:{port}/postgres"
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], check=True, stdout=subprocess.DEVNULL)


@pytest.fixture
async def running(server: str, tmp_path: Path) -> AsyncIterator[World]:
    async with opened(World(tmp_path, url=server, name=tmp_path.name)) as made:
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
