"""What the command line does besides serving: the same commands under the same rules, also while Slack is down."""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from rich.console import Console

from bot import app, catalog
from bot.app import Bot, clock
from bot.check.findings import findings
from bot.console import run
from bot.console.hidden import Read, filled_in
from bot.console.invocation import Invocation, interpreter
from bot.console.render import Screen
from bot.errors import Refused
from bot.policy import Policy
from bot.policy_file import PolicyFile
from bot.reference import PATH as REFERENCE
from bot.reference import reference
from bot.reply import Level
from bot.request import Actor, Decision, Request
from bot.runbook_table import LINES, runbook_table
from bot.runbook_table import PATH as TABLE
from bot.settings import Settings
from bot.slack.manifest import as_json
from bot.stores.executors import BEAT, CONSOLE, Executors
from bot.stores.plans import Plans, StoredPlan
from bot.stores.requests import Requests

MANIFEST: Final = "deploy/slack-manifest.json"

_Item = TypeVar("_Item", Request, Decision)


@dataclass(frozen=True)
class Login:
    """Who the operating system says is at the terminal, and whose place they want to take (a ``console`` name)."""

    name: str
    act_as: str = ""


@dataclass(frozen=True)
class Click:
    """What somebody wants to happen to a plan."""

    plan: str
    action: str
    reason: str = ""


@dataclass
class _Elsewhere:
    """Starts nothing: the run's row is there, and a process that serves takes it over once this one has left."""

    name: str

    async def start(self, run_id: str) -> None:
        """Leave the run to others."""


def actor_of(policy: Policy, login: Login) -> Actor:
    """Return the person whose ``console`` name this login is; raises Refused, saying what to set."""
    wanted = login.act_as or login.name
    if wanted != login.name and not policy.console_as_anybody:
        raise Refused(
            f"You are logged in as {login.name}, so you cannot act as {wanted}.",
            hint="Only the policy of a pretend system allows that (console_as_anybody = true).",
        )
    for person, entry in policy.people.items():
        if entry.console and entry.console == wanted:
            return Actor(id=person, name=entry.name)
    names = ", ".join(entry.console for entry in policy.people.values() if entry.console)
    other = f" Or take somebody's place with --as: {names}." if policy.console_as_anybody else ""
    raise Refused(
        f"Nobody in the policy has the login name {wanted}.",
        hint=f'Put console = "{wanted}" into that person\'s entry under [people].{other}',
    )


async def run_line(
    settings: Settings, line: str, login: Login, screen: Screen | None = None, *, read: Read | None = None
) -> int:
    """Run a command line such as ``/queue-stats``, print the answer and return the exit code; raises ``BotError``.

    ``read`` asks for what nobody may see, by the argument's name.
    """
    screen = screen or screen_of()
    arguments = filled_in(line, catalog.load(), read) if read else None
    async with _present(settings) as bot:
        asked = await _item(bot, login, lambda actor: run.request(line, actor, clock(), arguments=arguments))
        async with _closed_when_interrupted(bot, asked):
            code = await run.ask(asked, bot.dispatcher, screen=screen)
        proposed = await Plans(bot.core.database).of_request(asked.id)
        await _say_who_executes(bot, proposed, screen)
        # To a script, waiting for an approval is no warning, and a refusal is.
        return 0 if proposed is not None else await _judged(bot, asked, code)


async def decide(settings: Settings, click: Click, login: Login, screen: Screen | None = None) -> int:
    """Decide on a plan, print what came of it and return the exit code; raises ``BotError``."""
    screen = screen or screen_of()
    async with _present(settings) as bot:
        decided = await _item(
            bot, login, lambda actor: run.decision(click.plan, click.action, click.reason, actor, clock())
        )
        async with _closed_when_interrupted(bot, decided):
            code = await run.decide(decided, bot.dispatcher, bot.core.outbox, screen=screen)
        plans = Plans(bot.core.database)
        made = await plans.of_request(decided.id)
        if made is not None and (card := await bot.core.outbox.posted(f"plan:{made.id}")):
            screen.show(card.body)  # an undo or a fresh attempt is a plan of its own
        await _say_who_executes(bot, made or await plans.get(click.plan), screen)
        return await _judged(bot, decided, code)


