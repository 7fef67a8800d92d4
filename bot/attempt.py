"""Reading from several systems at once, so that one that fails leaves the others' answers standing."""

from collections.abc import Awaitable
from typing import TypeVar

from bot.errors import BotError, NotConfigured, Unavailable, UserError
from bot.sentence import sentence

_T = TypeVar("_T")


async def attempt(reading: Awaitable[_T]) -> _T | BotError:
    """Return what was read, or the bot's own error that says why it could not be; anything else is raised."""
    try:
        return await reading
    except BotError as error:
        return error


def why(error: BotError) -> str:
    """Say in a sentence what went wrong."""
    if isinstance(error, Unavailable):
        return sentence(f"{error.system} could not be read: {error.reason}")
    return sentence(error.message if isinstance(error, UserError) else str(error))


def is_missing(error: object) -> bool:
    """Say whether the system is not configured, which is no failure of it."""
    return isinstance(error, NotConfigured)
