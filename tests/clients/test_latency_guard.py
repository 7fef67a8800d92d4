from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from bot.clients.latency_guard import FIRST, LEAST, MOST, LatencyGuard
from bot.errors import TemporaryError
from sandbox.tcp_gate import TcpGate


@pytest.fixture
async def gate(redis_url: str) -> AsyncIterator[TcpGate]:
    opened = TcpGate(int(redis_url.rpartition(":")[2].partition("/")[0]))
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
async def behind(gate: TcpGate) -> AsyncIterator[Redis]:
    async with Redis.from_url(f"redis://127.0.0.1:{gate.port}/0", socket_timeout=None) as redis:
        yield redis


async def test_quick_pings_let_the_work_take_more(raw: Redis) -> None:
    guard = LatencyGuard(raw)
    await guard.begin()
    async with guard.watching():
        for _ in range(5):
            await guard.pace()
    assert guard.jobs == MOST


async def test_slow_pings_let_it_take_less_and_wait_until_they_are_quick(behind: Redis, gate: TcpGate) -> None:
    guard = LatencyGuard(behind, interval=0.001)
    await guard.begin()
    gate.delay = 0.1
    guard.saw(await guard.ping())
    gate.delay = 0.0
    await guard.pace()
    assert guard.jobs == FIRST // 2


async def test_the_work_stops_where_redis_stays_slow(behind: Redis, gate: TcpGate) -> None:
    guard = LatencyGuard(behind, interval=0.001, patience=0.2)
    await guard.begin()
    gate.delay = 0.1
    for _ in range(9):
        guard.saw(await guard.ping())
        with pytest.raises(TemporaryError, match="Redis is slow: another client waits"):
            await guard.pace()
    assert guard.jobs == LEAST


async def test_a_redis_that_is_far_away_is_not_called_slow(behind: Redis, gate: TcpGate) -> None:
    gate.delay = 0.04
    guard = LatencyGuard(behind, interval=0.001)
    await guard.begin()
    gate.delay = 0.08
    guard.saw(await guard.ping())
    await guard.pace()
    assert guard.jobs == FIRST


async def test_it_watches_on_its_own(behind: Redis, gate: TcpGate) -> None:
    guard = LatencyGuard(behind, interval=0.001, patience=0.1)
    await guard.begin()
    gate.delay = 0.1

    async def work() -> None:
        async with guard.watching():
            while True:
                await behind.ping()
                await guard.pace()

    with pytest.raises(TemporaryError):
        await work()
