"""A small world for the tests of dispatch: a cluster kept in a file, a few commands, and everything put together."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, JsonValue, SecretStr

from bot.catalog import Catalog
from bot.command import Command, command
from bot.dispatch.again import Again
from bot.dispatch.approve import Approvals
from bot.dispatch.checkpoint import Checkpoint, NoCheckpoint
from bot.dispatch.clocks import Clocks
from bot.dispatch.dependencies import Dependencies
from bot.dispatch.duplicates import Duplicates
from bot.dispatch.ending import Ending
from bot.dispatch.execute import Engine
from bot.dispatch.gate import Gate
from bot.dispatch.notices import Notices
from bot.dispatch.operations import Operations
from bot.dispatch.pipeline import Dispatcher
from bot.dispatch.planner import Planner
from bot.dispatch.questions import Questions
from bot.dispatch.rooms import Rooms
from bot.dispatch.sealing import Sealing
from bot.dispatch.steps import Steps
from bot.dispatch.watching import Watching
from bot.errors import NotConfigured
from bot.plan import Change, Plan, Progress, Report, Step, Undo, condition, operation
from bot.policy import Policy
from bot.reply import Button, Buttons, Code, Note, Reply, Text, say
from bot.request import Actor, Decision, Request
from bot.stores.database import Database
from bot.stores.freezes import Freezes
from bot.stores.outbox import Outbox
from bot.stores.plans import Plans, StoredPlan
from bot.stores.requests import AuditEntry, Requests
from bot.stores.runs import Locks, Runs, StoredRun
from bot.stores.vault import Vault
from tests.own_database import with_tables

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
SECTION = "Adding a New Worker"

OLGA = Actor(id="U1", name="Olga Operator")
AMIR = Actor(id="U2", name="Amir Approver")
SANA = Actor(id="U3", name="Sana Approver")
OTTO = Actor(id="U4", name="Otto Oncall")
VERA = Actor(id="U5", name="Vera Viewer")


class Cluster:
    """A deployment in a file: what it is like, every change made to it, and what shall go wrong."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.trouble: list[Exception] = []
        self.sight: list[Exception | Progress] = []
        self.drained = asyncio.Event()
        self.calm = asyncio.Event()
        if not path.exists():
            self._write({"replicas": 2, "changes": [], "calls": [], "restarts": []})

    @property
    def replicas(self) -> int:
        return int(self._read()["replicas"])

    @property
    def changes(self) -> list[str]:
        return list(self._read()["changes"])

    @property
    def calls(self) -> list[str]:
        """Every call of an operation, also those that changed nothing."""
        return list(self._read()["calls"])

    def _called(self, name: str) -> None:
        state = self._read()
        self._write(state | {"calls": [*state["calls"], name]})

    def set(self, replicas: int, by: str = "outside") -> None:
        state = self._read()
        state["changes"].append(f"{by} {state['replicas']} -> {replicas}")
        self._write(state | {"replicas": replicas})

    @operation
    async def scale(self, replicas: int) -> dict[str, JsonValue]:
        self._called("scale")
        if self.trouble:
            raise self.trouble.pop(0)
        before = self.replicas
        if before != replicas:
            self.set(replicas, "scale")
        return {"changed": before != replicas, "before": before, "after": replicas}

    @operation
    async def restart(self, stamp: str) -> str:
        self._called("restart")
        state = self._read()
        if stamp in state["restarts"]:
            return "was restarted already"
        state["restarts"].append(stamp)
        state["changes"].append(f"restart {stamp}")
        self._write(state)
        return "restarted"

    @condition
    async def ready(self, replicas: int) -> Progress:
        if self.sight:
            seen = self.sight.pop(0)
            if isinstance(seen, Exception):
                raise seen
            return seen
        return Progress(done=self.replicas == replicas, message=f"{self.replicas} of {replicas} ready")

    @condition
    async def watched(self) -> Progress:
        return Progress(done=self.calm.is_set(), message="jobs that end fell from 12 to 3 a minute")

    @condition
    async def since(self, *, run_began: datetime, step_began: datetime) -> Progress:
        return Progress(done=True, message=f"{run_began.isoformat()} {step_began.isoformat()}")

    @operation
    async def drain(self, jobs: int, *, progress: Report) -> str:
        await progress(f"{jobs} jobs left, token=hunter2")
        await self.drained.wait()
        return "drained"

    async def unmarked(self) -> None:
        self.set(99, "unmarked")

    def _read(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self._path.read_text())
        return found

    def _write(self, state: dict[str, Any]) -> None:
        part = self._path.with_suffix(".part")
        part.write_text(json.dumps(state))
        part.replace(self._path)


