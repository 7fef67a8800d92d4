"""A reading that fails is an answer of its own kind."""

import pytest

from bot.attempt import attempt, is_missing, why
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
