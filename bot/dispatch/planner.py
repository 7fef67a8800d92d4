"""From a request to what its handler returns: find the command, read its arguments, authorize, call."""

import asyncio
from datetime import datetime
from typing import Final

from pydantic import JsonValue
from sqlalchemy.ext.asyncio import AsyncConnection

from bot import access
from bot.catalog import Catalog
from bot.command import Command
from bot.dispatch.dependencies import Dependencies
from bot.dispatch.parse import bind, parse, validate
from bot.errors import Refused, TimedOut, UsageError
from bot.freeze import Freeze, covering
from bot.masking import cut, mask
from bot.nearest import SHOWN
from bot.plan import Plan
from bot.policy import PolicyInForce
from bot.reply import Reply
from bot.request import Request
from bot.stores.freezes import Freezes

DEADLINE: Final = 25.0  # seconds a handler may take


class Planner:
    """Calls handlers; nothing here changes anything. ``deadline`` is in seconds."""

    def __init__(
        self,
        catalog: Catalog,
        dependencies: Dependencies,
        policy: PolicyInForce,
        freezes: Freezes,
        *,
        deadline: float = DEADLINE,
    ) -> None:
        self._catalog = catalog
        self._dependencies = dependencies
        self._policy = policy
        self._freezes = freezes
        self._deadline = deadline

    def command(self, name: str) -> Command:
        """Return the command of this name; raises ``UsageError`` with the nearest."""
        found = self._catalog.commands.get(name)
        if found is None:
            message = f"There is no command {cut(mask(name), SHOWN)}."
            raise UsageError(message, nearest=self._catalog.nearest(name), usage="/runbook")
        return found

    def arguments(self, command: Command, request: Request) -> dict[str, JsonValue]:
        """Return the request's arguments as the command wants them; raises ``UsageError``."""
        if request.arguments is not None:
            return validate(command, request.arguments)
        return parse(command, request.text)

    def authorize(self, command: Command, request: Request) -> None:
        """Raise ``Refused`` where the actor may not run the command."""
        self._require(command.permission, request)

    def _require(self, permission: str, request: Request) -> None:
        refusal = access.refusal(self._policy.current, request.actor, permission)
        if refusal is not None:
            raise refusal

    async def frozen(
        self, command: Command, now: datetime, connection: AsyncConnection | None = None
    ) -> Refused | None:
        """Return None where no freeze covers the command, else the refusal; joins the given transaction."""
        freeze = await self.freeze(command.name, now, connection)
        return freeze.refusal(now) if freeze else None

    async def freeze(self, name: str, now: datetime, connection: AsyncConnection | None = None) -> Freeze | None:
        """Return the freeze that keeps the command of this name from changing anything, None where none does."""
        command = self._catalog.commands.get(name)
        if command is None or not command.changes:
            return None
        return covering(await self._freezes.in_force(now, connection), command)

    async def call(
        self, command: Command, arguments: dict[str, JsonValue], request: Request, now: datetime
    ) -> Reply | Plan:
        """Return what the handler says; raises what it raises, ``Refused`` in a freeze, ``TimedOut`` if it is slow."""
        refused = await self.frozen(command, now)
        if refused and not command.answers:
            raise refused
        dependencies = self._dependencies.resolve(command.dependencies, request, now)
        try:
            async with asyncio.timeout(self._deadline) as scope:
                answer = await command.handler(**bind(command, arguments), **dependencies)
        except TimeoutError:
            if scope.expired():
                raise TimedOut(command.name, self._deadline) from None
            raise
        if isinstance(answer, Plan):
            self._require(command.change_permission, request)
        # A command that only looked has changed nothing, and is what people need most in a freeze.
        if refused and isinstance(answer, Plan):
            raise refused
        return answer

    async def plan(self, request: Request, now: datetime) -> tuple[dict[str, JsonValue], Plan]:
        """Plan a request again, as its actor, who is authorized again; raises ``UsageError`` where it gives no plan."""
        command = self.command(request.command)
        arguments = self.arguments(command, request)
        self.authorize(command, request)
        result = await self.call(command, arguments, request, now)
        if not isinstance(result, Plan):
            raise UsageError(f"{command.name} no longer changes anything: {result.title}.", usage=command.usage)
        return arguments, result
