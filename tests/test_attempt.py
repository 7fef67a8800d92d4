"""A reading that fails is an answer of its own kind."""

import asyncio

import pytest

from bot.attempt import attempt, is_missing, together, why
from bot.errors import BotError, Forbidden, NotConfigured, PermanentError, TimedOut, UserError


async def reading(result: object) -> object:
    if isinstance(result, Exception):
        raise result
    return result


async def test_what_was_read_is_given_back() -> None:
    assert await attempt(reading(0)) == 0


async def test_an_error_of_the_bots_own_is_given_back_and_any_other_is_raised() -> None:
    error = TimedOut("Redis", 3)
    assert await attempt(reading(error)) is error
    with pytest.raises(ZeroDivisionError):
        await attempt(reading(ZeroDivisionError()))


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (TimedOut("Redis", 3), "Redis could not be read: no answer within 3 s."),
        (Forbidden("The cluster", "pods is forbidden"), "The cluster could not be read: pods is forbidden."),
        (NotConfigured("MongoDB", "MONGO_URL"), "MongoDB is not configured: set MONGO_URL."),
        (UserError("Which one?"), "Which one?"),
        (PermanentError("it broke"), "it broke."),
    ],
)
def test_why_is_a_sentence(error: BotError, said: str) -> None:
    assert why(error) == said


def test_what_is_not_configured_is_missing() -> None:
    assert is_missing(NotConfigured("Redis", "REDIS_URL"))
    assert not is_missing(TimedOut("Redis", 3))
    assert not is_missing({})


async def test_what_is_read_together_comes_in_the_order_asked_for() -> None:
    assert await together(asyncio.sleep(0.01, "slow"), asyncio.sleep(0, 1)) == ("slow", 1)


async def test_one_that_fails_ends_the_others_before_its_error_is_raised() -> None:
    ended = []

    async def slow() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)  # what it closes takes a moment
            ended.append("slow")

    async def failing() -> None:
        await asyncio.sleep(0)
        raise TimedOut("Redis", 3)

    with pytest.raises(TimedOut):
        await together(slow(), failing(), slow())
    assert ended == ["slow", "slow"]
    assert len(asyncio.all_tasks()) == 1


async def test_who_is_cancelled_ends_what_is_read_together() -> None:
    reading_on = asyncio.Event()

    async def slow() -> None:
        reading_on.set()
        await asyncio.Event().wait()

    both = asyncio.create_task(together(slow(), slow()))
    await reading_on.wait()
    both.cancel()
    with pytest.raises(asyncio.CancelledError):
        await both
    assert len(asyncio.all_tasks()) == 1
