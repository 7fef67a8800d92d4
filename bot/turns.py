"""Going through thousands of things while everything else goes on."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Final, TypeVar

# So many things take a few hundredths of a second at most.
AT_ONCE: Final = 1_000

_Each = TypeVar("_Each")


async def in_turns(things: Iterable[_Each]) -> AsyncIterator[_Each]:
    """Give one thing after the other; after every thousand of them whoever else has something to do has a turn."""
    for number, thing in enumerate(things, start=1):
        yield thing
        if number % AT_ONCE == 0:
            await asyncio.sleep(0)
