"""The composition root: everything is opened in order and closed in reverse."""

import asyncio
import secrets
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from prometheus_client import CollectorRegistry

from bot import catalog as declarations
from bot import log
from bot.alerting.parts import alerting_parts, oncall_parts, oncall_ticks
from bot.alerting.pipeline import Alerting
from bot.catalog import Catalog
from bot.clients.api import NovaPulseApi
from bot.clients.api_parts import api_parts
from bot.clients.deadman import DeadmanSwitch
from bot.clients.effects import effects
from bot.clients.mongo import Mongo
from bot.clients.mongo_parts import mongo_parts
from bot.clients.platform_parts import by_type, platform_parts
from bot.clients.queue_parts import drain_parts, queue_parts
from bot.clients.queues import Queues
from bot.clients.redis import RedisServer
from bot.deadman import Deadman
from bot.dispatch.again import Again
from bot.dispatch.approve import Approvals
from bot.dispatch.checkpoint import Checkpoint, NoCheckpoint
from bot.dispatch.clocks import Clocks
from bot.dispatch.dependencies import Dependencies
from bot.dispatch.duplicates import Duplicates
from bot.dispatch.ending import Ending
from bot.dispatch.execute import Engine
from bot.dispatch.gate import Gate, Starter
from bot.dispatch.notices import Notices
from bot.dispatch.operations import Operations
from bot.dispatch.pipeline import Dispatcher
from bot.dispatch.planner import Planner
from bot.dispatch.questions import Questions
from bot.dispatch.rooms import Rooms
from bot.dispatch.sealing import Sealing
from bot.dispatch.steps import Steps
from bot.dispatch.watching import Watching
from bot.loading import settled
from bot.overview import Overview
from bot.policy import Policy
from bot.policy_file import PolicyFile
from bot.pulse import Pulse, Tick
from bot.receivers.room import Receivers
from bot.reload import Reload
from bot.schedule import Schedules
from bot.scheduler import Scheduler, ScheduleStores, Work
from bot.settings import Settings
from bot.slack.app import EVENTS_PATH, SlackRoom
from bot.slack.pace import Pace
from bot.slack.self_test import SelfTest
from bot.stores.archive import Archive
from bot.stores.baselines import Baselines
from bot.stores.database import Database
from bot.stores.drains import Drains
from bot.stores.fires import Fires
from bot.stores.freezes import Freezes
from bot.stores.history import plain_queues
from bot.stores.incidents import Incidents
from bot.stores.outbox import Outbox
from bot.stores.plans import Plans
from bot.stores.process_name import process_name
from bot.stores.pruning import prunings
from bot.stores.requests import Requests
from bot.stores.runs import Locks, Runs
from bot.stores.samples import Samples
from bot.stores.silences import Silences
from bot.stores.vault import Vault
from bot.watch import Watch
from bot.web import Handler, WebServer, ports


def clock() -> datetime:
    """Return the time; everything else is told it."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Core:
    """What serving and the console share: the declarations, the policy, the own state and the systems."""

    settings: Settings
    catalog: Catalog
    policy: PolicyFile
    database: Database
    outbox: Outbox
    systems: dict[str, object]


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Core]:
    """Open what serving and the console share; raises ``InvalidPolicy`` and ``InvalidDeclaration``."""
    catalog = declarations.load()
    policy = PolicyFile(settings.state.policy_file, catalog, settings.redis.queues, clock=clock)
    async with AsyncExitStack() as stack:
        database = Database(settings.state.state_url.get_secret_value())
        stack.push_async_callback(database.close)
        await database.migrate()
        api, queues, redis = NovaPulseApi(settings.api), Queues(settings.redis), RedisServer(settings.redis)
        mongo = Mongo(settings.mongo)
        for client in (api, queues, redis, mongo):
            stack.push_async_callback(client.close)
        queues.remember_plain(await plain_queues(Samples(database), queues.shorts, clock()))
        systems: dict[str, object] = {
            "api": api, "queues": queues, "redis": redis, **mongo_parts(mongo), "freezes": Freezes(database),
        }  # fmt: skip
        key = settings.slack.sealing_key
        vault, archive = Vault(database, key), Archive(database, key)
        systems |= queue_parts(stack, settings.redis, queues, archive)
        areas = (settings.platform, settings.redis)
        systems |= platform_parts(stack, areas, vault, clock=clock) | {"vault": vault}
        systems |= drain_parts(systems, Drains(database, clock), clock=clock)
        systems |= api_parts(settings.api, api, mongo, systems["cluster"]) | oncall_parts(database)
        systems["effects"] = effects(systems, queues, Baselines(database), Samples(database), clock)
        yield Core(settings, catalog, policy, database, Outbox(database), systems)


@dataclass(frozen=True)
class Bot:
    """The rooms of one process, made and not yet started."""

    core: Core
    name: str
    dispatcher: Dispatcher
    clocks: Clocks
    engine: Engine
    scheduler: Scheduler
    oncall: dict[str, Tick]


def assembled(core: Core, name: str, *, checkpoint: Checkpoint | None = None, starter: Starter | None = None) -> Bot:
    """Make the rooms under this process's name; ``starter`` stands in for the engine where another process runs it."""
    found = _dependencies(core)
    database, policy, channel = core.database, core.policy, core.settings.slack.alerts_channel
    paging = core.settings.paging
    alerting, acts = alerting_parts(database, policy, core.catalog, channel=channel, clock=clock, paging=paging)
    scheduler = _scheduler(core, name, found, alerting)
    dependencies = Dependencies({**found, Schedules: scheduler})
    dependencies.check(core.catalog)
    reached = checkpoint or NoCheckpoint()
    notices = Notices(database, core.outbox, core.catalog, policy, alerts_channel=channel)
    oncall = oncall_ticks(database, policy, notices.line, channel=channel, paging=paging)
    planner = Planner(core.catalog, dependencies, policy, Freezes(database))
    ending = Ending(database, notices)
    approvals = Approvals(database, notices, policy, Duplicates(database, planner, ending), reached)
    questions = Questions(database, planner, notices, policy)
    steps = Steps(database, Operations(core.systems | acts), questions, notices, reached, clock)
    engine = Engine(name, database, steps, ending, reached, clock)
    gate = Gate(database, planner, approvals, notices, starter or engine, reached)
    again, watching = Again(database, planner, approvals), Watching(database, planner, ending, policy)
    rooms = Rooms(planner, approvals, gate, again, questions, watching, notices, clock)
    sealing = Sealing(core.catalog, Vault(database, core.settings.slack.sealing_key))
    dispatcher = Dispatcher(name, database, rooms, clock, checkpoint=reached, sealing=sealing)
    clocks = Clocks(database, approvals, gate, notices, policy)
    return Bot(core, name, dispatcher, clocks, engine, scheduler, oncall)


