"""Whoever has something to do has a turn while thousands of things are gone through."""

import asyncio

from bot.turns import AT_ONCE, in_turns


async def test_others_have_a_turn_after_every_thousand() -> None:
    turns, seen = list[int](), list[int]()

    async def other() -> None:
        while len(seen) < 3 * AT_ONCE:
            turns.append(len(seen))
            await asyncio.sleep(0)

    waiting = asyncio.create_task(other())
    async for number in in_turns(range(3 * AT_ONCE)):
        seen.append(number)
    await waiting
    assert seen == list(range(3 * AT_ONCE))
    assert turns == [AT_ONCE, 2 * AT_ONCE]
