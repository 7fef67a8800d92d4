"""The logs of every pod of a workload, read concurrently; one pod that cannot be read holds up no other."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from kubernetes.aio import client

from bot.clients.cluster_connection import Call, ClusterConnection
from bot.clients.cluster_state import Feed, PodLog, PodState
from bot.errors import PermanentError, Unavailable

# Each pod's log is a connection to its node through the API server.
AT_ONCE: Final = 8


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
    """Read the pods' logs in the order given; each ends within ``seconds``, waiting for its turn included."""
    turns = asyncio.Semaphore(AT_ONCE)
    return list(await asyncio.gather(*(_read_in_time(connection, pod, query, seconds, turns) for pod in pods)))


async def _read_in_time(
    connection: ClusterConnection, pod: PodState, query: LogQuery, seconds: float, turns: asyncio.Semaphore
) -> PodLog:
    try:
        async with asyncio.timeout(seconds), turns:
            data, more = await connection.ask_bytes(_call(pod, query), seconds, limit=query.limit_bytes)
    except (Unavailable, PermanentError) as error:
        return PodLog(pod=pod.name, data=None, problem=str(error))
    except TimeoutError:
        return PodLog(pod=pod.name, data=None, problem=f"no answer within {seconds:g} s")
    # The node stops at the limit, give or take a line, so a log of that length was cut there.
    return PodLog(pod=pod.name, data=data, cut=more or len(data) >= query.limit_bytes)


async def hand_over_logs(
    connection: ClusterConnection,
    pods: Sequence[PodState],
    query: LogQuery,
    seconds: float,
    feed_of: Callable[[str], Feed],
) -> list[PodLog]:
    """Give each pod's log to its own feed, piece by piece; what is returned holds no log, and says how it went.

    A pod whose reading broke off says so as its ``problem``, with what was read of it in the feed.
    """
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(pod: PodState) -> PodLog:
        try:
            async with asyncio.timeout(seconds), turns:
                more = await connection.hand_over(
                    _call(pod, query), seconds, limit=query.limit_bytes, feed=feed_of(pod.name)
                )
        except (Unavailable, PermanentError) as error:
            return PodLog(pod=pod.name, data=None, problem=str(error))
        except TimeoutError:
            return PodLog(pod=pod.name, data=None, problem=f"not read to its end within {seconds:g} s")
        return PodLog(pod=pod.name, data=b"", cut=more)

    return list(await asyncio.gather(*map(one, pods)))


def _call(pod: PodState, query: LogQuery) -> Call:
    async def call(api: Any) -> Any:
        return await client.CoreV1Api(api).read_namespaced_pod_log_without_preload_content(
            pod.name,
            query.namespace,
            container=pod.container,
            limit_bytes=query.limit_bytes,
            tail_lines=query.tail_lines,
            since_seconds=query.since_seconds,
        )

    return call
