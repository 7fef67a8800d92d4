"""Calls handlers with the systems they ask for, and performs plans as the executor does, without its records."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

from bot.clients.platform_parts import by_type
from bot.command import Command
from bot.dispatch.operations import Operation, Operations, asks_for
from bot.errors import TemporaryError, Unavailable
from bot.plan import Plan, Progress, Step
from bot.reply import Reply
from bot.request import Actor, Request

REQUEST = Request(
    id="command:1",
    actor=Actor(id="U0OPERATOR", name="operator"),
    command="/any",
    received_at=datetime(2026, 7, 1, 9, tzinfo=UTC),
)

RUN_BEGAN = datetime(2026, 7, 1, 9, 5, tzinfo=UTC)


async def call(command: Command, systems: Mapping[str, Any], **arguments: Any) -> Reply | Plan:
    """Call a handler with what it asks for by type."""
    found: dict[Any, Any] = {**by_type(systems), Request: REQUEST, datetime: datetime.now(UTC)}
    return await command.handler(**arguments, **{name: found[kind] for name, kind in command.dependencies.items()})


async def planned(command: Command, systems: Mapping[str, Any], **arguments: Any) -> Plan:
    """Return the plan of a changing command."""
    plan = await call(command, systems, **arguments)
    assert isinstance(plan, Plan)
    return plan


async def perform(plan: Plan, systems: Mapping[str, Any], *, leave_out: tuple[str, ...] = ()) -> list[str]:
    """Perform every step but those of the systems left out; return what each said at its end."""
    operations, said = Operations(systems), []
    for step in plan.steps:
        if step.operation.partition(".")[0] in leave_out:
            continue
        async with asyncio.timeout(60):
            while True:
                try:
                    answer = await _found(operations, step)(**step.arguments)
                except (TemporaryError, Unavailable):
                    answer = None
                if isinstance(answer, Progress):
                    assert not answer.failed, answer.message
                if answer is not None and (not isinstance(answer, Progress) or answer.done):
                    break
                await asyncio.sleep(0.05)
        said.append(answer.message if isinstance(answer, Progress) else str(answer.get("message", answer)))
    return said


def _found(operations: Operations, step: Step) -> Operation:
    operation = operations.find(step)
    moments = {name: RUN_BEGAN for name in ("run_began", "step_began") if asks_for(operation, name)}
    return partial(operation, **moments)
