"""What a schedule's fire does: the handler with its dependencies, and what becomes of its outcome."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import structlog
from pydantic import JsonValue

from bot.catalog import Catalog
from bot.errors import BotError
from bot.masking import mask
from bot.reply import Button, Buttons, Level, Reply, Text, say
from bot.schedule import Observation, Schedule

# A fire's handler has this many seconds; it must end before its claim does (bot.stores.fires.LEASE).
DEADLINE: Final = 60.0

Resolve = Callable[[Any], object]
Observe = Callable[[list[Observation], datetime], Awaitable[None]]
Chore = Callable[[datetime], Awaitable[object]]

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Outcome:
    """What a fire came to: a card for the channel (None for none) and what is kept in its row."""

    reply: Reply | None
    result: dict[str, JsonValue]


@dataclass(frozen=True)
class Work:
    """What is run: the declared schedules, how their dependencies are found, and where observations go.

    ``chores`` are run once an hour by every replica.
    """

    catalog: Catalog
    resolve: Resolve
    observe: Observe
    chores: tuple[Chore, ...] = ()

    async def call(self, schedule: Schedule, moment: datetime) -> Reply | list[Observation]:
        """Call the handler with what it asks for by type; the time is the moment."""
        arguments = {
            name: moment if kind is datetime else self.resolve(kind) for name, kind in schedule.dependencies.items()
        }
        return await schedule.handler(**arguments)

    async def fire(self, schedule: Schedule, moment: datetime) -> Outcome:
        """Run one fire to its end; a failure is an outcome too, and is said where a card was expected."""
        try:
            async with asyncio.timeout(DEADLINE):
                returned = await self.call(schedule, moment)
                if isinstance(returned, Reply):
                    return Outcome(returned, {"reply": returned.model_dump(mode="json")})
                await self.observe(returned, moment)
            unknown = sum(observation.value is None for observation in returned)
            return Outcome(None, {"observations": len(returned), "unknown": unknown})
        except TimeoutError:
            return self._failed(schedule, f"It was not finished within {DEADLINE:g} s.")
        except BotError as error:
            return self._failed(schedule, mask(str(error)))
        except Exception:  # noqa: BLE001 - whatever it is, the next fire comes, and this one is said to have failed
            error_id = secrets.token_hex(4)
            _log.exception("schedule failed", schedule=schedule.name, error_id=error_id)
            return self._failed(schedule, f"An unexpected error; the log has it under {error_id}.")

    def again(self, schedule: Schedule) -> tuple[Buttons, ...]:
        """Offer the command of the schedule's name, where there is one."""
        name = f"/{schedule.name}"
        if name not in self.catalog.commands:
            return ()
        return (Buttons(buttons=(Button(label="Run it now", action="run", value=name),)),)

    def _failed(self, schedule: Schedule, reason: str) -> Outcome:
        _log.warning("schedule did not finish", schedule=schedule.name, reason=reason)
        title = f"{title_of(schedule)} could not be made"
        reply = say(title, Text.of(reason), *self.again(schedule), level=Level.UNKNOWN)
        return Outcome(None if schedule.observes else reply, {"error": reason})


def title_of(schedule: Schedule) -> str:
    """Name a schedule for people: ``Morning checklist``."""
    return schedule.name.replace("-", " ").capitalize()
