"""The runbook's morning checklist, done at once: every line green, amber, red or unknown, then what changed."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog
from pydantic import ValidationError

from bot.attempt import is_missing, together, why
from bot.catalog import Catalog
from bot.clients.api import NovaPulseApi
from bot.clients.mongo import Mongo
from bot.clients.platform import CronJobReading, Platform
from bot.clients.queues import Queues
from bot.clients.redis import RedisServer
from bot.errors import BotError, Forbidden, TimedOut, Unavailable
from bot.next_steps import next_steps
from bot.outages import Outages
from bot.policy_file import PolicyFile
from bot.reply import Bold, Button, Buttons, Level, Line, Part, Reply, Text, When, say, worst
from bot.schedule import schedule
from bot.stores.fires import Fire, Fires
from bot.stores.overrides import Overrides
from bot.stores.plans import Plans
from bot.stores.samples import Samples
from schedules import morning_checks as checks
from schedules.morning_backups import NOT_WATCHED, backup_lines
from schedules.morning_oncall import vacant_levels

NAME: Final = "morning-checklist"
# No check may hold the checklist up longer than this; the clients' own deadlines end most of them earlier.
SECONDS: Final = 25.0
COLOURS: Final = {Level.CRITICAL: "red", Level.WARNING: "amber", Level.UNKNOWN: "unknown", Level.OK: "green"}
# How the labels begin whose values are milliseconds or moments, which are others every day.
_TIMED: Final = ("Redis", "MongoDB", "Backup of ")
_SHOWN_CHANGES: Final = 15
_RED: Final = Level.CRITICAL
# How the value of a line begins that has no part in the result.
_LEFT_OUT: Final = (checks.NOT_MEASURED, NOT_WATCHED)

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Check:
    """One thing to look at, and the commands that are next when it is not green and has no buttons of its own.

    ``failed`` is what it is when it could not be read: red where that is what it looks for, else unknown.
    """

    label: str
    read: Callable[[], Awaitable[list[Part]]]
    steps: tuple[str, ...]
    failed: Level = Level.UNKNOWN


@schedule(NAME)
async def morning_checklist(  # noqa: PLR0913, PLR0917 - each is a system it looks at
    api: NovaPulseApi,
    queues: Queues,
    redis: RedisServer,
    mongo: Mongo,
    cluster: Platform,
    cronjobs: CronJobReading,
    fires: Fires,
    plans: Plans,
    samples: Samples,
    overrides: Overrides,
    policy: PolicyFile,
    catalog: Catalog,
    now: datetime,
) -> Reply:
    """Go through the runbook's morning checklist and say what changed since the last one.

    The checks run at the same time, each with its own deadline; what could not be read is unknown, with the reason.
    """
    todo = [
        Check("API health", lambda: checks.health("API health", api.health()), ("/health",), _RED),
        Check("API live", lambda: checks.health("API live", api.live()), ("/health",), _RED),
        Check("API ready", lambda: checks.health("API ready", api.ready()), ("/health",), _RED),
        Check("Redis", lambda: checks.ping("Redis", redis.ping()), ("/health",), _RED),
        Check("MongoDB", lambda: checks.ping("MongoDB", mongo.ping()), ("/health",), _RED),
        Check(f"API {cluster.words.pod}s", lambda: checks.pods(cluster, "api", now), ("/rollout-status api",)),
        Check(f"Worker {cluster.words.pod}s", lambda: checks.pods(cluster, "worker", now), ("/rollout-status worker",)),
        Check("Queues", lambda: checks.queue_lines(api, queues, policy.current, catalog), ("/queue-stats",)),
        Check("Metrics", lambda: checks.metrics(api, policy.current), ()),
        Check("Backups", lambda: backup_lines(cronjobs, redis, policy.current, now), ()),
        Check("Break-glass", lambda: checks.break_glass(plans, now), ("/runs",)),
        Check("On call", lambda: vacant_levels(policy.current, overrides, now), ("/oncall",)),
        Check("API error log", lambda: checks.error_log(cluster, now), ("/rollout-status api",)),
    ]
    outages = Outages(samples, now)
    found = await together(*(_checked(check, outages) for check in todo))
    buttons = _buttons(todo, found, catalog)
    shown: list[Part] = [part for parts in found for part in parts if not isinstance(part, Buttons)]
    since = _since(await fires.last_done(NAME), _lines(shown))
    return _reply(_lines(shown), [*shown, *since, *([Buttons(buttons=buttons)] if buttons else [])])


def _reply(lines: list[Line], parts: list[Part]) -> Reply:
    left_out = {words: [line for line in lines if line.value.startswith(words)] for words in _LEFT_OUT}
    measured = [line for line in lines if not line.value.startswith(_LEFT_OUT)]
    counts = [(sum(line.level is level for line in measured), colour) for level, colour in COLOURS.items()]
    level = worst(line.level for line in measured)
    colours = ["green"] if level is Level.OK else [f"{count} {colour}" for count, colour in counts if count]
    left = [f"{len(found)} {words}" for words, found in left_out.items() if found]
    said = ", ".join([*colours, *left])
    return say(f"Morning checklist: {said}", *parts, level=level)


async def _checked(check: Check, outages: Outages) -> list[Part]:
    """Run one check; whatever happens in it, the others are shown."""
    try:
        async with asyncio.timeout(SECONDS):
            found = await outages.attempt(check.read())
    except TimeoutError:
        found = TimedOut(check.label, SECONDS)
    except Exception:  # noqa: BLE001 - one check's mistake must not hide what the others found
        error_id = secrets.token_hex(4)
        _log.exception("check failed", check=check.label, error_id=error_id)
        found = BotError(f"An unexpected error; the log has it under {error_id}")
    if not isinstance(found, BotError):
        return [await outages.dated(part) if isinstance(part, Line) else part for part in found]
    is_down = isinstance(found, Unavailable) and not isinstance(found, Forbidden)
    said = f"not looked at. {why(found)}" if is_missing(found) else why(found)
    return [Line(level=check.failed if is_down else Level.UNKNOWN, label=check.label, value=said)]


def _lines(parts: list[Part]) -> list[Line]:
    return [part for part in parts if isinstance(part, Line)]


def _is_bad(parts: list[Part]) -> bool:
    return any(line.level is not Level.OK for line in _lines(parts))


def _buttons(todo: list[Check], found: Iterable[list[Part]], catalog: Catalog) -> tuple[Button, ...]:
    """Return what is next for all of them, each once."""
    wanted = [button for one in zip(todo, found, strict=True) for button in _next(*one, catalog)]
    return tuple({button.value: button for button in wanted}.values())


def _next(check: Check, parts: list[Part], catalog: Catalog) -> tuple[Button, ...]:
    """Return the buttons that a check found itself, else its own where it is not green."""
    own = tuple(button for part in parts if isinstance(part, Buttons) for button in part.buttons)
    return own or (next_steps(check.steps, {}, catalog) if _is_bad(parts) else ())


def _since(before: Fire | None, lines: list[Line]) -> list[Part]:
    """Say what is different from the last checklist that was posted."""
    then = _stored(before)
    if before is None or then is None:
        return [Text.of(Bold(text="Since the last checklist"), "\nThere is no earlier checklist to compare with.")]
    changes = [words for line in lines if (words := _change(then.get(line.label), line))]
    gone = then.keys() - {line.label for line in lines}
    changes += [f"no longer shown: {label}, was “{line.value}”" for label, line in then.items() if label in gone]
    more = [f"and {len(changes) - _SHOWN_CHANGES} more"] if len(changes) > _SHOWN_CHANGES else []
    said = "\n".join(f"- {words}" for words in [*changes[:_SHOWN_CHANGES], *more]) or "Nothing changed."
    return [Text.of(Bold(text="Since"), " ", When(at=before.finished_at or before.due_at), "\n", said)]


def _stored(before: Fire | None) -> dict[str, Line] | None:
    """Read the lines of a stored checklist; None where there is none, or another version of the bot wrote it."""
    try:
        reply = Reply.model_validate((before.result or {})["reply"]) if before else None
    except (KeyError, ValidationError):
        return None
    return {line.label: line for line in _lines(list(reply.parts))} if reply else None


def _change(before: Line | None, now: Line) -> str:
    if before is None:
        return f"{now.label}: new, {COLOURS.get(now.level, now.level)}"
    if before.level is not now.level:
        colours = f"was {COLOURS.get(before.level, before.level)}, is now {COLOURS.get(now.level, now.level)}"
        return f"{now.label}: {colours} ({now.value})"
    is_no_news = now.level is Level.UNKNOWN or (now.level is Level.OK and now.label.startswith(_TIMED))
    if is_no_news or before.value == now.value:
        return ""
    still = f"still {COLOURS[now.level]}, " if now.level in COLOURS else ""
    return f"{now.label}: {still}was “{before.value}”, is now “{now.value}”"
