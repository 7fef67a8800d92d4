from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import bullmq
import pytest
from pydantic import SecretStr
from redis.asyncio import Redis

from bot.clients.queue_layout import MissingQueue, PlainCounts, QueueCounts, QueueSnapshot
from bot.clients.queues import Queues
from bot.clients.redis_connection import RedisConnection
from bot.errors import Forbidden, NotConfigured, TimedOut, Unavailable
from bot.settings import RedisSettings
from sandbox.ports import free_port
from sandbox.tcp_gate import TcpGate
from tests.servers import NodeQueues

EMAIL = "nova-email"
REAL_ZEROS = QueueCounts(0, 0, 0, 0, 0, 0, 0, 0)


def settings(url: str, **names: str) -> RedisSettings:
    return RedisSettings(redis_url=SecretStr(url), queues=names or {"email": EMAIL})


@pytest.fixture
async def queues(redis_url: str) -> AsyncIterator[Queues]:
    client = Queues(settings(redis_url))
    yield client
    await client.close()


async def email(queues: Queues) -> QueueSnapshot:
    snapshot = (await queues.snapshot())["email"]
    assert isinstance(snapshot, QueueSnapshot)
    return snapshot


async def missing(queues: Queues) -> MissingQueue:
    snapshot = (await queues.snapshot())["email"]
    assert isinstance(snapshot, MissingQueue)
    return snapshot


async def test_counts_every_state_as_bullmq_itself_does(queues: Queues, node: NodeQueues) -> None:
    await node.ask("add", EMAIL, jobs=[{}, {}])
    await node.ask("take", EMAIL, end="failed")
    await node.ask("take", EMAIL, end="completed")
    await node.ask("add", EMAIL, jobs=[{}, {}, {}, {}])
    await node.ask("take", EMAIL)
    await node.ask("add", EMAIL, jobs=[{"delay": 3_600_000}, {"delay": 3_600_000}, {"priority": 3}])
    snapshot = await email(queues)
    theirs = await node.ask("counts", EMAIL)
    assert snapshot.counts == QueueCounts(
        **{name: theirs[name.replace("_", "-")] for name in QueueCounts.__dataclass_fields__}
    )
    assert snapshot.counts == QueueCounts(3, 1, 2, 1, 1, 0, 1, 0)
    assert snapshot.counts.ready == 4
    assert snapshot.counts.unfinished == 7
    assert (snapshot.layout, snapshot.version) == ("bullmq5", "bullmq:5.65.1")
    assert (snapshot.jobs_added, snapshot.is_paused, snapshot.workers) == (9, False, 0)
    assert snapshot.name == "bull:nova-email"


async def test_a_used_but_empty_queue_has_real_zeros(queues: Queues, node: NodeQueues) -> None:
    await node.ask("open", EMAIL)
    snapshot = await email(queues)
    assert snapshot.counts == REAL_ZEROS
    assert snapshot.oldest_waiting_at is None
    assert snapshot.jobs_added == 0


async def test_a_queue_that_does_not_exist_is_missing_and_not_empty(queues: Queues, node: NodeQueues) -> None:
    await node.ask("open", "nova-mail")
    found = await missing(queues)
    assert found.looked_for == ("bull:nova-email:meta", "bull:nova-email:waiting", "nova:email:waiting")
    assert found.found_instead == ("bull:nova-mail",)
    assert "found instead: bull:nova-mail" in found.sentence()


async def test_an_empty_redis_offers_nothing_instead(queues: Queues) -> None:
    assert "no other queue was found" in (await missing(queues)).sentence()


async def test_other_prefix(redis_url: str, node: NodeQueues) -> None:
    await node.ask("add", "email", prefix="nova", jobs=[{}])
    queues = Queues(RedisSettings(redis_url=SecretStr(redis_url), queue_prefix="nova", queues={"email": "email"}))
    assert (await email(queues)).counts.waiting == 1
    await queues.close()


async def test_paused_jobs_of_version_5_are_not_lost(queues: Queues, node: NodeQueues) -> None:
    await node.ask("add", EMAIL, jobs=[{}, {}, {}])
    await node.ask("pause", EMAIL)
    snapshot = await email(queues)
    assert snapshot.is_paused
    assert (snapshot.counts.waiting, snapshot.counts.paused, snapshot.counts.ready) == (0, 3, 3)
    assert snapshot.oldest_waiting_at is not None


