"""Failed jobs cleared, retried and brought back, while Node's workers of both versions go on with the same queues."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import JsonValue, SecretStr
from redis.asyncio import Redis

from bot.archived import Batch
from bot.clients.bullmq_failed import BullmqFailed
from bot.clients.bullmq_scripts import Scripts
from bot.clients.failed_jobs import FailedJobs
from bot.clients.failed_selection import ClusterNames
from bot.clients.queue_changes import QueueChanges
from bot.clients.queue_pause import QueuePause
from bot.clients.queues import Queues
from bot.errors import PermanentError, TemporaryError
from bot.settings import RedisSettings
from bot.stores.archive import Archive
from bot.stores.database import Database
from sandbox.tcp_gate import TcpGate
from tests.own_database import with_tables
from tests.servers import NodeQueues, node_queues

EMAIL = "nova-email"
KEY = "bull:nova-email"
FAILED = f"{KEY}:failed"
LATER = 4_000_000_000_000.0
AT = datetime(2026, 1, 2, tzinfo=UTC).timestamp() * 1000
# What a queue keeps once it was used; a worker adds the last two for as long as it lives.
LASTING = {f"{KEY}:{name}" for name in ("meta", "id", "events", "pc", "stalled-check", "marker")}


Clearing = Callable[[QueueChanges], Awaitable[str]]


class Broken(Exception):
    """The process ended here."""


class BreakingArchive(Archive):
    """An archive during whose call of a name the process ends, once."""

    breaks_at = ""

    async def keep(self, archive: str, queue: str, batch: Batch) -> Batch:
        kept = await super().keep(archive, queue, batch)
        self._breaks("keep")
        return kept

    async def removed(self, archive: str, queue: str, number: int) -> None:
        self._breaks("removed")
        await super().removed(archive, queue, number)

    async def restored(self, archive: str, queue: str, number: int) -> None:
        self._breaks("restored")
        await super().restored(archive, queue, number)

    def _breaks(self, name: str) -> None:
        if self.breaks_at == name:
            self.breaks_at = ""
            raise Broken


@pytest.fixture
async def archive(tmp_path: Path) -> AsyncIterator[BreakingArchive]:
    database = Database(f"sqlite:///{tmp_path / 'state.db'}")
    await with_tables(database)
    yield BreakingArchive(database, SecretStr("a-key"))
    await database.close()


@pytest.fixture
def settings(redis_url: str) -> RedisSettings:
    return RedisSettings(redis_url=SecretStr(redis_url), queues={"email": EMAIL})


@pytest.fixture
async def queues(settings: RedisSettings) -> AsyncIterator[Queues]:
    client = Queues(settings)
    yield client
    await client.close()


@pytest.fixture
async def changes(settings: RedisSettings, queues: Queues, archive: Archive) -> AsyncIterator[QueueChanges]:
    client = QueueChanges(settings, queues, archive)
    yield client
    await client.close()


@pytest.fixture
async def pause(settings: RedisSettings, queues: Queues) -> AsyncIterator[QueuePause]:
    client = QueuePause(settings, queues)
    yield client
    await client.close()


@pytest.fixture(params=["bullmq", "bullmq6"])
async def either(redis_url: str, request: pytest.FixtureRequest) -> AsyncIterator[NodeQueues]:
    """Node with version 5 and with version 6."""
    async with node_queues(redis_url, request.param) as running:
        yield running


async def quiet(message: str) -> None:
    """Take a line for the card."""
    del message


def until(moment: float = LATER, cluster: str = "", job: str = "") -> dict[str, JsonValue]:
    return {"until": moment, "cluster": cluster, "job": job}


async def clear(changes: QueueChanges, selection: dict[str, JsonValue] | None = None) -> str:
    return await changes.clear("email", selection or until(), "a1", AT, progress=quiet)


async def drop(changes: QueueChanges, moment: float = LATER) -> str:
    return await changes.drop("email", moment, progress=quiet)


async def retry(changes: QueueChanges, selection: dict[str, JsonValue] | None = None, **more: Any) -> str:
    return await changes.retry("email", selection or until(), more.get("wave", 200), 0, progress=quiet)


async def restore(changes: QueueChanges) -> str:
    return await changes.restore("email", "a1", progress=quiet)


async def failed(node: NodeQueues, jobs: list[dict[str, Any]], reason: str = "it broke") -> None:
    await node.ask("add", EMAIL, job="sendEmail", data={"to": "somebody"}, jobs=jobs)
    await node.ask("fail", EMAIL, reasons=[reason] * len(jobs))


async def write(raw: Redis, jobs: int) -> None:
    """Write failed jobs by hand, where many are needed."""
    await raw.hset(f"{KEY}:meta", "version", "bullmq:5.65.1")
    async with raw.pipeline(transaction=False) as pipeline:
        for number in range(jobs):
            pipeline.zadd(FAILED, {str(number): 1_700_000_000_000 + number})
            pipeline.hset(f"{KEY}:{number}", mapping={"name": "job", "data": "{}", "failedReason": "it broke"})
        await pipeline.execute()


async def everything(raw: Redis) -> dict[str, Any]:
    keys = sorted(str(key) for key in await raw.keys("*"))
    return {key: await content(raw, key) for key in keys if key not in LASTING}


async def content(raw: Redis, key: str) -> Any:
    kind = await raw.type(key)
    if kind == "hash":
        return await raw.hgetall(key)
    if kind == "list":
        return await raw.lrange(key, 0, -1)
    return await raw.zrange(key, 0, -1, withscores=True) if kind == "zset" else await raw.get(key)


# Retrying


async def test_workers_do_retried_jobs_by_their_priorities(
    either: NodeQueues, changes: QueueChanges, raw: Redis
) -> None:
    await failed(either, [{}, {"priority": 5}, {"priority": 1}, {}, {"lifo": True}])
    assert await raw.zcard(FAILED) == 5
    # The one that goes before all others failed last, so that its turn is not that of its time.
    await raw.zadd(FAILED, {"5": LATER - 1})
    ids = {json.loads(await raw.hget(f"{KEY}:{n}", "opts") or "{}").get("priority", 0): str(n) for n in range(1, 6)}
    assert await retry(changes) == "5 jobs wait again"
    assert await raw.zcard(FAILED) == 0
    done = (await either.ask("work", EMAIL, jobs=5))["done"]
    # First in comes first out, and a job that was to be done before all others is; then the small numbers first.
    assert done == ["5", "1", "4", ids[1], ids[5]]
    assert await raw.zcard(f"{KEY}:completed") == 5
    assert [key async for key in raw.scan_iter("*:bot*")] == []


async def test_jobs_retried_while_the_queue_is_paused_are_done_when_it_is_resumed(
    either: NodeQueues, changes: QueueChanges, raw: Redis
) -> None:
    await failed(either, [{}, {"priority": 2}, {}])
    await either.ask("add", EMAIL, jobs=[{}])
    await either.ask("pause", EMAIL)
    await retry(changes)
    await either.ask("resume", EMAIL)
    assert sorted((await either.ask("work", EMAIL, jobs=4))["done"]) == ["1", "2", "3", "4"]
    assert await raw.zcard(FAILED) == 0


async def test_only_what_failed_until_then_is_retried(either: NodeQueues, changes: QueueChanges, raw: Redis) -> None:
    await failed(either, [{}])
    first = float(await raw.zscore(FAILED, "1") or 0)
    await raw.zadd(FAILED, {"1": first - 10_000})
    await failed(either, [{}])
    assert await retry(changes, until(first - 5_000)) == "1 job waits again"
    assert await raw.zrange(FAILED, 0, -1) == ["2"]


async def test_waves_are_of_the_wanted_size(changes: QueueChanges, raw: Redis) -> None:
    await write(raw, 25)
    assert await retry(changes, wave=10) == "25 jobs wait again"
    assert await raw.lrange(f"{KEY}:wait", 0, -1) == [str(number) for number in reversed(range(25))]


async def test_a_job_without_its_data_stays_failed(changes: QueueChanges, raw: Redis) -> None:
    await write(raw, 3)
    await raw.delete(f"{KEY}:1")
    assert await retry(changes) == "2 jobs wait again"
    assert await raw.zrange(FAILED, 0, -1) == ["1"]


async def test_jobs_without_data_keep_no_other_of_the_same_moment_from_being_retried(
    changes: QueueChanges, raw: Redis
) -> None:
    await write(raw, 600)
    await raw.zadd(FAILED, {str(number): 5 for number in range(600)})
    await raw.delete(*(f"{KEY}:{number}" for number in range(0, 600, 7)))
    assert await retry(changes) == "514 jobs wait again"
    assert await raw.zcard(FAILED) == 86


# Clearing


@pytest.mark.parametrize(
    ("clearing", "words"),
    [(clear, "3 jobs removed, kept for 7 days as archive a1"), (drop, "3 jobs removed, none of them kept")],
)
async def test_nothing_of_a_cleared_job_stays_behind(
    either: NodeQueues, changes: QueueChanges, raw: Redis, clearing: Clearing, words: str
) -> None:
    await either.ask("add", EMAIL, jobs=[{}])
    before = await everything(raw)
    await either.ask("take", EMAIL, end="completed")
    await failed(either, [{"deduplication": {"id": "once", "ttl": 600_000}}, {"priority": 3}, {}])
    await either.ask("log", EMAIL, id="2", line="a line")
    assert await raw.exists(f"{KEY}:2:logs", f"{KEY}:de:once") == 2
    await raw.delete(f"{KEY}:completed", f"{KEY}:1")
    assert await clearing(changes) == words
    await either.ask("add", EMAIL, jobs=[{}])
    left = set(await everything(raw))
    assert left == {f"{KEY}:wait", f"{KEY}:5"}
    assert set(before) == {f"{KEY}:wait", f"{KEY}:1"}
    assert (await either.ask("work", EMAIL, jobs=1))["done"] == ["5"]


async def test_workers_go_on_while_a_paused_queue_is_cleared(
    either: NodeQueues, changes: QueueChanges, raw: Redis
) -> None:
    await failed(either, [{}, {}])
    await either.ask("add", EMAIL, jobs=[{}, {"priority": 1}])
    await either.ask("pause", EMAIL)
    await clear(changes)
    await either.ask("resume", EMAIL)
    assert (await either.ask("work", EMAIL, jobs=2))["done"] == ["3", "4"]
    assert await raw.zcard(FAILED) == 0


async def test_a_worker_that_stays_goes_on_through_all_that_the_bot_does(
    either: NodeQueues, changes: QueueChanges, pause: QueuePause
) -> None:
    """It is idle, blocked in its wait for the next job, whenever the bot changes its queue."""
    await either.ask("stay", EMAIL, failing=True)
    await either.ask("add", EMAIL, jobs=[{}, {}, {"priority": 2}])
    assert sorted((await either.ask("ended", EMAIL, end="failed", jobs=3))["ids"]) == ["1", "2", "3"]
    await either.ask("stay", EMAIL, failing=False)
    assert await retry(changes) == "3 jobs wait again"
    assert sorted((await either.ask("ended", EMAIL, end="completed", jobs=3))["ids"]) == ["1", "2", "3"]
    await either.ask("stay", EMAIL, failing=True)
    await either.ask("add", EMAIL, jobs=[{}, {}])
    await either.ask("ended", EMAIL, end="failed", jobs=5)
    await either.ask("stay", EMAIL, failing=False)
    assert (await clear(changes)).startswith("2 jobs removed")
    await pause.pause("email")
    await either.ask("add", EMAIL, jobs=[{}])
    await pause.resume("email")
    assert (await either.ask("ended", EMAIL, end="completed", jobs=4))["ids"][-1] == "6"
    assert await restore(changes) == "2 jobs are back"
    assert await retry(changes) == "2 jobs wait again"
    assert sorted((await either.ask("ended", EMAIL, end="completed", jobs=6))["ids"][4:]) == ["4", "5"]


async def test_what_failed_later_is_not_touched(changes: QueueChanges, raw: Redis) -> None:
    await write(raw, 10)
    assert (await clear(changes, until(1_700_000_000_003))).startswith("4 jobs removed")
    assert await raw.zrange(FAILED, 0, -1) == [str(number) for number in range(4, 10)]
    assert len(await raw.keys(f"{KEY}:[0-9]*")) == 6
    assert await drop(changes, 1_700_000_000_005) == "2 jobs removed, none of them kept"
    assert await raw.zrange(FAILED, 0, -1) == ["6", "7", "8", "9"]


async def test_what_failed_again_between_the_look_and_the_copy_is_not_copied(raw: Redis) -> None:
    await write(raw, 3)
    before = await everything(raw)
    failed_jobs = BullmqFailed(raw, await Scripts.load(raw), KEY, "bullmq:5.65.1")
    packed = await failed_jobs.pack(1_700_000_000_001, [b"0", b"1", b"2"])
    assert (packed.looked, packed.left, packed.batch.jobs) == (3, 0, 2)
    assert [job for job, _ in json.loads(packed.batch.index)] == ["0", "1"]
    assert await failed_jobs.remove(packed.batch) == 2
    assert await everything(raw) == {FAILED: before[FAILED][2:], f"{KEY}:2": before[f"{KEY}:2"]}


async def test_a_job_that_another_waits_for_is_left(either: NodeQueues, changes: QueueChanges, raw: Redis) -> None:
    child = {"name": "child", "queueName": EMAIL, "data": {}}
    await either.ask("flow", EMAIL, flow={"name": "parent", "queueName": EMAIL, "data": {}, "children": [child]})
    await either.ask("fail", EMAIL, reasons=["it broke"])
    await failed(either, [{}])
    assert await clear(changes) == (
        "1 job removed, kept for 7 days as archive a1; 1 job left because another waits for it"
    )
    assert await raw.zcard(FAILED) == 1
    assert await raw.zcard(f"{KEY}:waiting-children") == 1
    await failed(either, [{}, {}])
    assert await drop(changes) == "2 jobs removed, none of them kept; 1 job left because another waits for it"
    assert await raw.zcard(FAILED) == 1
    assert await raw.zcard(f"{KEY}:waiting-children") == 1
    assert [key async for key in raw.scan_iter("*:bot*")] == []


async def test_jobs_of_one_moment_that_others_wait_for_are_counted_once(changes: QueueChanges, raw: Redis) -> None:
    await write(raw, 600)
    await raw.zadd(FAILED, {str(number): 5 for number in range(100, 600)})
    for number in range(0, 600, 2):
        await raw.hset(f"{KEY}:{number}", "parentKey", f"{KEY}:other")
        await raw.sadd(f"{KEY}:other:dependencies", f"{KEY}:{number}")
    assert (await drop(changes)).startswith("300 jobs removed, none of them kept; 300 jobs left because others wait")
    assert await clear(changes) == (
        "0 jobs removed, kept for 7 days as archive a1; 300 jobs left because others wait for them"
    )
    assert await raw.zcard(FAILED) == 300
    await raw.delete(f"{KEY}:other:dependencies")
    assert (await clear(changes)).startswith("300 jobs removed, kept for 7 days as archive a1")


async def test_a_redis_user_who_may_not_sort_drops_the_same_in_the_long_way(
    redis_url: str, queues: Queues, archive: Archive, raw: Redis
) -> None:
    await write(raw, 600)
    await raw.acl_setuser("ops", enabled=True, passwords=["+pw"], keys=["*"], commands=["+@all", "-sort"])
    url = SecretStr(redis_url.replace("redis://", "redis://ops:pw@"))
    changes = QueueChanges(RedisSettings(redis_url=url, queues={"email": EMAIL}), queues, archive)
    assert await drop(changes, 1_700_000_000_500) == "501 jobs removed, none of them kept"
    await changes.close()
    assert await raw.zcard(FAILED) == 99
    assert len(await raw.keys(f"{KEY}:[0-9]*")) == 99


async def test_a_score_below_zero_which_the_library_passes_over_stays(changes: QueueChanges, raw: Redis) -> None:
    await write(raw, 10)
    await raw.zadd(FAILED, {"3": -5, "4": -5})
    assert await drop(changes, 0) == "0 jobs removed, none of them kept"
    assert await drop(changes) == "8 jobs removed, none of them kept"
    assert await raw.zrange(FAILED, 0, -1) == ["3", "4"]


async def test_a_queue_with_a_star_in_its_name_does_not_lend_the_parents_of_others(
    redis_url: str, archive: Archive, raw: Redis
) -> None:
    key = "bull:nova*"
    await raw.hset(f"{key}:meta", "version", "bullmq:5.65.1")
    await raw.hset(f"{key}:1", mapping={"name": "child", "parentKey": f"{key}:2"})
    await raw.sadd(f"{key}:2:dependencies", f"{key}:1")
    await raw.zadd(f"{key}:failed", {"1": 5})
    settings = RedisSettings(redis_url=SecretStr(redis_url), queues={"email": "nova*"})
    own = Queues(settings)
    changes = QueueChanges(settings, own, archive)
    assert await drop(changes) == "0 jobs removed, none of them kept; 1 job left because another waits for it"
    await changes.close()
    await own.close()


async def test_a_failed_flow_is_cleared_with_its_children_and_comes_back(
    either: NodeQueues, changes: QueueChanges, raw: Redis
) -> None:
    child = {"name": "child", "queueName": EMAIL, "data": {}, "opts": {"failParentOnFailure": True}}
    await either.ask("flow", EMAIL, flow={"name": "parent", "queueName": EMAIL, "data": {}, "children": [child] * 2})
    await either.ask("fail", EMAIL, reasons=["it broke"] * 3)
    before = await everything(raw)
    assert await raw.zcard(FAILED) == 3
    assert await clear(changes) == "3 jobs removed, kept for 7 days as archive a1"
    assert await everything(raw) == {}
    assert await restore(changes) == "3 jobs are back"
    assert await everything(raw) == before


async def test_only_the_cluster_and_the_name_that_are_meant(
    changes: QueueChanges, queues: Queues, node: NodeQueues, raw: Redis
) -> None:
    for job, reason in (("a", "timeout after 5 ms"), ("b", "timeout after 7 ms"), ("a", "no such mailbox")):
        await node.ask("add", EMAIL, job=job, jobs=[{}, {}])
        await node.ask("fail", EMAIL, reasons=[reason] * 2)
    seen = (await queues.failed_jobs(["email"]))["email"]
    assert isinstance(seen, FailedJobs)
    (cluster,) = {ClusterNames().of(job.reason) for job in seen.jobs if "timeout" in job.reason}
    assert (await clear(changes, until(cluster=cluster, job="a"))).startswith("2 jobs removed")
    assert await raw.zrange(FAILED, 0, -1) == ["3", "4", "5", "6"]
    assert await retry(changes, until(cluster=cluster)) == "2 jobs wait again"
    assert await raw.zrange(FAILED, 0, -1) == ["5", "6"]
    assert (await clear(changes, until(job="b"))).startswith("2 jobs removed")  # those of the archive so far
    assert await raw.zrange(FAILED, 0, -1) == ["5", "6"]


async def test_a_cluster_and_a_name_are_found_wherever_they_are(changes: QueueChanges, raw: Redis) -> None:
    await write(raw, 11_000)
    await raw.hset(f"{KEY}:10999", mapping={"name": "rare", "failedReason": "broke after 5 ms"})
    chosen = until(cluster=ClusterNames().of("broke after 9 ms"))
    assert (await clear(changes, chosen)).startswith("1 job removed")
    assert await raw.exists(f"{KEY}:10999") == 0
    await raw.hset(f"{KEY}:10998", "name", "rare")
    assert await retry(changes, until(job="rare")) == "1 job waits again"
    assert await raw.lrange(f"{KEY}:wait", 0, -1) == ["10998"]
    assert await raw.zcard(FAILED) == 10_998


@pytest.mark.parametrize("version", ["bullmq:7.0.0", "bullmq:4.12.0", "bullmq-pro:5.1", "", "other"])
async def test_an_unknown_version_is_only_read(changes: QueueChanges, raw: Redis, version: str) -> None:
    await write(raw, 2)
    await raw.hset(f"{KEY}:meta", "version", version)
    before = await everything(raw)
    for doing in (clear(changes), retry(changes)):
        with pytest.raises(PermanentError, match="only read"):
            await doing
    assert await everything(raw) == before


async def test_a_queue_that_is_not_there_is_not_cleared(changes: QueueChanges) -> None:
    with pytest.raises(PermanentError, match="no such keys in Redis"):
        await clear(changes)


# Breaking off and bringing back


@pytest.mark.parametrize("point", ["keep", "removed"])
async def test_a_clean_up_that_broke_off_goes_on(
    changes: QueueChanges, archive: BreakingArchive, raw: Redis, point: str
) -> None:
    await write(raw, 700)
    before = await everything(raw)
    archive.breaks_at = point
    with pytest.raises(Broken):
        await clear(changes)
    assert await raw.zcard(FAILED) == (700 if point == "keep" else 450)
    assert (await clear(changes)).startswith("700 jobs removed")
    assert await everything(raw) == {}
    assert await restore(changes) == "700 jobs are back"
    assert await everything(raw) == before
    assert await archive.find("a1") != []
    assert await restore(changes) == "0 jobs are back"


async def test_a_cancelled_clean_up_goes_on(changes: QueueChanges, raw: Redis) -> None:
    await write(raw, 600)
    before = await everything(raw)
    told = asyncio.Event()

    async def tell(message: str) -> None:
        assert message == "250 jobs removed"
        told.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(changes.clear("email", until(), "a1", AT, progress=tell))
    await told.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await raw.zcard(FAILED) == 350
    assert (await clear(changes)).startswith("600 jobs removed")
    assert await restore(changes) == "600 jobs are back"
    assert await everything(raw) == before


async def test_a_slow_redis_stops_it_and_it_goes_on_later(
    settings: RedisSettings, queues: Queues, archive: Archive, raw: Redis, redis_url: str
) -> None:
    await write(raw, 600)
    gate = TcpGate(int(redis_url.rpartition(":")[2].partition("/")[0]))
    await gate.open()
    slow = settings.model_copy(update={"redis_url": SecretStr(f"redis://127.0.0.1:{gate.port}/0")})
    changes = QueueChanges(slow, queues, archive, patience=0.2)

    async def slower(message: str) -> None:
        assert message == "250 jobs removed"
        gate.delay = 0.2
        # The guard's next PING takes that long.
        await asyncio.sleep(0.3)

    with pytest.raises(TemporaryError, match="Redis is slow"):
        await changes.clear("email", until(), "a1", AT, progress=slower)
    assert await raw.zcard(FAILED) == 350
    gate.delay = 0.0
    assert (await clear(changes)).startswith("600 jobs removed")
    await changes.close()
    await gate.close()


async def test_bringing_back_that_broke_off_goes_on(
    changes: QueueChanges, archive: BreakingArchive, raw: Redis
) -> None:
    await write(raw, 300)
    before = await everything(raw)
    await clear(changes)
    archive.breaks_at = "restored"
    with pytest.raises(Broken):
        await restore(changes)
    await restore(changes)
    assert await everything(raw) == before


async def test_workers_do_what_was_brought_back(either: NodeQueues, changes: QueueChanges, raw: Redis) -> None:
    await failed(either, [{"attempts": 2}, {"priority": 4}])
    await failed(either, [{}, {}])
    await either.ask("log", EMAIL, id="2", line="a line")
    before = await everything(raw)
    await clear(changes)
    assert await raw.zcard(FAILED) == 0
    await restore(changes)
    assert await everything(raw) == before
    await retry(changes)
    assert len((await either.ask("work", EMAIL, jobs=4))["done"]) == 4


async def test_a_new_job_of_the_same_id_is_not_overwritten(
    either: NodeQueues, changes: QueueChanges, raw: Redis
) -> None:
    await failed(either, [{"jobId": "mine"}, {}])
    await clear(changes)
    await either.ask("add", EMAIL, job="new", jobs=[{"jobId": "mine"}])
    assert await restore(changes) == "1 job is back; 1 job was there, or without its data"
    assert await raw.hget(f"{KEY}:mine", "name") == "new"
    assert await raw.zrange(FAILED, 0, -1) == ["2"]


async def test_a_job_that_failed_again_since_it_was_copied_is_not_removed(
    changes: QueueChanges, archive: BreakingArchive, raw: Redis
) -> None:
    await write(raw, 2)
    archive.breaks_at = "keep"
    with pytest.raises(Broken):
        await clear(changes, until(1_700_000_000_001))
    await raw.zadd(FAILED, {"1": 1_800_000_000_000})
    await clear(changes, until(1_700_000_000_001))
    assert await raw.zrange(FAILED, 0, -1) == ["1"]
    assert await raw.exists(f"{KEY}:1")


async def test_ids_and_data_of_any_bytes_come_back(changes: QueueChanges, raw: Redis) -> None:
    await write(raw, 1)
    job = b"j\xff\x00b"
    await raw.zadd(FAILED, {job: 5})
    await raw.hset(KEY.encode() + b":" + job, mapping={"data": b"\x80\x00"})
    await clear(changes)
    assert await raw.dbsize() == 2  # meta and events
    await restore(changes)
    assert await raw.zscore(FAILED, job) == 5
    assert await raw.hlen(KEY.encode() + b":" + job) == 1


# Plain lists


async def plain(raw: Redis, entries: int) -> list[str]:
    texts = [json.dumps({"id": number}) for number in range(entries)]
    await raw.rpush("nova:email:failed", *texts)
    return texts


async def clear_list(changes: QueueChanges, entries: int) -> str:
    return await changes.clear_list("email", "nova:email", entries, "a1", AT, progress=quiet)


@pytest.mark.parametrize("point", ["", "keep", "removed"])
async def test_a_plain_list_is_cleared_and_brought_back(
    changes: QueueChanges, archive: BreakingArchive, raw: Redis, point: str
) -> None:
    texts = await plain(raw, 600)
    archive.breaks_at = point
    if point:
        with pytest.raises(Broken):
            await clear_list(changes, 600)
        await raw.rpush("nova:email:failed", "newer")
    assert (await clear_list(changes, 600)).startswith("600 jobs removed")
    assert await raw.keys("*") == (["nova:email:failed"] if point else [])
    archive.breaks_at = "restored"
    with pytest.raises(Broken):
        await restore(changes)
    assert await restore(changes) == "600 jobs are back"
    assert await raw.lrange("nova:email:failed", 0, -1) == texts + (["newer"] if point else [])
    assert await raw.keys("*") == ["nova:email:failed"]


async def test_a_plain_list_that_grew_is_not_touched(changes: QueueChanges, raw: Redis) -> None:
    await plain(raw, 3)
    with pytest.raises(PermanentError, match="has 3 entries now and had 2"):
        await clear_list(changes, 2)
    with pytest.raises(PermanentError, match="look again"):
        await changes.retry_list("email", "nova:email", 4, 10, 0, progress=quiet)
    assert await raw.llen("nova:email:failed") == 3


async def test_a_plain_list_is_retried_in_waves(changes: QueueChanges, raw: Redis) -> None:
    texts = await plain(raw, 25)
    await raw.lpush("nova:email:waiting", "before")
    said = await changes.retry_list("email", "nova:email", 25, 10, 0, progress=quiet)
    assert said == "25 jobs wait again"
    # Whoever takes from the right takes what waited before, and then the entries from the end of the list.
    assert await raw.lrange("nova:email:waiting", 0, -1) == [*texts, "before"]
    assert await raw.keys("*") == ["nova:email:waiting"]


async def test_a_queue_that_became_plain_lists_is_not_cleared_as_another(changes: QueueChanges, raw: Redis) -> None:
    await plain(raw, 1)
    with pytest.raises(PermanentError, match="plain lists"):
        await clear(changes)
