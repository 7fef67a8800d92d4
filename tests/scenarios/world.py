"""A pretend NovaPulse with the bot at work in it, and what people do on its Slack page."""

import asyncio
import itertools
import json
import re
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from redis.asyncio import Redis

from bot.slack.app import EVENTS_PATH
from sandbox.environment import POLICY
from sandbox.site import EVERYTHING, Sandbox, running
from sandbox.slack import LocalSlack
from sandbox.slack_gate import Call, SlackGate
from sandbox.slack_page import Message, SlackPage, button, buttons, shown_text
from tests.scenarios.bot import AS_DEPLOYED, WITHOUT_LIMITS, Bot

PACE = 10.0
"""How much faster than in life jobs, pod starts and back-offs are."""
PATIENCE = 30.0
TYPED_IN = ("ops", "general", "novapulse-alerts")
Edit = tuple[str, str]

_WATCHING = re.findall(r"\[schedules\.api-watch\].*?(?=# --- alerts)", POLICY.read_text(encoding="utf-8"), re.DOTALL)[0]
QUIET: Edit = (_WATCHING, re.sub(r'every = "\w+"', 'every = "1d"', _WATCHING))
"""A policy's edit: no alerts; a module that is about something else has none to tell apart."""


UNTESTED: Edit = ('self_test_every = "1m"', 'self_test_every = "0s"')
"""No self-test, whose message would stand among those that a module is about."""


