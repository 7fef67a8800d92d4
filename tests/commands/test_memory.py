"""No command's memory grows with the size of what it reads: every one, against each source that it reads.

A command is run as people run it, up to its reply or its plan's card. Of one source there is then nearly as much as the
bot takes, and ten times that; the others are as they usually are.
"""

import gc
import itertools
import json
import subprocess
import sys
import tracemalloc
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pytest
import pytest_asyncio
import yaml
from pydantic import JsonValue

from bot import app
from bot.catalog import Catalog, load
from bot.clients.api import NovaPulseApi
from bot.clients.cluster_revisions import Revisions
from bot.clients.cluster_workloads import Workloads
from bot.clients.mongo import Mongo
from bot.clients.mongo_indexes import Indexes
from bot.clients.mongo_replica_set import ReplicaSet
from bot.clients.mongo_server import MongoServer
from bot.clients.platform import Configuring, CronJobReading, Platform, PodChanging, PodReading, WorkloadReading
from bot.clients.platform_changes import ChangeReading
from bot.clients.queue_changes import QueueChanges
from bot.clients.queues import Queues
from bot.clients.redis import RedisServer
from bot.clients.redis_keys import RedisKeys
from bot.clients.replica_metrics import MetricsReader
from bot.clients.webhooks import Webhooks
from bot.clients.working_jobs import WorkingJobs
from bot.command import Command
from bot.dispatch.parse import split_line
from bot.policy_file import PolicyFile
from bot.reply import Reply
from bot.request import Actor, Request
from bot.schedule import Schedules
from bot.settings import Settings
from bot.stores.archive import Archive
from bot.stores.escalations import Escalations
from bot.stores.fires import Fires
from bot.stores.freezes import Freezes
from bot.stores.handovers import Handovers
from bot.stores.incidents import Incidents
from bot.stores.outbox import Outbox
from bot.stores.overrides import Overrides
from bot.stores.pages import Pages
from bot.stores.plans import Plans
from bot.stores.requests import Requests
from bot.stores.runs import Locks, Runs
from bot.stores.samples import Samples
from bot.stores.silences import Silences
from bot.stores.vault import Vault
from tests.commands.large_state import fill_database, fill_redis
from tests.commands.large_systems import SIZES, WEBHOOK
from tests.servers import ROOT, redis_server

# With ten times as much to read the peak may be this much higher, for what is made by the way.
_FACTOR: Final = 2
_BYTES: Final = 500_000
# The Kubernetes library takes up to 4 MiB of an answer before it waits for its reader, of each of eight logs at a time.
# That nothing else of a log is kept is shown where logs are read (tests/clients/test_cluster_memory.py).
# Of the cluster several lists are read at a time, and how many of them are there at once is chance.
_BUFFERED: Final[Mapping[str, int]] = {"logs": 8 * 4 * 1024 * 1024, "cluster": 12 * 1024 * 1024}
# The deployment gives the bot 512 MiB, for several commands at once.
_CEILING: Final = 64 * 1024 * 1024

# What handlers ask for, and the sources behind it. What is not here yet fails the test.
_BEHIND: Final[Mapping[Any, tuple[str, ...]]] = {
    **dict.fromkeys((NovaPulseApi,), ("api",)),
    **dict.fromkeys((Webhooks,), ("api", "mongo")),
    **dict.fromkeys((MetricsReader,), ("api", "cluster", "logs")),
    **dict.fromkeys((Queues, QueueChanges, RedisServer, RedisKeys, WorkingJobs), ("redis",)),
    **dict.fromkeys((Mongo, Indexes, ReplicaSet, MongoServer), ("mongo",)),
    **dict.fromkeys((Platform,), ("cluster", "logs")),
    **dict.fromkeys((WorkloadReading, Configuring, PodReading, ChangeReading, Workloads, Revisions), ("cluster",)),
    **dict.fromkeys((CronJobReading,), ("cluster",)),
    **dict.fromkeys((PodChanging,), ("cluster", "redis")),
    **dict.fromkeys((Incidents, Outbox, Plans, Requests, Runs, Handovers, Pages), ("own",)),
    **dict.fromkeys((Silences, Overrides), ("own",)),
    # These are bounded by themselves: a call's own words, what is declared, what the policy file says, a row for each
    # scope of a freeze, a row that is asked for by its name, one for each level called for a page that is asked for by
    # its name, the targets of what runs (at most 200 plans are open), a sample a tick and series for 25 hours.
    **dict.fromkeys((Samples, Escalations, Locks), ()),
    **dict.fromkeys((Request, Actor, datetime, Catalog, PolicyFile, Freezes, Vault, Archive, Fires, Schedules), ()),
}

