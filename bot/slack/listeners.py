"""What happens when Slack delivers something: it is recorded, then acknowledged, then worked on.

Recorded before the ack, so that a crash in between loses nothing: Slack delivers again what was not acknowledged, and
what was recorded twice is worked on once.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import structlog
from pydantic import JsonValue
from slack_bolt.async_app import AsyncAck, AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.catalog import Catalog
from bot.command import Command
from bot.dispatch.parse import given, parse
from bot.errors import UsageError, UserError
from bot.request import WITH_REASON, Actor, Decision, Request, lacking
from bot.slack import forms
from bot.slack.calls import SlackTrouble, call
from bot.slack.payloads import Payload, Reader, channel_of, kind_of

ACCEPT_WITHIN: Final = 2.5  # seconds; Slack wants the ack within three
_ANY: Final = re.compile(r".*", re.DOTALL)
NOT_RECORDED: Final = (
    "This could not be recorded in the bot's own database in time, so it is not being done. "
    "Please look at how things stand before you try again."
)


class Dispatching(Protocol):
    """What this room needs of the dispatcher."""

    async def accept(self, item: Request | Decision) -> bool:
        """Record it; False where it is there already."""

    def withdraw(self, item: Request | Decision) -> None:
        """Never do what the person was told is not being done."""

    async def close_withdrawn(self, item: Request | Decision) -> None:
        """Close its record if it is there by now."""

    async def handle(self, item: Request | Decision, trouble: UserError | None = None) -> None:
        """Do everything that comes after the ack; ``trouble`` is why it cannot be done."""

    def form(self, request: Request) -> Command | None:
        """Return the command whose form is to be opened, if so."""

    def check(self, request: Request) -> None:
        """Raise a UserError where the request would be refused for its arguments or its actor."""

    async def check_decision(self, decision: Decision) -> None:
        """Raise a UserError where the decision would be refused for its actor or the state of its plan."""


@dataclass
class Listeners:
    """The answers to commands, clicks, submitted forms and the opened home tab."""

    dispatcher: Dispatching
    catalog: Catalog
    reader: Reader
    client: AsyncWebClient
    spawn: Callable[[Coroutine[Any, Any, None], str], None]
    show_home: Callable[[Actor], Coroutine[Any, Any, None]]

    def register(self, app: AsyncApp) -> None:
        """Answer everything that Slack delivers; what the catalogue does not know is the dispatcher's to say."""
        app.command(_ANY)(self.on_command)
        app.action(_ANY)(self.on_click)
        app.view(_ANY)(self.on_form)
        app.event("app_home_opened")(self.on_home)

    async def on_command(self, ack: AsyncAck, body: Payload) -> None:
        """Open the command's form where arguments are missing, else do it."""
        request = self.reader.command(body)
        command = self._form_of(request)
        if command is None:
            await self._take(request, ack, ack)
            return
        await ack()
        self._open(body, request, _form(command, given(command, request.text), request))

    async def on_click(self, ack: AsyncAck, body: Payload) -> None:
        """Open the form that the button asks for, else do what it says."""
        item = self.reader.click(body)
        if item is None:
            await ack()
            return
        if isinstance(item, Decision) and item.action in WITH_REASON:
            await self._ask_reason(item, ack, body)
        elif kind_of(body["actions"][0]) == "form" and isinstance(item, Request) and (view := self._filled_form(item)):
            await ack()
            self._open(body, item, view)
        else:
            await self._take(item, ack, self._whisper(ack, body))

    async def on_form(self, ack: AsyncAck, body: Payload) -> None:
        """Show what is wrong beside the field, else do it."""
        view = body["view"]
        item: Request | Decision
        if view["callback_id"] == forms.REASON:
            item = self.reader.reason(body, forms.reason(view))
            if missing := lacking(item.action, item.reason):
                await _errors(ack, forms.asks_for_reason(missing))
                return
        else:
            if empty := forms.left_out(view):
                await _errors(ack, empty)
                return
            item = self.reader.form(body, forms.arguments(view))
            try:
                self.dispatcher.check(item)
            except UsageError as error:
                await _errors(ack, forms.errors(error, view))
                return
            except UserError:
                pass  # recorded, refused and answered like everything else
        not_recorded = forms.errors(UserError(NOT_RECORDED), view)
        await self._take(item, ack, lambda text: _errors(ack, not_recorded if text else {}))

    async def on_home(self, body: Payload) -> None:
        """Show the person their page."""
        event = body["event"]
        if event.get("tab", "home") == "home":
            actor = self.reader.actor({"user": {"id": event["user"]}})
            self.spawn(self.show_home(actor), "home")

    async def _take(
        self,
        item: Request | Decision,
        ack: AsyncAck,
        refuse: Callable[[str], Awaitable[Any]],
        *,
        within: float = ACCEPT_WITHIN,
    ) -> None:
        """Record, acknowledge, and start the work; without a record nothing is done, and that is said."""
        try:
            async with asyncio.timeout(within):
                fresh = await self.dispatcher.accept(item)
        except Exception:  # noqa: BLE001 - whatever keeps it from being recorded keeps it from being done
            self.dispatcher.withdraw(item)  # its row may be there all the same
            self.spawn(self.dispatcher.close_withdrawn(item), f"withdraw {item.id}")
            structlog.get_logger("bot.slack").exception("a request could not be recorded", id=item.id)
            await refuse(NOT_RECORDED)
            return
        await ack()
        if fresh:
            self.spawn(self.dispatcher.handle(item), f"handle {item.id}")

    def _form_of(self, request: Request) -> Command | None:
        try:
            return self.dispatcher.form(request)
        except UserError:
            return None  # recorded, refused and answered like everything else

    def _filled_form(self, request: Request) -> Payload | None:
        """Return the form of a button's command line, or None where the person may not run it: that is recorded."""
        command = self.catalog.commands.get(request.command)
        if command is None:
            return None
        filled: dict[str, JsonValue] = {}
        try:
            self.dispatcher.check(request)
            filled = parse(command, request.text)
        except UsageError:
            pass  # it opens without what cannot be read
        except UserError:
            return None
        return _form(command, filled, request)

    async def _ask_reason(self, decision: Decision, ack: AsyncAck, body: Payload) -> None:
        """Open the form for the decision's reason; what would be refused anyhow is recorded and refused at once."""
        refuse = self._whisper(ack, body)
        half = ACCEPT_WITHIN / 2  # the ack waits for the look and, where it says no, for the record too
        try:
            async with asyncio.timeout(half):
                await self.dispatcher.check_decision(decision)
        except UserError:
            await self._take(decision, ack, refuse, within=half)
        except Exception:  # noqa: BLE001 - a plan that cannot be looked at cannot be decided on
            structlog.get_logger("bot.slack").exception("a plan could not be looked at", id=decision.id)
            await refuse(NOT_RECORDED)
        else:
            await ack()
            self._open(body, decision, forms.reason_form(decision.action, decision.subject, decision.channel))

    def _open(self, body: Payload, item: Request | Decision, view: Payload) -> None:
        self.spawn(self._opened(str(body["trigger_id"]), item, view), f"form {item.id}")

    async def _opened(self, trigger: str, item: Request | Decision, view: Payload) -> None:
        """Open a form; one that does not open is recorded and answered, because whoever waits for it sees nothing."""
        try:
            await call(self.client.views_open(trigger_id=trigger, view=view))
        except SlackTrouble as trouble:
            structlog.get_logger("bot.slack").warning("a form could not be opened", error=trouble.error)
            if await self.dispatcher.accept(item):
                await self.dispatcher.handle(item, self._not_opened(item, trouble))

    def _not_opened(self, item: Request | Decision, trouble: SlackTrouble) -> UserError:
        command = self.catalog.commands.get(item.command) if isinstance(item, Request) else None
        hint = f"Type it instead: {command.usage}" if command else "Please press the button again."
        return UserError(f"The form did not open, and nothing was done. Slack: {trouble.error}.", hint=hint)

    def _whisper(self, ack: AsyncAck, body: Payload) -> Callable[[str], Awaitable[None]]:
        async def whisper(text: str) -> None:
            await ack()
            self.spawn(self._tell(channel_of(body), str(body["user"]["id"]), text), "not recorded")

        return whisper

    async def _tell(self, channel: str, user: str, text: str) -> None:
        try:
            await call(self.client.chat_postEphemeral(channel=channel, user=user, text=text))
        except SlackTrouble as trouble:
            structlog.get_logger("bot.slack").warning("somebody could not be told", error=trouble.error)


def _form(command: Command, filled: Mapping[str, JsonValue], request: Request) -> Payload:
    return forms.command_form(command, filled, {"channel": request.channel, "response_url": request.response_url})


async def _errors(ack: AsyncAck, found: dict[str, str]) -> None:
    await ack(response_action="errors", errors=found)
