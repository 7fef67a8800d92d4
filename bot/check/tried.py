"""Trying one thing: whatever comes of it is a line, and no line holds a secret."""

import asyncio
from collections.abc import Awaitable
from typing import Final

from bot.clients.deadline import reason
from bot.errors import BotError, Forbidden, NotConfigured, TimedOut, Unavailable, UserError
from bot.reply import Level, Line

DEADLINE: Final = 12.0  # seconds; longer than what any client gives a call of its own

Lines = tuple[Line, ...]


async def tried(
    label: str,
    work: Awaitable[str | Line | Lines],
    mend: str = "",
    *,
    forbidden: str = "",
    seconds: float = DEADLINE,
) -> Lines:
    """Return what was found, within ``seconds``; a failure is a line too.

    ``mend`` is the sentence how to mend it, ``forbidden`` the one for a system that answers and says no.
    """
    try:
        async with asyncio.timeout(seconds):
            found = await work
    except NotConfigured as error:
        return (Line(level=Level.INFO, label=label, value=error.message),)
    except TimeoutError:
        return (problem(label, TimedOut(label, seconds).reason, mend),)
    except Forbidden as error:
        return (problem(label, error.reason, forbidden or mend),)
    except Exception as error:  # noqa: BLE001 - whatever goes wrong is what was to be found out
        return (problem(label, _words(error), mend),)
    if isinstance(found, str):
        return (Line(level=Level.OK, label=label, value=found),)
    return (found,) if isinstance(found, Line) else found


def problem(label: str, what: str, mend: str = "", *, level: Level = Level.CRITICAL) -> Line:
    """Return the line of something that is wrong."""
    return Line(level=level, label=label, value=f"{what.rstrip('.')}. {mend}".strip())


def _words(error: Exception) -> str:
    if isinstance(error, Unavailable):
        return error.reason
    if isinstance(error, UserError):
        return f"{error.message} {error.hint}".strip()
    return str(error) if isinstance(error, BotError) else f"{type(error).__name__}: {reason(error)}"