class World:
    """The sandbox, a person's page, and the bot; channels take turns: Slack allows each a post a second."""

    def __init__(self, sandbox: Sandbox, page: SlackPage, bot: Bot, *, prefix: str = "") -> None:
        self.sandbox = sandbox
        self.page = page
        self.bot = bot
        self.prefix = prefix
        self.policy = Path(bot.environment["POLICY_FILE"])
        self._channels = itertools.cycle(TYPED_IN)

    @property
    def gate(self) -> SlackGate:
        """The gate before local-slack."""
        assert self.sandbox.gate is not None
        return self.sandbox.gate

    @property
    def database(self) -> Path:
        """The file of the bot's own database."""
        return Path(self.bot.environment["STATE_URL"].removeprefix("sqlite:///"))

    async def ask(self, user: str, line: str, *words: str, channel: str = "", seconds: float = PATIENCE) -> Message:
        """Type a command and return the new message that answers it with all these words."""
        channel = channel or next(self._channels)
        known = self.shown(channel)
        await self.page.command(user, channel, "/" + self.prefix + line.removeprefix("/"))
        return await self.new(channel, known, *words, seconds=seconds)

    def shown(self, channel: str) -> set[str]:
        """Return which messages stand in a channel."""
        return {message["ts"] for message in self.page.messages(channel)}

    async def new(self, channel: str, known: set[str], *words: str, seconds: float = PATIENCE) -> Message:
        """Return a message that was not there and shows all these words."""

        def fits(message: Message) -> bool:
            return message["ts"] not in known and _has(message, words)

        try:
            return await self.page.wait_message(channel, fits, seconds=seconds)
        except TimeoutError:
            there = [shown_text(m) for m in self.page.messages(channel) if m["ts"] not in known]
            raise AssertionError(f"{words} is not in what came: {there}") from None

    async def press(self, user: str, card: Message, label: str, *words: str) -> Message:
        """Press a button of a card, also one that the card showed once, and return the new message it brings."""
        known = self.shown(card["channel"])
        await self.click(user, card, label)
        return await self.new(card["channel"], known, *words)

    async def click(self, user: str, card: Message, label: str) -> None:
        """Press a button of a card, also one that the card showed once."""
        await self.page.press(user, card["channel"], card, button(card, label))

    async def becomes(self, card: Message, *words: str, seconds: float = PATIENCE) -> Message:
        """Return the card once it shows all these words."""

        def fits(message: Message) -> bool:
            return message["ts"] == card["ts"] and _has(message, words)

        try:
            return await self.page.wait_message(card["channel"], fits, seconds=seconds)
        except TimeoutError:
            now = next(m for m in self.page.messages(card["channel"]) if m["ts"] == card["ts"])
            raise AssertionError(f"{words} is not in the card: {shown_text(now)}") from None

    async def shows_buttons(self, card: Message, *wanted: str) -> None:
        """Wait until the card has these buttons and no others."""

        def look() -> bool:
            now = next(m for m in self.page.messages(card["channel"]) if m["ts"] == card["ts"])
            return labels(now) == list(wanted)

        await self.page.wait_for(look, seconds=PATIENCE, what=f"the card with only {wanted}")

    async def plan(self, line: str, *, user: str = "operator") -> Message:
        """Ask for a change and return its card."""
        return await self.ask(user, line, "Waits for approval", "Can be approved until")

    async def form(self, user: str, open_it: Callable[[], Any]) -> dict[str, Any]:  # noqa: ARG002 - says who does it
        """Do what opens a form, and return the form."""
        known = {view["id"] for view in self.page.views}
        await open_it()
        return await self.page.wait_for(
            lambda: next((view for view in self.page.views if view["id"] not in known), None), what="a new form"
        )

    async def submit(self, user: str, **fields: object) -> None:
        """Submit the form on top: a text for a field, True for a ticked box, a field as Slack says it."""
        await self.page.submit(user, {f"argument:{name}": {"value": _field(value)} for name, value in fields.items()})

    async def field_errors(self) -> dict[str, str]:
        """Return what the form says beside its fields, waiting for it."""
        return dict(await self.page.wait_for(lambda: self.page.view_errors or None, what="errors in the form"))

    def calls(self, method: str = "") -> list[Call]:
        """Return the calls of the Web API that reached Slack, with their bodies as the bot sent them."""
        return [call for call in self.gate.calls if method in ("", call.method) and call.status == 200]

    def scaled(self) -> list[dict[str, Any]]:
        """Return the requests that changed the cluster."""
        return self.sandbox.cluster_changes()

    async def replicas(self, count: int, deployment: str = "novapulse-worker") -> None:
        """Set a deployment's replicas behind the bot's back and wait until its pods are ready."""
        cluster = self.sandbox.cluster
        assert cluster is not None
        cluster.store.change("deployments", "novapulse", deployment, lambda found: found["spec"].update(replicas=count))
        await cluster.wait_ready(deployment, count)

    def forget_revisions(self) -> None:
        """Let no deployment have an earlier revision, whatever was released before."""
        cluster = self.sandbox.cluster
        assert cluster is not None
        for found in cluster.store.list("replicasets", "novapulse"):
            if not found["spec"]["replicas"]:
                cluster.store.remove("replicasets", "novapulse", found["metadata"]["name"])

    @asynccontextmanager
    async def fault(self, *names: str) -> AsyncIterator[None]:
        """Break parts on purpose for as long as the block lasts."""
        for name in names:
            await self.sandbox.fault(name, on=True)
        try:
            yield
        finally:
            for name in names:
                await self.sandbox.fault(name, on=False)

    @asynccontextmanager
    async def rule(self, *edits: Edit) -> AsyncIterator[None]:
        """Let the running bot take over an edited policy, and the old one again afterwards."""
        before = self.policy.read_text(encoding="utf-8")
        await self._take_over(edited(before, edits))
        try:
            yield
        finally:
            await self._take_over(before)

    async def _take_over(self, text: str) -> None:
        after = len(self.bot.records)
        self.policy.write_text(text, encoding="utf-8")
        await self.bot.wait_log("policy reloaded", after=after)

    async def restart(self, **variables: str) -> None:
        """Stop the bot and start it again, with these variables changed."""
        await self.bot.stop()
        self.bot.environment |= variables
        await self.start()

    async def start(self) -> None:
        """Start the bot; return when it is connected."""
        await self.bot.start()
        if self.bot.environment.get("SLACK_APP_TOKEN"):
            await self.page.wait_connected()

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Read the bot's own database."""
        with self.own_database() as database:
            return list(database.execute(query, values))

    def forgotten_plans(self) -> int:
        """Cancel the plans that still wait, so that they disturb nobody, and return how many there were."""
        with self.own_database() as database:
            left = database.execute("update plans set status = 'cancelled' where status in ('waiting', 'approved')")
            return left.rowcount

    async def until(self, holds: Callable[[], bool], *, seconds: float = PATIENCE) -> None:
        """Wait for something in the bot's database, which tells nobody when it changes."""
        async with asyncio.timeout(seconds):
            while not holds():  # noqa: ASYNC110 - another process writes it, and tells nobody
                await asyncio.sleep(0.05)

    async def delivered(self, *, seconds: float = PATIENCE) -> None:
        """Wait until Slack has taken all that the bot had to say."""
        late = "select count(*) from messages where sent_version < version"
        await self.until(lambda: self.rows(late) == [(0,)], seconds=seconds)

    @contextmanager
    def own_database(self) -> Iterator[sqlite3.Connection]:
        """Open the bot's own database, as somebody with a shell on its machine."""
        database = sqlite3.connect(self.database, timeout=10, isolation_level=None)
        try:
            yield database
        finally:
            database.close()

    def redis(self) -> Redis:
        """Return a client of NovaPulse's Redis that no fault slows down."""
        assert self.sandbox.redis is not None
        client: Redis = Redis.from_url(self.sandbox.redis.direct_url, decode_responses=True)
        return client


