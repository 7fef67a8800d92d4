"""Containers' logs of a real engine, handed over as they come."""

import asyncio

from bot.clients.compose import STREAM_LIMIT, Compose
from tests.docker.conftest import World, named
from tests.docker.test_compose import eventually

BIG = 24 * 1024 * 1024
PIECE = 64 * 1024


class Taken:
    """A feed that counts and keeps nothing but how large the pieces were."""

    def __init__(self) -> None:
        self.lines = self.bytes = self.largest = self.at_once = self.most_at_once = 0

    async def feed(self, piece: bytes) -> None:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0)
        self.lines += piece.count(b"\n")
        self.bytes += len(piece)
        self.largest = max(self.largest, len(piece))
        self.at_once -= 1


async def test_a_long_log_comes_in_pieces_and_each_is_waited_for(world: World, compose: Compose) -> None:
    world.write(worker={"command": ["sh", "-c", f"yes {'x' * 1023} | head -n {BIG // 1024}; sleep 3600"]}, backend={})
    world.compose("up", "-d", "worker")

    async def handed() -> Taken:
        taken = Taken()
        (log,) = await compose.hand_over_logs(
            "worker", lambda _: taken.feed, tail_lines=1_000_000, since_seconds=600, seconds=60
        )
        assert (log.problem, log.data, log.cut) == ("", b"", False)
        return taken

    taken = await eventually(handed, lambda taken: taken.bytes >= BIG)
    assert (taken.lines, taken.bytes) == (BIG // 1024, BIG)
    assert (taken.largest <= PIECE, taken.most_at_once) == (True, 1)
    assert BIG < STREAM_LIMIT


async def test_the_log_before_a_restart_is_in_it(world: World, compose: Compose) -> None:
    await eventually(lambda: compose.logs("worker"), lambda logs: all(log.data for log in logs))
    world.compose("restart", "worker")
    logs = await eventually(
        lambda: compose.logs("worker"), lambda logs: all((log.data or b"").count(b"started") == 2 for log in logs)
    )
    assert {log.data for log in logs} == {b"started worker\nbye\nstarted worker\n"}


async def test_a_terminals_log_is_handed_over_too(world: World, compose: Compose) -> None:
    world.write(worker={"tty": True, "environment": {"NAME": "tty"}}, backend={})
    world.compose("up", "-d", "worker")
    await eventually(lambda: compose.logs("worker"), lambda logs: logs[0].data)
    taken = Taken()
    await compose.hand_over_logs("worker", lambda _: taken.feed, tail_lines=10, since_seconds=600)
    assert (taken.lines, taken.bytes) == (1, len(b"started tty\r\n"))


async def test_one_that_is_not_read_in_time_says_so_and_holds_up_no_other(compose: Compose) -> None:
    await eventually(lambda: compose.logs("worker"), lambda logs: all(log.data for log in logs))
    never, fast = asyncio.Event(), Taken()

    async def stuck(_: bytes) -> None:
        await never.wait()

    logs = await compose.hand_over_logs(
        "worker",
        lambda name: stuck if name == named("worker", 1) else fast.feed,
        tail_lines=10,
        since_seconds=600,
        seconds=1.0,
    )
    problems = {log.pod: log.problem for log in logs}
    assert "1 s" in problems[named("worker", 1)]
    assert (problems[named("worker", 2)], fast.lines) == ("", 1)
    never.set()