@dataclass
class Moods:
    """What the handlers shall do differently in one test."""

    error: Exception | None = None
    hang: asyncio.Event | None = None
    calls: list[str] = field(default_factory=list)
    called: asyncio.Event = field(default_factory=asyncio.Event)
    extra: tuple[Step, ...] = ()
    also: tuple[str, ...] = ()
    timeout: float = 30.0


class Missing:
    """A system that nobody has configured."""


Replicas = Annotated[int, Field(ge=0, le=50, description="How many to run")]


@command("/scale", permission="workers:scale", section=SECTION)
async def scale(replicas: Replicas, *, cluster: Cluster, moods: Moods, request: Request) -> Plan:
    """Scale the workers."""
    moods.calls.append(f"scale {replicas}")
    if moods.error:
        raise moods.error
    before = cluster.replicas
    return Plan(
        title=f"Scale the workers from {before} to {replicas}",
        target="deployment/worker",
        also=moods.also,
        changes=(Change(what="replicas", before=str(before), after=str(replicas)),),
        facts={"replicas": before},
        steps=(
            Step(title="Scale", operation="cluster.scale", arguments={"replicas": replicas}, timeout=moods.timeout),
            Step(
                title="Ready",
                kind="wait",
                operation="cluster.ready",
                arguments={"replicas": replicas},
                timeout=moods.timeout,
                interval=0.05,
            ),
            Step(title="Restart", operation="cluster.restart", arguments={"stamp": request.id}, timeout=moods.timeout),
            *moods.extra,
        ),
        undo=Undo(
            title=f"Scale back to {before}",
            command="/scale",
            arguments={"replicas": before},
            expects={"replicas": replicas},
        ),
        warnings=("The autoscaler may revert it.",),
        blast_radius=("2 workers",),
        notes=("120 jobs wait",),
    )


@command("/free", permission="workers:scale", section=SECTION)
async def free(replicas: Replicas, *, cluster: Cluster) -> Plan:
    """Scale without anybody's approval."""
    return Plan(
        title="Free",
        target="deployment/free",
        changes=(),
        facts={"replicas": cluster.replicas},
        steps=(Step(title="Scale", operation="cluster.scale", arguments={"replicas": replicas}),),
        no_undo="it is free",
    )


@command("/read", permission="queues:read", section="Queues")
async def read(
    word: Annotated[str, Field(description="A word")] = "hello", *, moods: Moods, actor: Actor, now: datetime
) -> Reply:
    """Read something."""
    moods.calls.append(f"read {word}")
    moods.called.set()
    if moods.hang:
        await moods.hang.wait()
    if moods.error:
        raise moods.error
    return say("Read", Text.of(f"{word} for {actor.name} at {now:%H:%M}"))


@command("/either", permission="queues:read", change_permission="workers:scale", section=SECTION)
async def either(
    replicas: Annotated[int, Field(description="How many to run; 0 only looks")] = 0, *, cluster: Cluster
) -> Reply | Plan:
    """Look at the workers, or scale them."""
    return await free.handler(replicas=replicas, cluster=cluster) if replicas else say(f"{cluster.replicas} run")


@command("/missing", permission="queues:read", section="Queues")
async def missing(*, system: Missing) -> Reply:
    """Ask for a system that is not configured."""
    return say(str(system))


@command("/perhaps", permission="queues:read", section="Queues")
async def perhaps(*, system: Missing | None) -> Reply:
    """Ask for a system that may not be configured."""
    return say(f"system is {system}")


@command("/keep", permission="queues:read", section="Queues")
async def keep(
    name: Annotated[str, Field(description="Which")],
    value: Annotated[str, Field(description="What", json_schema_extra={"secret": True})] = "",
    *,
    moods: Moods,
) -> Reply:
    """Take something that nobody may see."""
    moods.calls.append(f"keep {name} {value}")
    return say("Kept")


