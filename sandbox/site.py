"""The sandbox as a whole: its parts started in order, its faults, its addresses."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sandbox import processes
from sandbox.api.novapulse import NovaPulseApi
from sandbox.bot_process import BotProcess
from sandbox.cluster.cluster import API, WORKER, Cluster
from sandbox.environment import POLICY, bot_environment, write_environment
from sandbox.faults import Faults
from sandbox.mail import MailServer
from sandbox.mongo.server import MongoStandIn
from sandbox.pagerduty import PagerDuty
from sandbox.ports import free_port
from sandbox.producer import DAY, Producer
from sandbox.redis_server import RedisServer
from sandbox.slack import LocalSlack
from sandbox.slack_gate import SlackGate
from sandbox.workers import Workers

EVERYTHING = frozenset({"slack", "redis", "workers", "api", "cluster", "mongo", "pagerduty", "mail"})


@dataclass
class Sandbox:
    """The running sandbox. A part that was not asked for is None, and has no endpoint."""

    directory: Path
    speed: float
    bot_port: int
    policy: Path = POLICY
    slack: LocalSlack | None = None
    gate: SlackGate | None = None
    redis: RedisServer | None = None
    producer: Producer | None = None
    workers: Workers | None = None
    api: NovaPulseApi | None = None
    cluster: Cluster | None = None
    mongo: MongoStandIn | None = None
    pagerduty: PagerDuty | None = None
    mail: MailServer | None = None
    bot: BotProcess | None = None
    control_url: str = ""
    faults: Faults = field(init=False)

    def __post_init__(self) -> None:
        self.faults = Faults(self)

    @property
    def endpoints(self) -> dict[str, str]:
        """The address of every part that runs, by the names of ``endpoints.json``."""
        found = {"bot": f"http://127.0.0.1:{self.bot_port}"}
        if self.slack is not None and self.gate is not None:
            found |= {"slack": self.slack.url, "slack_control": f"{self.slack.url}/_control"}
            found["slack_api"] = self.gate.api_url
        parts = {"api": self.api, "redis": self.redis, "mongo": self.mongo, "mail": self.mail}
        found |= {name: part.url for name, part in (parts | {"pagerduty": self.pagerduty}).items() if part is not None}
        if self.cluster is not None:
            found["kubeconfig"] = str(self.cluster.kubeconfig)
        if self.control_url:
            found["control"] = self.control_url
        return found

    def environment(self) -> dict[str, str]:
        """Return the environment for a bot that works on this sandbox."""
        return bot_environment(self.endpoints, self.directory, self.bot_port, self.policy)

    async def fault(self, name: str, on: bool) -> None:
        """Break a part on purpose, or mend it; raises ``ValueError`` for an unknown fault or a missing part."""
        await self.faults.switch(name, on)

    async def load(self, queue: str, *, rate: float | None = None, burst: int = 0) -> None:
        """Put ``burst`` jobs into a queue at once, and from now on ``rate`` jobs a second.

        ``queue`` is the name in Redis or the short one (``email``). Raises ``ValueError``.
        """
        if self.producer is None:
            raise ValueError("this sandbox has no queues")
        name = queue if queue.startswith("nova-") else f"nova-{queue}"
        if burst:
            await self.producer.burst(name, burst)
        if rate is not None:
            await self.producer.rate(name, rate)

    async def ordinary_day(self) -> None:
        """Let jobs arrive as on an ordinary day, at the sandbox's pace."""
        for queue, rate in DAY.items():
            await self.load(queue, rate=rate * self.speed)

    def cluster_changes(self) -> list[dict[str, Any]]:
        """Return the requests that changed the cluster, oldest first."""
        return self.cluster.changes() if self.cluster is not None else []

    def status(self) -> dict[str, Any]:
        """Return what runs, what is broken and what arrives, for a person."""
        pods = {app: self.cluster.ready_pods(app) for app in (API, WORKER)} if self.cluster is not None else {}
        return {
            "endpoints": self.endpoints,
            "faults": sorted(self.faults.on),
            "rates": self.producer.rates if self.producer is not None else {},
            "ready_pods": pods,
            "bot": self.bot.state if self.bot is not None else "not started here",
            "slack_connections": self.gate.sockets if self.gate is not None else 0,
            "cluster_changes": len(self.cluster_changes()),
        }

    # What the pretend API needs to know of the rest.

    def mongo_up(self) -> bool:
        """Say whether MongoDB answers; one that was not asked for counts as up."""
        return self.mongo is None or self.mongo.up

    def log(self, pod: int, lines: Iterable[str]) -> None:
        """Write to the log of an API pod."""
        if self.cluster is not None:
            self.cluster.log(API, pod, lines)

    async def enqueue(self, queue: str, data: dict[str, Any]) -> None:
        """Put one job into a queue."""
        if self.producer is not None:
            await self.producer.burst(queue, 1, data)