# What is typed of each command, so that it reads all that it can; a new command has no line here, and fails.
_LINES: Final[Mapping[str, tuple[str, ...]]] = {
    "/ack": ("i7",),
    "/alerts": ("", "undelivered"),
    "/approvals": ("",),
    "/audit": ("50",),
    "/cache": ("keys cache:*", "clear cache:*"),
    "/changes": ("4h",),
    "/clear-failed": ("all",),
    "/drain-queues": ("email", "all --how scale"),
    "/error-logs": ("api",),
    "/failed-jobs": ("", "email f0"),
    "/force-restart-workers": ("",),
    "/freeze": ("", "2h"),
    "/health": ("",),
    "/index-stats": ("webhooklogs",),
    "/metrics": ("",),
    "/mongo-status": ("",),
    "/morning-checklist": ("",),
    "/oncall": ("", "accept h7"),
    "/page": ('1 "a reason"',),
    "/pause-queue": ("email",),
    "/pods": ("",),
    "/promote-delayed": ("email",),
    "/queue-stats": ("",),
    "/rebuild-indexes": ("webhooklogs",),
    "/redis-keys": ("*",),
    "/redis-status": ("",),
    "/restart": ("worker",),
    "/resume-queue": ("webhook",),
    "/retry-failed": ("email",),
    "/rollback": ("api",),
    "/rollout-status": ("worker",),
    "/runbook": ("",),
    "/runs": ("", "p7"),
    "/scale-workers": ("5",),
    "/set-concurrency": ("7",),
    "/set-env": ("api LOG_LEVEL",),
    "/set-pool-size": ("20 5",),
    "/silence": ("alert=queue-waiting 2h --reason x", "list"),
    "/step-down-primary": ("",),
    "/test-webhook": (WEBHOOK,),
    "/top-pods": ("",),
    "/webhook": ("", WEBHOOK),
    "/webhook-logs": (WEBHOOK, f"{WEBHOOK} --source db"),
}

# Nothing is paused, which it finds out after it has read everything.
_REFUSED: Final = ("/resume-queue webhook",)
# What connects to everything there is.
_FIRST: Final = ("/health", "/pods")
_CATALOG: Final = load()
_NUMBERS: Final = itertools.count(1)


def _sources(command: Command) -> tuple[str, ...]:
    kinds = list(command.dependencies.values())
    if Schedules in kinds:
        kinds += _CATALOG.schedules[command.name.lstrip("/")].dependencies.values()
    return tuple(dict.fromkeys(source for kind in kinds for source in _BEHIND[kind]))


def test_every_command_is_measured_and_every_source_is_known() -> None:
    assert _LINES.keys() == _CATALOG.commands.keys()
    asked = {kind for command in _CATALOG.commands.values() for kind in command.dependencies.values()}
    asked |= set(_CATALOG.schedules["morning-checklist"].dependencies.values())  # which is a command too
    assert asked <= _BEHIND.keys()


