"""A container's log, handed on piece by piece: the engine sends standard output and error as frames in one stream."""

import asyncio
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from threading import Event
from typing import Any, Final

import requests
from docker import APIClient
from docker.errors import create_api_error_from_http_exception

from bot.attempt import together
from bot.clients.cluster_state import Feed, PodLog
from bot.clients.compose_containers import Container
from bot.clients.compose_engine import Engine
from bot.errors import PermanentError, TemporaryError, Unavailable

# Each holds one of the engine's threads; the others are left to whatever else is asked meanwhile.
AT_ONCE: Final = 4
_CHUNK: Final = 64 * 1024
_HEADER: Final = struct.Struct(">BxxxL")


@dataclass(frozen=True, slots=True, kw_only=True)
class LogQuery:
    """Which part of a log is wanted: the newest lines, what is newer than that moment, never more than that many bytes.

    ``since`` is in seconds since 1970, by the engine's clock. The log of one container reaches back over its restarts.
    """

    tail: int | None = None
    since: float | None = None
    limit_bytes: int

    @property
    def parameters(self) -> dict[str, Any]:
        """The engine's own words for it."""
        asked = {"tail": self.tail, "since": None if self.since is None else f"{self.since:.3f}"}
        return {"stdout": 1, "stderr": 1, **{name: value for name, value in asked.items() if value is not None}}


async def read_logs(engine: Engine, containers: Sequence[Container], query: LogQuery, seconds: float) -> list[PodLog]:
    """Read the containers' logs in the order given; each ends within ``seconds``, waiting for its turn included.

    What all of them together may have at most is shared out equally: however many there are, the memory is the same.
    """
    query = replace(query, limit_bytes=query.limit_bytes // max(1, len(containers)))
    kept: dict[str, bytearray] = {container.name: bytearray() for container in containers}

    def feed_of(name: str) -> Feed:
        async def keep(piece: bytes) -> None:
            kept[name] += piece

        return keep

    told = await hand_over_logs(engine, containers, query, seconds, feed_of)
    return [log if log.data is None else replace(log, data=bytes(kept[log.pod])) for log in told]


async def hand_over_logs(
    engine: Engine,
    containers: Sequence[Container],
    query: LogQuery,
    seconds: float,
    feed_of: Callable[[str], Feed],
) -> list[PodLog]:
    """Give each container's log to its own feed, piece by piece; what is returned holds no log, and says how it went.

    A container whose reading broke off says so as its ``problem``, with what was read of it in the feed.
    """
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(container: Container) -> PodLog:
        # Its log begins with the container itself: it lasts over its restarts.
        log = PodLog(pod=container.name, data=None, started_at=container.created_at)
        try:
            async with asyncio.timeout(seconds), turns:
                more = await _handed_over(engine, container, query, seconds, feed_of(container.name))
        except (Unavailable, PermanentError, TemporaryError) as error:
            return replace(log, problem=str(error))
        except TimeoutError:
            return replace(log, problem=f"not read to its end within {seconds:g} s")
        return replace(log, data=b"", cut=more)

    return list(await together(*map(one, containers)))


async def _handed_over(engine: Engine, container: Container, query: LogQuery, seconds: float, feed: Feed) -> bool:
    """Read in a thread, which waits until the feed has taken a piece before it reads the next."""
    given_up, loop = Event(), asyncio.get_running_loop()

    async def take(piece: bytes) -> None:
        if not given_up.is_set():
            await feed(piece)

    def hand(piece: bytes) -> None:
        asyncio.run_coroutine_threadsafe(take(piece), loop).result()

    def read(client: APIClient) -> bool:
        return hand_over_log(client, container, query, given_up=given_up, feed=hand)

    try:
        return await engine.ask(read, seconds)
    finally:
        given_up.set()


def hand_over_log(
    client: APIClient, container: Container, query: LogQuery, *, given_up: Event, feed: Callable[[bytes], None]
) -> bool:
    """Give a log to ``feed``, at most the query's limit, and return whether there was more.

    No more than a piece of it is kept, and the next one is read when ``feed`` has taken the last. It ends early once
    ``given_up`` is set: the library's own reading of a stream knows neither a limit nor a timeout.
    """
    url = f"{client.base_url}/v{client.api_version}/containers/{container.id}/logs"
    with client.get(url, params=query.parameters, stream=True, timeout=client.timeout) as response:
        try:
            response.raise_for_status()
        except requests.HTTPError as error:
            create_api_error_from_http_exception(error)
        left = query.limit_bytes
        chunks: Iterator[bytes] = response.iter_content(_CHUNK)
        for piece in chunks if container.config.tty else payloads(chunks):
            if given_up.is_set():
                return True
            feed(piece[:left])
            left -= len(piece)
            if left < 0:
                return True
    return False


def payloads(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Take the frames' headers out, wherever the chunks were cut; a frame may come in several pieces."""
    header, left = b"", 0
    for chunk in chunks:
        at, kept = 0, bytearray()
        while at < len(chunk):
            if left:
                piece = chunk[at : at + left]
                kept += piece
                left -= len(piece)
                at += len(piece)
                continue
            part = chunk[at : at + _HEADER.size - len(header)]
            header += part
            at += len(part)
            if len(header) == _HEADER.size:
                (_, left), header = _HEADER.unpack(header), b""
        if kept:
            yield bytes(kept)