@contextlib.asynccontextmanager
async def running(
    directory: Path,
    *,
    slack_port: int = 0,
    parts: Iterable[str] = EVERYTHING,
    bot: bool = False,
    speed: float = 1.0,
    policy: Path = POLICY,
) -> AsyncIterator[Sandbox]:
    """Start the parts, give the running sandbox, and stop everything in reverse order.

    Several sandboxes run side by side when each has its own directory: every port but ``slack_port`` is a free one.
    ``speed`` shortens what takes time in NovaPulse: jobs, pod starts, back-offs. Raises ``ValueError`` for an unknown
    part and ``StartError`` when one does not start.
    """
    wanted = frozenset(parts)
    if unknown := wanted - EVERYTHING:
        raise ValueError(f"unknown parts {sorted(unknown)}; there are {sorted(EVERYTHING)}")
    sandbox = Sandbox(_made(directory), speed, free_port(), policy)
    async with contextlib.AsyncExitStack() as stack:
        await asyncio.gather(
            _start_slack(sandbox, stack, slack_port) if "slack" in wanted else _nothing(),
            _start_redis(sandbox, stack) if "redis" in wanted else _nothing(),
        )
        if "mongo" in wanted:
            sandbox.mongo = MongoStandIn()
            await _opened(stack, sandbox.mongo)
        await _start_receivers(sandbox, stack, wanted)
        if "api" in wanted:
            await _start_api(sandbox, stack)
        if "cluster" in wanted:
            await _start_cluster(sandbox, stack, with_workers="workers" in wanted)
        write_endpoints(sandbox)
        if bot:
            sandbox.bot = BotProcess(sandbox.environment(), sandbox.directory)
            await _opened(stack, sandbox.bot)
        yield sandbox


def _made(directory: Path) -> Path:
    directory = directory.resolve()
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def write_endpoints(sandbox: Sandbox) -> None:
    """Write ``endpoints.json`` and ``bot.env`` into the sandbox's directory."""
    text = json.dumps(sandbox.endpoints, indent=2) + "\n"
    (sandbox.directory / "endpoints.json").write_text(text, encoding="utf-8")
    write_environment(sandbox.environment(), sandbox.directory)


async def _opened(stack: contextlib.AsyncExitStack, part: Any) -> None:
    """Start a part and have it stopped in the end, also when its start fails half way."""
    stack.push_async_callback(part.stop)
    await part.start()


async def _start_slack(sandbox: Sandbox, stack: contextlib.AsyncExitStack, port: int) -> None:
    sandbox.slack = LocalSlack(sandbox.directory / "slack", port=port)
    await _opened(stack, sandbox.slack)
    sandbox.gate = SlackGate(sandbox.slack.url)
    await _opened(stack, sandbox.gate)


async def _start_redis(sandbox: Sandbox, stack: contextlib.AsyncExitStack) -> None:
    sandbox.redis = RedisServer(sandbox.directory / "redis")
    await _opened(stack, sandbox.redis)
    write = processes.to_file(sandbox.directory / "producer.log")
    sandbox.producer = Producer(sandbox.redis.direct_url, write)
    stack.push_async_callback(sandbox.producer.stop)


async def _start_api(sandbox: Sandbox, stack: contextlib.AsyncExitStack) -> None:
    sandbox.api = NovaPulseApi(sandbox.redis.url if sandbox.redis is not None else None, sandbox)
    if sandbox.mongo is not None:
        sandbox.mongo.show(sandbox.api.webhooks)
    await _opened(stack, sandbox.api)


async def _start_cluster(sandbox: Sandbox, stack: contextlib.AsyncExitStack, *, with_workers: bool) -> None:
    starters = {}
    if with_workers and sandbox.redis is not None:
        api = sandbox.api
        delivered = api.webhooks.arrived if api is not None else _delivered_nowhere
        sandbox.workers = Workers(sandbox.redis.direct_url, sandbox.speed, delivered)
        starters = {WORKER: sandbox.workers.start}
    sandbox.cluster = Cluster(sandbox.directory, lambda: datetime.now(UTC), starters=starters, pace=sandbox.speed)
    if sandbox.workers is not None:
        sandbox.workers.store = sandbox.cluster.store
    stack.push_async_callback(sandbox.cluster.stop)
    endpoints = sandbox.endpoints
    await sandbox.cluster.start(
        {
            "MONGO_URI": endpoints.get("mongo", "mongodb://mongodb/novapulse"),
            "REDIS_URL": endpoints.get("redis", "redis://redis"),
        }
    )
    if sandbox.workers is not None and sandbox.producer is not None:
        await sandbox.producer.start()


async def _start_receivers(sandbox: Sandbox, stack: contextlib.AsyncExitStack, wanted: frozenset[str]) -> None:
    if "pagerduty" in wanted:
        sandbox.pagerduty = PagerDuty()
        await _opened(stack, sandbox.pagerduty)
    if "mail" in wanted:
        sandbox.mail = MailServer()
        await _opened(stack, sandbox.mail)


def _delivered_nowhere(_webhook: str, _event: str) -> None:
    """Forget a delivery: this sandbox has no API that would show it."""


async def _nothing() -> None:
    """Start nothing."""