async def test_paused_jobs_of_version_6_stay_in_wait(queues: Queues, redis_url: str, raw: Redis) -> None:
    # The Python library of today lays queues out as BullMQ 6 does, but writes no version.
    writer = bullmq.Queue(EMAIL, {"connection": redis_url})
    await writer.add("job", {})
    await writer.pause()
    await writer.close()
    await raw.hset("bull:nova-email:meta", "version", "bullmq:6.0.3")
    snapshot = await email(queues)
    assert (snapshot.layout, snapshot.is_paused) == ("bullmq6", True)
    assert (snapshot.counts.waiting, snapshot.counts.paused, snapshot.counts.ready) == (1, 0, 1)


@pytest.mark.parametrize("version", [None, "7.0.0", "bullmq:", "nonsense"])
async def test_an_unknown_version_is_read_but_named_so(queues: Queues, raw: Redis, version: str | None) -> None:
    await raw.hset(
        "bull:nova-email:meta", mapping={"opts.maxLenEvents": "1", **({"version": version} if version else {})}
    )
    assert (await email(queues)).layout == "bullmq"
    assert (await email(queues)).version == version


async def test_oldest_waiting_job(queues: Queues, node: NodeQueues) -> None:
    start = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    stamps = [int((start + timedelta(minutes=n)).timestamp() * 1000) for n in range(5)]
    await node.ask("add", EMAIL, jobs=[{"timestamp": stamp} for stamp in stamps])
    assert (await email(queues)).oldest_waiting_at == start


async def test_oldest_prioritized_job_and_delay(queues: Queues, node: NodeQueues) -> None:
    await node.ask("add", EMAIL, jobs=[{"timestamp": 1_700_000_000_000, "priority": 5}])
    assert (await email(queues)).oldest_waiting_at == datetime.fromtimestamp(1_700_000_000, UTC)


async def test_a_job_that_was_delayed_waits_since_it_was_due(queues: Queues, raw: Redis, node: NodeQueues) -> None:
    await node.ask("open", EMAIL)
    await raw.lpush("bull:nova-email:wait", "1")
    await raw.hset("bull:nova-email:1", mapping={"timestamp": "1700000000000", "opts": '{"delay":60000}'})
    assert (await email(queues)).oldest_waiting_at == datetime.fromtimestamp(1_700_000_060, UTC)


@pytest.mark.parametrize(
    "job",
    [
        {},
        {"timestamp": "soon"},
        {"timestamp": "9" * 30},
        {"timestamp": "1", "opts": "["},
        {"timestamp": "1", "opts": "[]"},
    ],
)
async def test_a_job_without_a_readable_time_has_an_unknown_age(
    queues: Queues, raw: Redis, node: NodeQueues, job: dict[str, str]
) -> None:
    await node.ask("open", EMAIL)
    await raw.lpush("bull:nova-email:wait", "1")
    for field, value in {"name": "job", **job}.items():
        await raw.hset("bull:nova-email:1", field, value)
    snapshot = await email(queues)
    assert snapshot.counts.waiting == 1
    assert snapshot.oldest_waiting_at is None


async def test_the_marker_of_older_releases_is_no_job(queues: Queues, raw: Redis, node: NodeQueues) -> None:
    await node.ask("open", EMAIL)
    await raw.rpush("bull:nova-email:wait", "0:0")
    snapshot = await email(queues)
    assert snapshot.counts.waiting == 0
    assert snapshot.oldest_waiting_at is None


async def test_workers_of_node_are_counted_and_named(redis_url: str, node: NodeQueues) -> None:
    queues = Queues(settings(redis_url, email=EMAIL, webhook="nova-webhook"))
    await node.ask("open", "nova-webhook")
    await node.ask("worker", EMAIL, worker="novapulse-worker-abc")
    await node.ask("worker", EMAIL, worker="novapulse-worker-def")
    await node.ask("worker", EMAIL)
    snapshots = await queues.snapshot()
    counted = {short: snapshot.workers for short, snapshot in snapshots.items() if isinstance(snapshot, QueueSnapshot)}
    assert counted == {"email": 3, "webhook": 0}
    names = await queues.worker_names()
    assert names["webhook"] == []
    assert names["email"][1:] == ["novapulse-worker-abc", "novapulse-worker-def"]
    assert names["email"][0].startswith("127.0.0.1:")
    await queues.close()


