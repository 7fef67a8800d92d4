"""The app's home tab: what needs somebody now, and what this person may run here."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import groupby

import structlog
from slack_sdk.web.async_client import AsyncWebClient

from bot.access import refusal
from bot.catalog import Catalog
from bot.command import Command
from bot.policy import PolicyInForce
from bot.reply import Bold, Button, Buttons, Code, Note, Part, Reply, Text
from bot.request import Actor
from bot.slack.blocks import render
from bot.slack.calls import SlackTrouble, call
from bot.slack.links import Links

Overview = Callable[[Actor], Awaitable[tuple[Part, ...]]]


@dataclass
class Home:
    """Publishes a person's home tab; ``overview`` gives what waits for them and the open incidents."""

    client: AsyncWebClient
    catalog: Catalog
    policy: PolicyInForce
    overview: Overview
    links: Links

    async def show(self, actor: Actor) -> None:
        """Publish the page; a page that cannot be shown is logged and nothing else."""
        blocks = render(await self.links.resolved(await self.page(actor))).blocks
        try:
            await call(self.client.views_publish(user_id=actor.id, view={"type": "home", "blocks": blocks}))
        except SlackTrouble as trouble:
            structlog.get_logger("bot.slack").warning("a home tab could not be shown", error=trouble.error)

    async def page(self, actor: Actor) -> Reply:
        """Return the page of this person."""
        allowed = [
            c for c in self.catalog.commands.values() if refusal(self.policy.current, actor, c.permission) is None
        ]
        parts: list[Part] = [*await self._overview(actor)]
        if not allowed:
            parts.append(Text.of("The policy allows you no command here."))
        by_section = sorted(allowed, key=lambda command: command.section)
        for section, commands in groupby(by_section, key=lambda command: command.section):
            parts += _section(section, list(commands))
        return Reply(title="NovaPulse operations", parts=tuple(parts))

    async def _overview(self, actor: Actor) -> tuple[Part, ...]:
        try:
            return await self.overview(actor)
        except Exception:  # noqa: BLE001 - the rest of the page is still of use
            structlog.get_logger("bot.slack").exception("the overview could not be made")
            return (Note.of("What is waiting could not be read."),)


def _section(name: str, commands: list[Command]) -> tuple[Part, Part]:
    lines: list[str | Bold | Code] = [Bold(text=name)]
    for command in commands:
        lines += ["\n", Code(text=command.usage), " ", command.description]
    return Text.of(*lines), Buttons(buttons=tuple(map(_button, commands[:5])))


def _button(command: Command) -> Button:
    needs_more = any(parameter.required for parameter in command.parameters)
    return Button(label=command.name, action="form" if needs_more else "run", value=command.name)


async def nothing(_: Actor) -> tuple[Part, ...]:
    """Return an empty overview."""
    return ()