POLICY: dict[str, Any] = {
    "people": {actor.id: {"name": actor.name} for actor in (OLGA, AMIR, SANA, OTTO, VERA)},
    "roles": {
        "viewer": {"permissions": ["queues:read"], "members": ["U5"]},
        "operator": {"includes": ["viewer"], "permissions": ["workers:scale"], "members": ["U1"]},
        "approver": {"includes": ["operator"], "members": ["U2", "U3"]},
        "oncall": {"includes": ["operator"], "members": ["U4"]},
    },
    "approvals": {
        "default": {"approvers": ["approver"], "ask_next": ["oncall"]},
        "/free": {"approvers": ["approver"], "needed": 0},
    },
    "break_glass": {"roles": ["oncall"], "commands": ["/scale"]},
    "limits": {},
    "schedules": {},
    "alerts": [],
}


def policy(**scale_rule: Any) -> Policy:
    rules = POLICY["approvals"] | ({"/scale": {"approvers": ["approver"]} | scale_rule} if scale_rule else {})
    return Policy.model_validate(POLICY | {"approvals": rules})


@dataclass
class InForce:
    current: Policy


@dataclass
class Clock:
    """A time that moves when it is told to."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **duration: float) -> datetime:
        self.now += timedelta(**duration)
        return self.now


class Ids:
    """Ids of payloads, unlike any other process's."""

    def __init__(self, prefix: str) -> None:
        self._numbers = itertools.count(1)
        self._prefix = prefix

    def __call__(self) -> str:
        return f"{self._prefix}-{next(self._numbers)}"