@asynccontextmanager
async def opened(
    directory: Path,
    *,
    parts: Iterable[str] = EVERYTHING,
    door: str = "socket",
    edits: Iterable[Edit] = (QUIET,),
    variables: Mapping[str, str] | None = None,
    started: bool = True,
) -> AsyncIterator[World]:
    """Give a world whose bot listens by Socket Mode or, with the door ``http``, to signed requests."""
    async with AsyncExitStack() as stack:
        inner = frozenset(parts) - ({"slack"} if door == "http" else set())
        sandbox = await stack.enter_async_context(running(directory, parts=inner, speed=PACE))
        if door == "http":
            await _slack_over_http(sandbox, stack)
        page = await stack.enter_async_context(SlackPage(sandbox.endpoints["slack"]))
        policy = sandbox.directory / "policy.toml"
        policy.write_text(edited(POLICY.read_text(encoding="utf-8"), (UNTESTED, *edits)), encoding="utf-8")
        environment = sandbox.environment() | {"POLICY_FILE": str(policy)} | dict(variables or {})
        if door == "http":
            environment["SLACK_APP_TOKEN"] = ""
        # Who starts the bot in the test itself is after the start and the end as they are deployed.
        program = WITHOUT_LIMITS if started else AS_DEPLOYED
        bot = Bot(environment, sandbox.directory / "bot.log", program)
        stack.push_async_callback(bot.stop)
        world = World(sandbox, page, bot, prefix=environment.get("COMMAND_PREFIX", ""))
        if started:
            await world.start()
        yield world


async def _slack_over_http(sandbox: Sandbox, stack: AsyncExitStack) -> None:
    url = f"http://127.0.0.1:{sandbox.bot_port}{EVENTS_PATH}"
    sandbox.slack = LocalSlack(sandbox.directory / "slack", request_url=url)
    stack.push_async_callback(sandbox.slack.stop)
    await sandbox.slack.start()
    sandbox.gate = SlackGate(sandbox.slack.url)
    sandbox.gate.request_url = url
    stack.push_async_callback(sandbox.gate.stop)
    await sandbox.gate.start()


def edited(text: str, edits: Iterable[Edit]) -> str:
    """Return a policy with each of these texts replaced; one that is not there is a mistake of the test."""
    for old, new in edits:
        assert old in text, f"the policy has no {old!r}"
        text = text.replace(old, new)
    return text


def labels(card: Message) -> list[str]:
    """Return what the buttons of a message are called."""
    return [(element.get("text") or {}).get("text", "") for element in buttons(card)]


def text(message: Message) -> str:
    """Return what a message shows, with its no-break spaces as spaces."""
    return shown_text(message).replace("\u00a0", " ")


def plan_id(card: Message) -> str:
    """Return the id of the plan whose card this is."""
    return str(button(card, buttons(card)[0]["action_id"])["value"])


def sent_blocks(call: Call) -> str:
    """Return the text of all blocks of a call as the bot sent them."""
    body = json.loads(call.body)
    blocks = body.get("blocks") or []
    return shown_text({"text": body.get("text"), "blocks": json.loads(blocks) if isinstance(blocks, str) else blocks})


async def together(*waits: Any) -> list[Any]:
    """Wait for several things that go on at the same time."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(wait) for wait in waits]
    return [task.result() for task in tasks]


def _has(message: Message, words: Iterable[str]) -> bool:
    shown = text(message)
    return all(word in shown for word in words)


def _field(value: object) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    if isinstance(value, bool):
        option = {"text": {"type": "plain_text", "text": "Yes"}, "value": "yes"}
        return {"type": "checkboxes", "selected_options": [option] if value else []}
    return {"type": "plain_text_input", "value": value}
