import asyncio

import pytest

from bot.check.tried import tried
from bot.errors import BotError, Forbidden, NotConfigured, PermanentError, Unavailable, UserError
from bot.reply import Level, Line


async def fails(error: Exception) -> str:
    raise error


async def finds(found: str | Line | tuple[Line, ...]) -> str | Line | tuple[Line, ...]:
    return found


async def test_what_was_found_is_good_unless_it_says_otherwise() -> None:
    own = Line(level=Level.WARNING, label="Other", value="hm")
    assert await tried("Redis", finds("answers")) == (Line(level=Level.OK, label="Redis", value="answers"),)
    assert await tried("Redis", finds(own)) == (own,)
    assert await tried("Redis", finds((own, own))) == (own, own)


@pytest.mark.parametrize(
    ("error", "level", "value"),
    [
        (NotConfigured("Redis", "REDIS_URL"), Level.INFO, "Redis is not configured: set REDIS_URL."),
        (Unavailable("Redis", "connection refused"), Level.CRITICAL, "connection refused. Mend it."),
        (Forbidden("Redis", "NOAUTH"), Level.CRITICAL, "NOAUTH. Allow it."),
        (UserError("It is wrong.", hint="Write it right."), Level.CRITICAL, "It is wrong. Write it right. Mend it."),
        (PermanentError("no such thing"), Level.CRITICAL, "no such thing. Mend it."),
        (BotError("odd"), Level.CRITICAL, "odd. Mend it."),
        (KeyError("x"), Level.CRITICAL, "KeyError: 'x'. Mend it."),
        (ValueError("redis://u:hunter2@host"), Level.CRITICAL, "ValueError: redis://u:***@host. Mend it."),
    ],
)
async def test_a_failure_is_a_line_with_its_way_to_mend_it(error: Exception, level: Level, value: str) -> None:
    (line,) = await tried("Redis", fails(error), "Mend it.", forbidden="Allow it.")
    assert (line.level, line.label, line.value) == (level, "Redis", value)


async def test_forbidden_without_a_sentence_of_its_own_has_the_usual_one() -> None:
    (line,) = await tried("Redis", fails(Forbidden("Redis", "NOAUTH")), "Mend it.")
    assert line.value == "NOAUTH. Mend it."


async def test_what_takes_too_long_is_given_up() -> None:
    async def never() -> str:
        await asyncio.Event().wait()
        raise AssertionError

    (line,) = await tried("Redis", never(), "Mend it.", seconds=0.01)
    assert (line.level, line.value) == (Level.CRITICAL, "no answer within 0.01 s. Mend it.")