async def check(settings: Settings, screen: Screen | None = None) -> int:
    """Try everything, print a line for each and return 1 where something is wrong."""
    screen = screen or screen_of()
    found = await findings(settings, _process(), clock)
    screen.show(found)
    return int(found.level not in (Level.OK, Level.INFO))


def manifest(settings: Settings, *, url: str = "") -> str:
    """Return the Slack app manifest with ``COMMAND_PREFIX``; ``url`` is where Slack posts without Socket Mode."""
    return as_json(catalog.load(), prefix=settings.slack.command_prefix, url=url)


def write_documents(folder: Path) -> list[Path]:
    """Write what is generated from the declarations and the default policy into the project's folder."""
    declared = catalog.load()
    texts = {
        REFERENCE: reference(declared, PolicyFile(folder / "policy.toml", declared).current),
        MANIFEST: as_json(declared) + "\n",
        TABLE: runbook_table((folder / LINES).read_text(encoding="utf-8"), declared),
    }
    for path, text in texts.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    return [folder / path for path in texts]


def _process() -> str:
    return f"{CONSOLE}{socket.gethostname()[:40]}-{os.getpid()}"


def screen_of(*, env_file: str = "", act_as: str = "") -> Screen:
    """Return this process's screen; what is offered on it repeats the file with variables and whose place was taken."""
    # Through a pipe a line stays a line; on a screen it is wrapped.
    console = Console(soft_wrap=not sys.stdout.isatty(), highlight=False)
    return Screen(console, Invocation(interpreter(), env_file, act_as))


@asynccontextmanager
async def _present(settings: Settings) -> AsyncIterator[Bot]:
    """Make a bot that counts as alive for as long as it is here, so that none that serves takes up what it does."""
    name = _process()
    async with app.opened(settings) as core:
        executors = Executors(core.database)
        await executors.beat(name, clock())
        beating = asyncio.create_task(_keep_beating(executors, name))
        try:
            yield app.assembled(core, name, starter=_Elsewhere(name))
        finally:
            beating.cancel()
            await asyncio.wait([beating])
            await executors.leave(name)


async def _keep_beating(executors: Executors, name: str) -> None:
    while True:
        await asyncio.sleep(BEAT.total_seconds())
        await executors.beat(name, clock())


async def _item(bot: Bot, login: Login, make: Callable[[Actor], _Item]) -> _Item:
    """Return what is asked for by the person at the terminal; a stranger is refused, and that is on record too."""
    try:
        return make(actor_of(bot.core.policy.current, login))
    except Refused as refusal:
        item = make(Actor(id=f"{CONSOLE}{login.name}", name=login.name))
        requests = Requests(bot.core.database)
        await requests.open(item, holder=bot.name)
        await requests.close(item.id, "refused", refusal.message, clock())
        raise


@asynccontextmanager
async def _closed_when_interrupted(bot: Bot, item: Request | Decision) -> AsyncIterator[None]:
    try:
        yield
    except asyncio.CancelledError:
        # Left open, it would be taken up by the bot that serves.
        await Requests(bot.core.database).close(item.id, "failed", "interrupted at the terminal", clock())
        raise


async def _judged(bot: Bot, item: Request | Decision, code: int) -> int:
    """Return the exit code, which is not 0 for what the record calls refused or failed."""
    status = await Requests(bot.core.database).status(item.id)
    return max(code, 1) if status in ("refused", "failed") else code


async def _say_who_executes(bot: Bot, plan: StoredPlan | None, screen: Screen) -> None:
    """Say so where nobody is there who would execute a plan that has not come to its end."""
    if plan is None or plan.closed_at is not None or await Executors(bot.core.database).serving(clock()):
        return
    starting = screen.invocation.serve()
    words = f"No bot serves at present: nothing executes plans or posts their cards until `{starting}` runs."
    screen.console.print(words, style="yellow", markup=False)