async def test_workers_of_python_are_counted(queues: Queues, raw: Redis, node: NodeQueues) -> None:
    await node.ask("open", EMAIL)
    await raw.client_setname("bull:nova-email:w:python")
    await raw.client_setname("bull:nova-email:w:python")
    assert "python" in (await queues.worker_names())["email"]


async def test_failed_at_its_cap_means_that_many_or_more(queues: Queues, raw: Redis, node: NodeQueues) -> None:
    await node.ask("open", EMAIL)
    await raw.zadd("bull:nova-email:failed", {str(n): n for n in range(999)})
    assert not (await email(queues)).failed_is_capped
    await raw.zadd("bull:nova-email:failed", {"999": 1})
    assert (await email(queues)).failed_is_capped
    await raw.zadd("bull:nova-email:failed", {"1000": 1})
    assert not (await email(queues)).failed_is_capped, "nobody drops any: it is the number"


async def test_plain_lists_of_the_runbook(queues: Queues, raw: Redis) -> None:
    await raw.rpush("nova:email:waiting", *range(7))
    await raw.rpush("nova:email:failed", *range(3))
    snapshot = await email(queues)
    assert snapshot.layout == "plain"
    assert snapshot.counts == PlainCounts(waiting=7, failed=3)
    assert (snapshot.workers, snapshot.is_paused, snapshot.jobs_added) == (None, None, None)
    assert not snapshot.failed_is_capped


async def test_plain_lists_vanish_when_empty_but_the_queue_does_not(queues: Queues, raw: Redis) -> None:
    assert isinstance(await missing(queues), MissingQueue)
    await raw.rpush("nova:email:waiting", 1)
    assert (await email(queues)).counts.waiting == 1
    await raw.delete("nova:email:waiting")
    assert (await email(queues)).counts == PlainCounts(waiting=0, failed=0)


async def test_plain_lists_under_the_configured_name_next_to_a_name_bullmq_would_use(
    redis_url: str, raw: Redis
) -> None:
    queues = Queues(RedisSettings(redis_url=SecretStr(redis_url), queue_prefix="nova", queues={"email": "email"}))
    await raw.rpush("nova:email:waiting", 1, 2)
    await raw.rpush("nova:email:failed", 1)
    await raw.rpush("nova:email:active", 1)
    assert (await email(queues)).counts == PlainCounts(waiting=2, failed=1)
    await queues.close()


async def test_bullmq_wins_over_leftover_lists(queues: Queues, raw: Redis, node: NodeQueues) -> None:
    await node.ask("open", EMAIL)
    await raw.rpush("nova:email:waiting", 1, 2)
    assert (await email(queues)).layout == "bullmq5"


async def test_jobs_without_meta_are_counted(queues: Queues, raw: Redis) -> None:
    await raw.lpush("bull:nova-email:wait", 1)
    snapshot = await email(queues)
    assert (snapshot.layout, snapshot.counts.waiting) == ("bullmq", 1)


async def test_keys_of_another_type_are_no_zeros(queues: Queues, raw: Redis, node: NodeQueues) -> None:
    await node.ask("open", EMAIL)
    await raw.set("bull:nova-email:wait", "text")
    assert (await missing(queues)).sentence() == "email: the keys bull:nova-email:* are no queue of BullMQ"


async def with_rights(raw: Redis, url: str, *rules: str) -> str:
    await raw.execute_command("ACL", "SETUSER", "bot", "reset", "on", ">s3cret", *rules)  # type: ignore[no-untyped-call]
    return url.replace("redis://", "redis://bot:s3cret@")


async def test_workers_are_unknown_where_listing_clients_is_forbidden(
    redis_url: str, raw: Redis, node: NodeQueues
) -> None:
    await node.ask("add", EMAIL, jobs=[{}])
    queues = Queues(settings(await with_rights(raw, redis_url, "~*", "+@all", "-client|list")))
    snapshot = await email(queues)
    assert snapshot.counts.waiting == 1
    assert snapshot.workers is None
    with pytest.raises(Forbidden):
        await queues.worker_names()
    await queues.close()


async def test_a_queue_whose_keys_are_forbidden_is_unknown(redis_url: str, raw: Redis, node: NodeQueues) -> None:
    await node.ask("open", EMAIL)
    await node.ask("open", "nova-webhook")
    url = await with_rights(raw, redis_url, "~bull:nova-webhook:*", "~nova:*", "~bull:nova-webhook:*", "+@all")
    queues = Queues(settings(url, email=EMAIL, webhook="nova-webhook"))
    snapshots = await queues.snapshot()
    assert isinstance(snapshots["webhook"], QueueSnapshot)
    forbidden = snapshots["email"]
    assert isinstance(forbidden, MissingQueue)
    assert "does not let the bot read bull:nova-email:*" in forbidden.sentence()
    await queues.close()