class Noted:
    """Notes what shall be executed, and executes nothing."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.started: list[str] = []

    async def start(self, run_id: str) -> None:
        self.started.append(run_id)


class World:
    """One process of the bot without Slack."""

    def __init__(
        self,
        directory: Path,
        *,
        name: str = "one",
        url: str = "",
        clock: Any = None,
        checkpoint: Checkpoint | None = None,
        deadline: float = 5.0,
        executes: bool = True,
    ) -> None:
        self.url = url or f"sqlite:///{directory / 'state.db'}"
        self.clock: Any = clock or Clock()
        self.database = Database(self.url)
        self.cluster = Cluster(directory / "cluster.json")
        self.moods = Moods()
        self.policy = InForce(policy())
        self.ids = Ids(name)
        declared: list[Command] = [scale, free, read, missing, perhaps, keep, either]
        self.catalog = Catalog({found.name: found for found in declared}, {})
        self.outbox = Outbox(self.database)
        reached = checkpoint or NoCheckpoint()
        absent = NotConfigured("The system", "SYSTEM_URL")
        dependencies = Dependencies({Cluster: self.cluster, Moods: self.moods, Missing: absent})
        dependencies.check(self.catalog)
        self.notices = Notices(self.database, self.outbox, self.catalog, self.policy, alerts_channel="#alerts")
        self.planner = Planner(self.catalog, dependencies, self.policy, Freezes(self.database), deadline=deadline)
        ending = Ending(self.database, self.notices)
        duplicates = Duplicates(self.database, self.planner, ending)
        self.approvals = Approvals(self.database, self.notices, self.policy, duplicates, reached)
        questions = Questions(self.database, self.planner, self.notices, self.policy)
        operations = Operations({"cluster": self.cluster, "absent": absent})
        steps = Steps(self.database, operations, questions, self.notices, reached, self.clock)
        self.engine = Engine(name, self.database, steps, ending, reached, self.clock)
        self.noted = Noted(name)
        starter = self.engine if executes else self.noted
        self.gate = Gate(self.database, self.planner, self.approvals, self.notices, starter, reached)
        again = Again(self.database, self.planner, self.approvals)
        watching = Watching(self.database, self.planner, ending, self.policy)
        rooms = Rooms(self.planner, self.approvals, self.gate, again, questions, watching, self.notices, self.clock)
        self.vault = Vault(self.database, SecretStr("a-key"))
        sealing = Sealing(self.catalog, self.vault)
        self.dispatcher = Dispatcher(name, self.database, rooms, self.clock, checkpoint=reached, sealing=sealing)
        self.clocks = Clocks(self.database, self.approvals, self.gate, self.notices, self.policy)
        self.plans, self.runs, self.locks = Plans(self.database), Runs(self.database), Locks(self.database)
        self.requests = Requests(self.database)

    def request(self, line: str, actor: Actor = OLGA, **more: Any) -> Request:
        name, _, rest = line.partition(" ")
        values = {"id": self.ids(), "actor": actor, "command": name, "text": rest, "channel": "C1"}
        return Request.model_validate(values | {"received_at": self.clock()} | more)

    def decision(self, action: str, subject: str, actor: Actor = AMIR, reason: str = "") -> Decision:
        values = {"id": self.ids(), "actor": actor, "action": action, "subject": subject, "reason": reason}
        return Decision.model_validate(values | {"channel": "C1", "received_at": self.clock()})

    async def say(self, line: str, actor: Actor = OLGA, **more: Any) -> str:
        """Type a line; return the request's id."""
        request = self.request(line, actor, **more)
        assert await self.dispatcher.accept(request)
        await self.dispatcher.handle(request)
        return request.id

    async def click(self, action: str, subject: str, actor: Actor = AMIR, reason: str = "") -> str:
        """Press a button; return the click's id."""
        decision = self.decision(action, subject, actor, reason)
        assert await self.dispatcher.accept(decision)
        await self.dispatcher.handle(decision)
        return decision.id

    async def propose(self, line: str = "/scale 5", actor: Actor = OLGA) -> StoredPlan:
        stored = await self.plans.of_request(await self.say(line, actor))
        assert stored is not None
        return stored

    async def plan(self, plan_id: str) -> StoredPlan:
        stored = await self.plans.get(plan_id)
        assert stored is not None
        return stored

    async def record(self, request_id: str) -> AuditEntry:
        return next(entry for entry in await self.requests.search(limit=100) if entry.id == request_id)

    async def reply(self, request_id: str) -> Reply | None:
        found = await self.outbox.posted(f"reply:{request_id}")
        return found.body if found else None

    async def card(self, plan_id: str) -> Reply:
        found = await self.outbox.posted(f"plan:{plan_id}")
        assert found is not None
        return found.body

    async def ended(self, run_id: str) -> StoredRun:
        """Wait until a run has ended; the test's own timeout bounds it."""
        while True:
            run = await self.runs.get(run_id)
            if run is not None and run.status != "running":
                return run
            await asyncio.sleep(0.02)

    async def shown(self, plan_id: str, words: str) -> None:
        """Wait until the card says these words."""

        async def said() -> bool:
            return words in text_of(await self.card(plan_id))

        await until(said)

    async def tick(self) -> None:
        """Do what the bot does every second."""
        now = self.clock()
        await self.engine.tick(now)
        await self.dispatcher.tick(now)
        await self.clocks.tick(now)


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait until something holds; the test's own timeout bounds it."""
    while True:
        if await holds():
            return
        await asyncio.sleep(0.02)


@asynccontextmanager
async def opened(world: World, *, engine: bool = True) -> AsyncIterator[World]:
    """Open the world's store and engine, and close them."""
    async with AsyncExitStack() as stack:
        stack.push_async_callback(world.database.close)
        await with_tables(world.database)
        if engine:
            stack.push_async_callback(world.engine.close)
            await world.engine.launch(world.url)
        yield world


def text_of(reply: Reply | None) -> str:
    """Everything a reply says, on one line a part."""
    assert reply is not None
    return "\n".join([reply.title, *(part.model_dump_json() for part in reply.parts)])


def words_of(reply: Reply) -> str:
    """The paragraphs and notes of a reply as words, what is set as code in backticks."""
    spans = [span for part in reply.parts if isinstance(part, Text | Note) for span in (*part.spans, "\n")]
    return "".join(f"`{it.text}`" if isinstance(it, Code) else it if isinstance(it, str) else "?" for it in spans)


def buttons_of(reply: Reply) -> list[str]:
    """The actions one can press."""
    return [button.action for button in all_buttons(reply)]


def all_buttons(reply: Reply) -> list[Button]:
    return [button for part in reply.parts if isinstance(part, Buttons) for button in part.buttons]
