"""What changes the same of a queue shares a lock with it, and nothing else does: walked over every queue command."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import combinations_with_replacement
from typing import Any, Final

import pytest
from pydantic import SecretStr
from redis.asyncio import Redis

from bot.archived import ArchivedQueue, Batch
from bot.catalog import Catalog
from bot.clients.cluster import Cluster
from bot.clients.queue_changes import QueueChanges
from bot.clients.queues import Queues
from bot.plan import Plan
from bot.request import Actor, Request
from bot.settings import RedisSettings
from bot.stores.archive import Archive
from bot.stores.database import Database
from bot.stores.plans import Plans, StoredPlan
from bot.stores.runs import Runs, StoredRun, StoredStep
from bot.stores.samples import Samples

NOW = datetime(2026, 7, 1, 9, tzinfo=UTC)
Ask = Callable[..., Awaitable[Plan]]


@dataclass(frozen=True)
class Case:
    """A command about one queue, what it changes of the queue, and whether the queue is paused before."""

    command: str
    changes: str
    paused: bool = False
    named: str = "queue"
    more: tuple[tuple[str, Any], ...] = ()


CASES: Final = {
    "pause": Case("/pause-queue", "whether it is paused"),
    "resume": Case("/resume-queue", "whether it is paused", paused=True),
    "drain": Case("/drain-queues", "whether it is paused"),
    "drain and scale": Case("/drain-queues", "whether it is paused", named="", more=(("how", "scale"),)),
    "promote": Case("/promote-delayed", "delayed jobs"),
    "retry": Case("/retry-failed", "failed jobs"),
    "clear": Case("/clear-failed", "failed jobs"),
    "clear for good": Case("/clear-failed", "failed jobs", more=(("no_archive", True),)),
    "restore": Case("/clear-failed", "failed jobs", named="restore"),
}


@pytest.fixture
async def ask(
    raw: Redis,
    catalog: Catalog,
    queues: Queues,
    redis_settings: RedisSettings,
    cluster: Cluster,
    database: Database,
    samples: Samples,
    operator: Actor,
) -> AsyncIterator[Ask]:
    archive = Archive(database, SecretStr("a-key"))
    changes = QueueChanges(redis_settings, queues, archive)
    needed = {"queues": queues, "changes": changes, "archive": archive, "cluster": cluster, "samples": samples}
    needed |= {"plans": Plans(database), "runs": Runs(database), "now": NOW}
    for short in queues.shorts:
        await raw.zadd(f"bull:nova-{short}:failed", {"1": 1})
        await raw.zadd(f"bull:nova-{short}:delayed", {"2": 1})
        await archive.open(ArchivedQueue(short, short, f"bull:nova-{short}", "bullmq5", NOW, 0))
        await archive.keep(short, short, Batch(1, b"[]", b""))

    async def asked(name: str, queue: str) -> Plan:
        case = CASES[name]
        command = catalog.commands[case.command]
        arguments = dict(case.more) | ({case.named: queue} if case.named else {})
        for short in queues.shorts:
            await raw.hdel(f"bull:nova-{short}:meta", "paused")
        if case.paused:
            await raw.hset(f"bull:nova-{queue}:meta", "paused", "1")
        needed["request"] = Request(id=f"{name} {queue}", actor=operator, command=case.command, received_at=NOW)
        plan = await command.handler(**arguments, **{name: needed[name] for name in command.dependencies})
        assert isinstance(plan, Plan)
        return plan

    yield asked
    await changes.close()


def test_every_queue_command_is_walked_over(catalog: Catalog) -> None:
    about_queues = {
        name
        for name, command in catalog.commands.items()
        if command.changes and command.change_permission.partition(":")[0] in ("queues", "failed-jobs")
    }
    assert about_queues == {case.command for case in CASES.values()}


async def test_what_changes_the_same_of_a_queue_shares_a_lock_and_nothing_else_does(ask: Ask) -> None:
    email = {name: set((await ask(name, "email")).targets) for name in CASES}
    report = {name: set((await ask(name, "report")).targets) for name in CASES}
    for one, other in combinations_with_replacement(CASES, 2):
        is_same = CASES[one].changes == CASES[other].changes
        assert bool(email[one] & email[other]) is is_same, f"{one} and {other} of one queue"
        is_of_all = not (CASES[one].named and CASES[other].named)
        assert bool(email[one] & report[other]) is (is_same and is_of_all), f"{one} and {other} of two queues"


@pytest.mark.parametrize("drain", ["drain", "drain and scale"])
async def test_what_aborts_a_drain_waits_for_no_lock_of_it(
    ask: Ask, database: Database, stored_plan: StoredPlan, drain: str
) -> None:
    draining = await ask(drain, "email")
    (step,) = draining.steps
    async with database.transaction() as connection:
        await Plans(database).add(connection, replace(stored_plan, plan=draining, status="started"))
        begun = StoredStep(0, step.title, "running", "", 1, NOW, None)
        run = StoredRun(stored_plan.id, draining.target, "running", "", "one", NOW, None, None, (begun,))
        await Runs(database).add(connection, run)
    assert set((await ask("pause", "email")).targets) & set(draining.targets)
    aborting = await ask("resume", "email")
    assert aborting.title.startswith("Abort the drain of email")
    assert [step.operation for step in aborting.steps] == ["drains.abort"]
    assert not set(aborting.targets) & set(draining.targets)
    # What a drain has paused it resumes itself; what somebody else has, nobody may while it holds the lock.
    assert aborting.warnings == (
        () if drain == "drain" else ("email: paused, and stays so. /resume-queue email once the drain has ended.",)
    )