async def test_a_wrong_password_is_forbidden_and_not_repeated(redis_url: str) -> None:
    queues = Queues(settings(redis_url.replace("redis://", "redis://joe:hunter2@")))
    with pytest.raises(Forbidden) as caught:
        await queues.snapshot()
    assert "hunter2" not in str(caught.value)
    await queues.close()


async def test_many_queues_take_two_round_trips(redis_url: str, raw: Redis, node: NodeQueues) -> None:
    names = {f"q{n}": f"queue-{n}" for n in range(12)}
    for name in names.values():
        await node.ask("add", name, jobs=[{}])
    queues = Queues(settings(redis_url, **names))
    await queues.snapshot()
    before = (await raw.info("stats"))["total_reads_processed"]
    assert all(isinstance(snapshot, QueueSnapshot) for snapshot in (await queues.snapshot()).values())
    after = (await raw.info("stats"))["total_reads_processed"]
    assert after - before <= 4  # two for the snapshot (a large one may come in two parts), one for asking
    await queues.close()


async def test_a_slow_server_is_given_up_and_the_next_answer_is_the_right_one(redis_url: str, node: NodeQueues) -> None:
    await node.ask("add", EMAIL, jobs=[{}, {}])
    gate = TcpGate(int(redis_url.rpartition(":")[2].partition("/")[0]))
    await gate.open()
    queues = Queues(settings(f"redis://127.0.0.1:{gate.port}/0"))
    await email(queues)
    gate.delay = 60.0
    with pytest.raises(TimedOut) as caught:
        await queues.snapshot(seconds=0.05)
    assert str(caught.value) == "Redis: no answer within 0.05 s"
    gate.delay = 0.0
    assert (await email(queues)).counts.waiting == 2
    assert await queues.worker_names() == {"email": []}
    await queues.close()
    await gate.close()


async def test_a_server_that_came_back_is_found_again(redis_url: str, node: NodeQueues) -> None:
    await node.ask("add", EMAIL, jobs=[{}])
    gate = TcpGate(int(redis_url.rpartition(":")[2].partition("/")[0]))
    await gate.open()
    queues = Queues(settings(f"redis://127.0.0.1:{gate.port}/0"))
    await email(queues)
    await gate.close()
    with pytest.raises(Unavailable):
        await queues.snapshot()
    await gate.open()
    assert (await email(queues)).counts.waiting == 1
    await queues.close()
    await gate.close()


async def test_nothing_configured_names_the_variable() -> None:
    with pytest.raises(NotConfigured, match="REDIS_URL"):
        await Queues(RedisSettings(redis_url=None)).snapshot()


async def test_a_server_that_is_down_is_unavailable() -> None:
    queues = Queues(settings(f"redis://:hunter2@127.0.0.1:{free_port()}/0"))
    with pytest.raises(Unavailable) as caught:
        await queues.snapshot()
    assert str(caught.value) == "Redis: connection refused"
    await queues.close()


async def test_tells_when_enough_workers_are_connected_to_every_queue(redis_url: str, node: NodeQueues) -> None:
    client = Queues(settings(redis_url, email=EMAIL, report="nova-report", gone="nova-gone"))
    await node.ask("open", EMAIL)
    await node.ask("open", "nova-report")
    await node.ask("worker", EMAIL, worker="pod-a")
    some = await client.workers_connected(1)
    assert (some.done, some.message) == (False, "workers connected: email 1, report 0; 1 wanted; not there: gone")
    await node.ask("worker", "nova-report", worker="pod-a")
    enough = await client.workers_connected(1)
    assert (enough.done, enough.message) == (True, "workers connected: email 1, report 1; not there: gone")
    assert not (await client.workers_connected(2)).done
    await client.close()


