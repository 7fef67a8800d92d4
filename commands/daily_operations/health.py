"""``/health``: every part of NovaPulse, looked at by itself and at the same time."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Final

from bot.attempt import attempt, together, why
from bot.clients.api import NovaPulseApi
from bot.clients.api_answers import Health
from bot.clients.cluster_state import PodState, Workload
from bot.clients.mongo import Mongo
from bot.clients.platform import Platform
from bot.clients.queues import Queues
from bot.clients.redis import RedisServer
from bot.command import command
from bot.errors import BotError, Forbidden, NotConfigured, Unavailable
from bot.outages import Outages
from bot.reply import Level, Line, Note, Reply, say, worst
from bot.restarts import restarts_of
from bot.stores.samples import Samples

SLOW: Final = 250.0  # milliseconds of a round trip that a person should know about
_EVICTION: Final = "noeviction"
# The lines that are about a system itself; the others only follow from one.
_SYSTEMS: Final = frozenset({"API health", "API live", "API ready", "Redis", "MongoDB", "Cluster"})

Check = Callable[[], Awaitable[Line]]


@command(
    "/health",
    permission="health:read",
    section="Daily Operations",
    runbook=(
        "curl https://api.novapulse.com/api/v1/health",
        "redis-cli ping",
        "kubectl get pods -l app=novapulse-worker -n novapulse",
    ),
    examples=("/health",),
)
async def health(  # noqa: PLR0913 - each is a system it looks at
    *,
    api: NovaPulseApi,
    redis: RedisServer,
    mongo: Mongo,
    cluster: Platform,
    queues: Queues,
    samples: Samples,
    now: datetime,
) -> Reply:
    """Check the API, its login, Redis, MongoDB, the cluster, the pods and the workers, each on its own.

    Green is what answered and is well, red what is down, and what could not be read is unknown.
    """
    pod = cluster.words.pod
    checks: dict[str, Check] = {
        "API health": lambda: _api_health(api.health),
        "API live": lambda: _api_state(api.live, "the process runs"),
        "API ready": lambda: _api_state(api.ready, "it can serve"),
        "API login": lambda: _login(api),
        "Redis": lambda: _redis(redis),
        "MongoDB": lambda: _mongo(mongo),
        "Cluster": lambda: _cluster(cluster),
        f"API {pod}s": lambda: _pods(cluster, "api", now),
        f"Worker {pod}s": lambda: _pods(cluster, "worker", now),
        "Workers": lambda: _workers(queues),
    }
    lines = await together(*(_checked(label, check) for label, check in checks.items()))
    outages = Outages(samples, now)
    return _reply([await outages.dated(line) for line in lines])


def _reply(lines: Sequence[Line]) -> Reply:
    counts = {level: sum(line.level is level for line in lines) for level in Level}
    bad = [
        f"{counts[level]} {word}"
        for level, word in (
            (Level.CRITICAL, "critical"),
            (Level.WARNING, "to look at"),
            (Level.UNKNOWN, "unknown"),
        )
        if counts[level]
    ]
    title = f"NovaPulse: {', '.join(bad)}" if bad else "NovaPulse is well"
    note = Note.of("Each was looked at with a deadline of its own; unknown is neither well nor down.")
    return say(title, *lines, note, level=worst(line.level for line in lines))


async def _checked(label: str, check: Check) -> Line:
    """Run one check; a system that was tried and does not answer is down, whatever else was not read is unknown."""
    found = await attempt(check())
    if not isinstance(found, BotError):
        return found.model_copy(update={"label": label})
    down = label in _SYSTEMS and isinstance(found, Unavailable) and not isinstance(found, Forbidden)
    return Line(level=Level.CRITICAL if down else Level.UNKNOWN, label=label, value=_said(found))


def _said(error: BotError) -> str:
    if isinstance(error, NotConfigured):
        return f"not looked at. {why(error)}"
    return error.reason if isinstance(error, Unavailable) else why(error)


def _line(level: Level, value: str) -> Line:
    return Line(level=level, label="", value=value)


async def _api_health(read: Callable[[], Awaitable[Health]]) -> Line:
    found = await read()
    return _line(Level.OK if found.ok else Level.CRITICAL, found.said)


async def _api_state(read: Callable[[], Awaitable[Health]], well: str) -> Line:
    found = await read()
    return _line(Level.OK, well) if found.ok else _line(Level.CRITICAL, found.message or found.status)


async def _login(api: NovaPulseApi) -> Line:
    await api.login_works()
    return _line(Level.OK, "accepted")


async def _redis(redis: RedisServer) -> Line:
    took = await redis.ping()
    info = await attempt(redis.info())
    if isinstance(info, BotError):
        return _line(Level.UNKNOWN, f"answers in {took:.0f} ms, but its state is unknown. {why(info)}")
    problems = [
        words
        for words, holds in {
            f"answers only in {took:.0f} ms": took > SLOW,
            "its last save to disk failed": info.persistence_ok is False,
            f"maxmemory-policy is {info.maxmemory_policy}: it may drop jobs": info.maxmemory
            and info.maxmemory_policy not in (None, _EVICTION),
            "it is a replica, which takes no jobs": info.role == "slave",
        }.items()
        if holds
    ]
    said = f"answers in {took:.0f} ms, version {info.version or 'unknown'}, {_memory(info.used_memory)} used"
    return _line(Level.WARNING, "; ".join(problems)) if problems else _line(Level.OK, said)


def _memory(used: int | None) -> str:
    return "memory unknown" if used is None else f"{used / 1024 / 1024:,.0f} MiB"


async def _mongo(mongo: Mongo) -> Line:
    took = await mongo.ping()
    members = await attempt(mongo.members())
    answers = f"answers in {took:.0f} ms"
    if isinstance(members, BotError):
        return _line(Level.UNKNOWN, f"{answers}, but its replica set is unknown. {why(members)}")
    if not members:
        return _line(Level.OK, f"{answers}, a single server")
    ill = [f"{member.name} is {member.state}" for member in members if not member.does_its_part]
    if not any(member.state == "PRIMARY" for member in members):
        return _line(Level.CRITICAL, f"{answers}, but has no primary; {', '.join(ill)}".rstrip("; "))
    if ill or took > SLOW:
        return _line(Level.WARNING, f"{answers}; {', '.join(ill)}".rstrip("; "))
    return _line(Level.OK, f"{answers}, {len(members)} members")


async def _cluster(cluster: Platform) -> Line:
    return _line(Level.OK, f"answers, {cluster.product} {await cluster.reachable()}")


async def _pods(cluster: Platform, role: Workload, now: datetime) -> Line:
    deployment, pods = await together(cluster.deployment(role), cluster.pods(role))
    present = [pod for pod in pods if pod.is_present]
    ready = sum(pod.ready for pod in present)
    said = f"{ready} of {deployment.replicas} ready{_restarts(present, now)}"
    waiting = sorted({pod.waiting for pod in present if pod.waiting})
    if waiting:
        said += f", {', '.join(waiting)}"
    if deployment.replicas == 0:
        return _line(Level.CRITICAL, f"{deployment.name} is scaled to 0")
    if ready == 0:
        return _line(Level.CRITICAL, said)
    return _line(Level.WARNING if ready < deployment.replicas or waiting else Level.OK, said)


def _restarts(pods: list[PodState], now: datetime) -> str:
    restarts = sum(pod.restarts for pod in pods)
    return f", restarted {restarts} {'time' if restarts == 1 else 'times'}{restarts_of(pods, now)}"


async def _workers(queues: Queues) -> Line:
    names = await queues.worker_names()
    without = [short for short, workers in names.items() if not workers]
    said = ", ".join(f"{short} {len(workers)}" for short, workers in names.items())
    if names and len(without) == len(names):
        return _line(Level.CRITICAL, "no worker is connected to any queue")
    return _line(Level.WARNING if without else Level.OK, f"connected to Redis: {said}")
