"""Reading from several systems at once, so that one that fails leaves the others' answers standing."""

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar, overload

from bot.errors import BotError, NotConfigured, Unavailable, UserError
from bot.sentence import sentence

_T = TypeVar("_T")
_A = TypeVar("_A")
_B = TypeVar("_B")
_C = TypeVar("_C")
_D = TypeVar("_D")
_E = TypeVar("_E")


@overload
async def together(a: Awaitable[_A], b: Awaitable[_B], /) -> tuple[_A, _B]: ...
@overload
async def together(a: Awaitable[_A], b: Awaitable[_B], c: Awaitable[_C], /) -> tuple[_A, _B, _C]: ...
@overload
async def together(
    a: Awaitable[_A], b: Awaitable[_B], c: Awaitable[_C], d: Awaitable[_D], /
) -> tuple[_A, _B, _C, _D]: ...
@overload
async def together(
    a: Awaitable[_A], b: Awaitable[_B], c: Awaitable[_C], d: Awaitable[_D], e: Awaitable[_E], /
) -> tuple[_A, _B, _C, _D, _E]: ...
@overload
async def together(*readings: Awaitable[_T]) -> tuple[_T, ...]: ...
async def together(*readings: Awaitable[Any]) -> tuple[Any, ...]:
    """Return what each gives, read at once; one that raises ends the others before its error is raised.

    ``asyncio.gather`` would leave them running, with nobody to await them and a client that may be closed.
    """
    tasks = [asyncio.ensure_future(reading) for reading in readings]
    try:
        return tuple(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


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