async def test_workers_that_no_connection_can_name_are_not_verified_and_not_waited_for(
    redis_url: str, raw: Redis, node: NodeQueues
) -> None:
    client = Queues(settings(redis_url, email=EMAIL, report="nova-report", webhook="nova-webhook", gone="nova-gone"))
    await node.ask("open", EMAIL)
    await raw.rpush("nova:report:waiting", 1)
    await raw.set("bull:nova-webhook:meta", "no hash")
    why = "report (with plain lists no connection names its queue), "
    why += "webhook (the keys bull:nova-webhook:* are no queue of BullMQ)"
    some = await client.workers_connected(1)
    said = f"workers connected: email 0; 1 wanted; not verified: {why}; not there: gone"
    assert (some.done, some.message) == (False, said)
    await node.ask("worker", EMAIL, worker="pod-a")
    seen = await client.workers_connected(1)
    said = f"workers connected: email 1; not verified: {why}; not there: gone"
    assert (seen.done, seen.unverified, seen.message) == (True, True, said)
    await client.close()


async def test_workers_are_not_verified_where_listing_clients_is_forbidden(
    redis_url: str, raw: Redis, node: NodeQueues
) -> None:
    await node.ask("open", EMAIL)
    await node.ask("open", "nova-report")
    url = await with_rights(raw, redis_url, "~*", "+@all", "-client|list")
    client = Queues(settings(url, email=EMAIL, report="nova-report"))
    seen = await client.workers_connected(1)
    said = "not verified: email, report (Redis does not let the bot list who is connected)"
    assert (seen.done, seen.unverified, seen.message) == (True, True, said)
    await client.close()


async def test_workers_of_plain_lists_alone_are_not_verified(queues: Queues, raw: Redis) -> None:
    await raw.rpush("nova:email:waiting", 1)
    seen = await queues.workers_connected(3)
    said = "not verified: email (with plain lists no connection names its queue)"
    assert (seen.done, seen.unverified, seen.message) == (True, True, said)


async def test_workers_of_queues_that_are_not_there_are_waited_for(queues: Queues) -> None:
    unknown = await queues.workers_connected(1)
    assert (unknown.done, unknown.unverified) == (False, False)
    assert unknown.message == "who is connected to the queues is unknown; not there: email"


async def test_workers_are_waited_for_while_redis_is_away() -> None:
    away = Queues(settings(f"redis://127.0.0.1:{free_port()}/0"))
    with pytest.raises(Unavailable):
        await away.workers_connected(1)
    await away.close()


@pytest.mark.parametrize("left_out", ["waiting", "paused", "prioritized"])
def test_a_sum_without_one_of_its_counters_is_unknown(left_out: str) -> None:
    counts = replace(REAL_ZEROS, **{left_out: None})
    assert (counts.ready, counts.unfinished) == (None, None)


@pytest.mark.parametrize("left_out", ["active", "delayed", "waiting_children"])
def test_what_is_unfinished_is_unknown_without_one_of_its_counters(left_out: str) -> None:
    counts = replace(REAL_ZEROS, **{left_out: None})
    assert (counts.ready, counts.unfinished) == (0, None)


def test_plain_lists_have_no_other_jobs_than_those_that_wait() -> None:
    assert (PlainCounts(waiting=3).ready, PlainCounts(waiting=3).unfinished) == (3, 3)
    assert (PlainCounts(failed=3).ready, PlainCounts(failed=3).unfinished) == (None, None)


class Counted(RedisConnection):
    """Counts how often Redis is asked and answers, whatever number of commands goes together."""

    def __init__(self, url: str) -> None:
        super().__init__(settings(url))
        self.trips = 0

    def open(self) -> Redis:
        client, connection = super().open(), self

        class Counting(Redis):
            def pipeline(self, *given: Any, **named: Any) -> Any:
                connection.trips += 1
                return super().pipeline(*given, **named)

            async def execute_command(self, *given: Any, **named: Any) -> Any:
                connection.trips += 1
                return await super().execute_command(*given, **named)  # type: ignore[no-untyped-call]

        return Counting(connection_pool=client.connection_pool)


async def test_ten_thousand_queues_are_a_few_round_trips(redis_url: str) -> None:
    names = {f"q{number}": f"queue-{number}" for number in range(10_000)}
    async with Redis.from_url(redis_url) as raw, raw.pipeline(transaction=False) as pipeline:
        for name in names.values():
            pipeline.hset(f"bull:{name}:meta", "version", "bullmq:5.65.1")
        await pipeline.execute()
    connection = Counted(redis_url)
    queues = Queues(settings(redis_url, **names), connection=connection)
    found = await queues.snapshot(seconds=60)
    await queues.close()
    assert len(found) == 10_000
    assert all(isinstance(seen, QueueSnapshot) for seen in found.values())
    assert 1 <= connection.trips <= 30