@dataclass
class Large:
    """Where everything is: a source's addresses by its size."""

    folder: Path
    found: dict[str, dict[str, str]]
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    bots: dict[tuple[str, str], app.Bot] = field(default_factory=dict)
    asked: set[str] = field(default_factory=set)

    async def bot(self, source: str, size: str) -> app.Bot:
        """Return a bot of which one source is of this size, the others being as they usually are."""
        if (source, size) not in self.bots:
            core = await self.stack.enter_async_context(app.opened(self._settings(source, size)))
            self.bots[source, size] = app.assembled(core, "memory", starter=Nobody())
            for line in _FIRST:  # what is made once is made now
                await _ask(self.bots[source, size], line)
            gc.collect()
            gc.freeze()  # what is there by now is not looked at again before each measurement
        return self.bots[source, size]

    def _settings(self, source: str, size: str) -> Settings:
        of = {name: each[size if name == source else "usual"] for name, each in self.found.items()}
        server = of["logs"] if source == "logs" else of["cluster"]
        variables = {
            "NOVAPULSE_API_URL": of["api"],
            "NOVAPULSE_TOKEN": "a-token",
            "REDIS_URL": of["redis"],
            "MONGO_URL": of["mongo"],
            "STATE_URL": of["own"],
            "POLICY_FILE": str(ROOT / "policy.toml"),
            "SLACK_SIGNING_SECRET": "a-secret",
            "KUBECONFIG": str(self._kubeconfig(f"{source}-{size}", server)),
        }
        path = self.folder / "env"
        path.write_text("".join(f"{name}={value}\n" for name, value in variables.items()))
        return Settings(path)

    def _kubeconfig(self, name: str, server: str) -> Path:
        path = self.folder / f"kubeconfig-{name}"
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "clusters": [{"name": "test", "cluster": {"server": server}}],
            "users": [{"name": "test", "user": {"token": "a-token"}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        }
        path.write_text(yaml.safe_dump(content))
        return path


class Nobody:
    """Executes no run: what is measured ends with the plan."""

    name = "nobody"

    async def start(self, run_id: str) -> None:
        del run_id


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, dict[str, str]]]]:
    folder = tmp_path_factory.mktemp("large")
    program = [sys.executable, "-m", "tests.commands.large_systems"]
    with subprocess.Popen(program, stdout=subprocess.PIPE, cwd=ROOT) as systems, redis_server(folder) as url:
        try:
            found: dict[str, dict[str, str]] = {"redis": {}, "own": {}}
            for number, (name, size) in enumerate(SIZES.items()):
                found["redis"][name] = f"{url.removesuffix('/0')}/{number}"
                fill_redis(found["redis"][name], size)
                found["own"][name] = fill_database(folder, size)
            assert systems.stdout is not None
            yield folder, found | json.loads(systems.stdout.readline())
        finally:
            systems.kill()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def large(places: tuple[Path, dict[str, dict[str, str]]]) -> AsyncIterator[Large]:
    found = Large(*places)
    async with found.stack:
        yield found
    gc.unfreeze()


async def _ask(bot: app.Bot, line: str) -> tuple[str, Reply]:
    """Run a command line as somebody does who may do everything; return how its record ended, and the reply."""
    name, text = split_line(line)
    arguments: dict[str, JsonValue] | None = None
    if name == "/set-env":
        arguments = {"deployment": "api", "name": "LOG_LEVEL", "value": "debug"}
    actor = Actor(id="U0APPROVER", name="Amir Approver")
    request = Request(
        id=f"command:{next(_NUMBERS)}", actor=actor, command=name, text=text, arguments=arguments,
        received_at=app.clock(),
    )  # fmt: skip
    reply = await bot.dispatcher.answer(request)
    return str(await Requests(bot.core.database).status(request.id)), reply


async def _peak(large: Large, source: str, size: str, line: str) -> tuple[int, str, Reply]:
    """Return the most memory that a command takes, how its record ended, and what it says."""
    bot = await large.bot(source, size)
    gc.collect()
    tracemalloc.start()
    try:
        status, reply = await _ask(bot, line)
        return tracemalloc.get_traced_memory()[1], status, reply
    finally:
        tracemalloc.stop()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "source"),
    [
        (f"{command.name} {text}".strip(), source)
        for command in _CATALOG.commands.values()
        for text in _LINES.get(command.name, ())
        for source in _sources(command)
    ],
)
@pytest.mark.asyncio(loop_scope="module")
async def test_memory_does_not_grow_with_what_is_read(line: str, source: str, large: Large) -> None:
    if line not in large.asked:
        large.asked.add(line)
        await _ask(await large.bot("none", "usual"), line)  # what is made once is made now
    few, status, reply = await _peak(large, source, "few", line)
    many, *_ = await _peak(large, source, "many", line)
    assert status in ("done", "planned") or line in _REFUSED, reply
    assert few < _CEILING
    assert many < _FACTOR * few + _BYTES + _BUFFERED.get(source, 0)
