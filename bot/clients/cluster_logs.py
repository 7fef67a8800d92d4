"""The logs of every pod of a workload, read concurrently; one pod that cannot be read holds up no other."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from kubernetes.aio import client

from bot.attempt import together
from bot.clients.cluster_connection import Call, ClusterConnection
from bot.clients.cluster_state import Feed, PodLog, PodState
from bot.errors import PermanentError, Unavailable

# Each pod's log is a connection to its node through the API server.
AT_ONCE: Final = 8
# A node whose file of a container is gone answers 200, with this as the log.
_GONE: Final = b"unable to retrieve container logs for "
_GONE_WORDS: Final = "its node does not have the log any more"
_EVICTED_WORDS: Final = "its log went with it"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogQuery:
    """Which part of a log is wanted: the newest lines, the last seconds, never more than ``limit_bytes`` a pod."""

    namespace: str
    tail_lines: int | None = None
    since_seconds: int | None = None
    limit_bytes: int


async def read_logs(
    connection: ClusterConnection, pods: Sequence[PodState], query: LogQuery, seconds: float
) -> list[PodLog]:
    """Read the pods' logs in the order given; each ends within ``seconds``, waiting for its turn included.

    What all of them together may have at most is shared out equally: however many there are, the memory is the same.
    """
    sharing = sum(not _is_known_gone(pod) for pod in pods)
    query = replace(query, limit_bytes=query.limit_bytes // max(1, sharing))
    turns = asyncio.Semaphore(AT_ONCE)
    return list(await together(*(_read_in_time(connection, pod, query, seconds, turns) for pod in pods)))


async def _read_in_time(
    connection: ClusterConnection, pod: PodState, query: LogQuery, seconds: float, turns: asyncio.Semaphore
) -> PodLog:
    log = PodLog(pod=pod.name, data=None, restart=pod.restart, started_at=pod.started_at, ending=pod.ending)
    if _is_known_gone(pod):
        return replace(log, problem=_EVICTED_WORDS)
    try:
        async with asyncio.timeout(seconds), turns:
            data, more = await connection.ask_bytes(_call(pod, query), seconds, limit=query.limit_bytes)
    except (Unavailable, PermanentError) as error:
        return replace(log, problem=str(error))
    except TimeoutError:
        return replace(log, problem=f"no answer within {seconds:g} s")
    if data.startswith(_GONE):
        return replace(log, problem=_GONE_WORDS)
    # The node stops at the limit, give or take a line, so a log of that length was cut there.
    return replace(log, data=data, cut=more or len(data) >= query.limit_bytes)


async def hand_over_logs(
    connection: ClusterConnection,
    pods: Sequence[PodState],
    query: LogQuery,
    seconds: float,
    feed_of: Callable[[str], Feed],
) -> list[PodLog]:
    """Give each pod's log to its own feed, piece by piece; what is returned holds no log, and says how it went.

    A container that was restarted has two logs, the one from before that in a feed of its own (``PodLog.name``). A
    log whose reading broke off says so as its ``problem``, with what was read of it in the feed.
    """
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(pod: PodState, log: PodLog) -> PodLog:
        if _is_known_gone(pod):
            return replace(log, problem=_EVICTED_WORDS)
        try:
            async with asyncio.timeout(seconds), turns:
                feed = _Feed(feed_of(log.name))
                call = _call(pod, query, previous=log.before_restart)
                more = await connection.hand_over(call, seconds, limit=query.limit_bytes, feed=feed)
        except (Unavailable, PermanentError) as error:
            gone = log.before_restart and "not found" in str(error)
            return replace(log, problem=_GONE_WORDS if gone else str(error))
        except TimeoutError:
            return replace(log, problem=f"not read to its end within {seconds:g} s")
        return replace(log, problem=_GONE_WORDS) if feed.is_gone else replace(log, data=b"", cut=more)

    return list(await together(*(one(pod, log) for pod in pods for log in _logs_of(pod))))


def _logs_of(pod: PodState) -> list[PodLog]:
    """Name the logs to read; while a container waits for its restart, the log from before that is still its log."""
    log = PodLog(pod=pod.name, data=None, restart=pod.restart, started_at=pod.started_at, ending=pod.ending)
    return [log] if pod.restart is None or pod.restart.waits else [log, replace(log, before_restart=True)]


def _is_known_gone(pod: PodState) -> bool:
    return pod.ending is not None and pod.ending.takes_its_log


class _Feed:
    """Hands a log on, unless it is the sentence that there is none."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._begun = False
        self.is_gone = False

    async def __call__(self, piece: bytes) -> None:
        if not self._begun:
            self._begun, self.is_gone = True, piece.startswith(_GONE)
        if not self.is_gone:
            await self._feed(piece)


def _call(pod: PodState, query: LogQuery, *, previous: bool = False) -> Call:
    async def call(api: Any) -> Any:
        return await client.CoreV1Api(api).read_namespaced_pod_log_without_preload_content(
            pod.name,
            query.namespace,
            container=pod.container,
            limit_bytes=query.limit_bytes,
            tail_lines=query.tail_lines,
            since_seconds=query.since_seconds,
            previous=previous or None,
        )

    return call
