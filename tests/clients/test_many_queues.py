"""Thousands of queues are read by a script; what is read is the same as with plain commands."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest
from pydantic import SecretStr
from redis.asyncio import Redis

from bot.clients.many_queues import FEW, ask_queues
from bot.clients.queue_layout import QueueSnapshot
from bot.clients.queues import Queues
from bot.settings import RedisSettings
from tests.servers import redis_server

KINDS = ("idle", "busy", "paused", "old", "plain", "missing", "broken", "bare")
_MORE = {
    "paused": (
        ("HSET", "{key}:meta", "paused", "1"),
        ("RPUSH", "{key}:paused", "0:0", "7"),
        ("SET", "{key}:7", "no hash"),
    ),
    "plain": (("RPUSH", "{key}:waiting", "a", "b"),),
    "broken": (("SET", "{key}:wait", "no list"),),
    "bare": (("RPUSH", "{key}:wait", "1"),),
    "old": (("HSET", "{key}:meta", "opts.maxLenEvents", "10000"),),
}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with redis_server(tmp_path_factory.mktemp("redis")) as found:
        yield found


@pytest.fixture
async def raw(url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(url, decode_responses=True) as client:
        await client.flushall()
        for name in KINDS:
            await fill(client, name)
        yield client


async def fill(raw: Redis, name: str) -> None:
    key = f"bull:{name}"
    if name in {"idle", "busy", "paused", "broken"}:
        await raw.hset(f"{key}:meta", mapping={"version": "bullmq:5.65.1"})
    if name == "busy":
        await raw.rpush(f"{key}:wait", "3", "2", "1")
        await raw.set(f"{key}:id", 9)
        await raw.zadd(f"{key}:completed", {"0": 1_700_000_000_000})
        await raw.zadd(f"{key}:prioritized", {"4": 1})
        for job in (1, 2, 3, 4):
            await raw.hset(f"{key}:{job}", mapping={"timestamp": str(1_700_000_000_000 - job), "opts": "{}"})
    for words in _MORE.get(name, ()):
        await raw.execute_command(*(word.format(key=key) for word in words))  # type: ignore[no-untyped-call]


def queues(url: str, names: tuple[str, ...]) -> Queues:
    return Queues(RedisSettings(redis_url=SecretStr(url), queues={name: name for name in names}))


async def test_a_script_reads_what_plain_commands_read(raw: Redis, url: str) -> None:
    others = tuple(f"other-{number}" for number in range(FEW))
    for name in others:
        await raw.hset(f"bull:{name}:meta", mapping={"version": "bullmq:5.65.1"})
    few, many = queues(url, KINDS), queues(url, (*others, *KINDS))
    by_commands, by_script = await few.snapshot(), await many.snapshot(seconds=30)
    await few.close()
    await many.close()
    for name in KINDS:
        one, other = by_commands[name], by_script[name]
        if not isinstance(one, QueueSnapshot):
            one = replace(one, found_instead=())
        if not isinstance(other, QueueSnapshot):
            other = replace(other, found_instead=())
        assert one == other
    assert isinstance(by_script["busy"], QueueSnapshot)
    assert (by_script["busy"].counts.ready, by_script["busy"].jobs_added) == (4, 9)


async def test_a_queue_whose_commands_fail_is_left_to_plain_commands(raw: Redis) -> None:
    found = await ask_queues(raw, [f"bull:{name}" for name in KINDS])
    assert set(found) == {"bull:idle", "bull:busy", "bull:paused", "bull:old"}


async def test_where_scripts_are_refused_plain_commands_read_the_queues(raw: Redis, url: str) -> None:
    rules = ("~*", "+@all", "-@scripting")
    await raw.execute_command("ACL", "SETUSER", "reader", "reset", "on", ">s3cret", *rules)  # type: ignore[no-untyped-call]
    names = tuple(f"other-{number}" for number in range(FEW))
    many = queues(url.replace("redis://", "redis://reader:s3cret@"), (*names, "busy"))
    found = (await many.snapshot(seconds=30))["busy"]
    await many.close()
    assert isinstance(found, QueueSnapshot)
    assert found.counts.ready == 4