def _dependencies(core: Core) -> dict[type, object]:
    """Return what commands and schedules may ask for by type."""
    database = core.database
    own = (core.catalog, core.policy, core.outbox, Archive(database, core.settings.slack.sealing_key))
    stores = (Plans(database), Runs(database), Locks(database), Requests(database), Samples(database), Fires(database))
    alerts = (Incidents(database), Silences(database))
    return by_type(core.systems) | {type(part): part for part in (*own, *stores, *alerts)}


def _scheduler(core: Core, name: str, found: dict[type, object], alerting: Alerting) -> Scheduler:
    database, channel = core.database, core.settings.slack.alerts_channel

    def policy() -> Policy:
        return core.policy.current

    prune = prunings(database, core.outbox, clock)
    work = Work(core.catalog, found.__getitem__, alerting.tick, prune)
    stores = ScheduleStores(database, Fires(database), core.outbox)
    holder = f"{name}/{secrets.token_hex(4)}"  # a restarted process is another holder
    return Scheduler(stores, work, policy=policy, channel=channel, holder=holder, clock=clock)


async def serve(settings: Settings, checkpoint: Checkpoint | None = None, pace: Pace | None = None) -> int:
    """Run the bot until SIGTERM or SIGINT: new work is told so, counted work finishes, everything is closed.

    SIGHUP takes over a changed policy file at once. ``pace`` is another than Slack's, for a Slack without limits.
    """
    log.set_up(settings.service.log_level, settings.service.log_format)
    stopped, hurry = asyncio.Event(), asyncio.Event()
    for number, told in ((signal.SIGTERM, stopped), (signal.SIGINT, stopped), (signal.SIGHUP, hurry)):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    state_url = settings.state.state_url.get_secret_value()
    with process_name(state_url) as name:
        async with opened(settings) as core, AsyncExitStack() as stack:
            bot = assembled(core, name, checkpoint=checkpoint)
            await bot.engine.launch(state_url)
            stack.push_async_callback(bot.engine.close)
            await _start_rooms(bot, stack, hurry, pace or Pace())
            settled()
            structlog.get_logger("bot").info("ready", name=name, commands=len(core.catalog.commands))
            await stopped.wait()
            structlog.get_logger("bot").info("stopping")
            await bot.dispatcher.drain()
    return 0


async def _start_rooms(bot: Bot, stack: AsyncExitStack, hurry: asyncio.Event, pace: Pace) -> None:
    core = bot.core
    slack = SlackRoom(core.settings.slack, bot.dispatcher, core.catalog, core.policy, core.outbox, clock=clock)
    slack.pace = pace
    slack.overview = Overview(core.database, core.policy, clock)
    channel, stores = core.settings.slack.alerts_channel, (core.database, core.outbox)
    slack.self_test = SelfTest(stores, core.policy, pace, name=bot.name, channel=channel, clock=clock)
    reload = Reload(core.policy, bot.scheduler, core.outbox, channel=channel)
    receivers = Receivers(
        core.settings.paging, stores, policy=lambda: core.policy.current, channel=channel, clock=clock
    )
    ticks: dict[str, Tick] = {"engine": bot.engine.tick, "approvals": bot.clocks.tick, "inbox": bot.dispatcher.tick}
    ticks["self-test"] = slack.self_test.tick
    pulse = Pulse(ticks | bot.oncall | {"policy": reload.tick, "second path": receivers.tick}, clock)
    registry = CollectorRegistry()
    problems = {"slack": slack.unwell, "schedules": bot.scheduler.problem, "receivers": receivers.problem}
    watched = (core.outbox, Plans(core.database), Runs(core.database))
    watch = Watch(watched, pulse, problems, registry, clock)
    deadman = Pulse({"deadman": Deadman(DeadmanSwitch(core.settings.paging), watch.vitals).tick}, clock)
    routed: dict[str, Handler] = {} if slack.uses_socket else {EVENTS_PATH: slack.receive}
    for port, routes in ports(core.settings.slack.port, core.settings.service.metrics_port, routed).items():
        server = WebServer(port, watch=watch, registry=registry, routes=routes)
        stack.push_async_callback(server.stop)
        await server.start()
    stack.push_async_callback(slack.stop)
    await slack.start()
    stack.push_async_callback(receivers.stop)
    await receivers.start()
    stack.push_async_callback(bot.scheduler.stop)
    await bot.scheduler.start()
    stack.push_async_callback(pulse.stop)
    pulse.start()
    stack.push_async_callback(deadman.stop)
    deadman.start()
    hurried = asyncio.create_task(reload.hurried(hurry, clock), name="reload")
    stack.callback(hurried.cancel)
