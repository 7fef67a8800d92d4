"""How a schedule is declared, and what is wrong with a declaration."""

from collections.abc import Callable
from datetime import datetime

import pytest

from bot.errors import InvalidDeclaration
from bot.reply import Reply, say
from bot.schedule import Observation, ScheduleHandler, schedule


@schedule("morning")
async def morning(now: datetime) -> Reply:
    """Say good
    morning.

    Nothing more.
    """
    return say(f"good morning at {now}")


@schedule("look", metrics=("m",))
async def look() -> list[Observation]:
    """Look."""
    return []


def test_what_a_schedule_is() -> None:
    assert (morning.name, morning.description) == ("morning", "Say good morning.")
    assert morning.dependencies == {"now": datetime}
    assert not morning.observes
    assert look.observes


def _no_docstring() -> ScheduleHandler:
    async def handler() -> Reply:
        return say("done")

    return handler


def _observing() -> ScheduleHandler:
    async def handler() -> list[Observation]:
        """Look."""
        return []

    return handler


def _wrong_return() -> ScheduleHandler:
    async def handler() -> str:
        """Do."""
        return "done"

    return handler  # type: ignore[return-value]


def _not_async() -> ScheduleHandler:
    def handler() -> Reply:
        """Do."""
        return say("done")

    return handler  # type: ignore[return-value]


def _unannotated() -> ScheduleHandler:
    async def handler(now) -> Reply:  # type: ignore[no-untyped-def] # noqa: ANN001
        """Do."""
        return say(str(now))

    return handler


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (_no_docstring, "there is none"),
        (_observing, "names its metrics"),
        (_wrong_return, "must return Reply or list"),
        (_not_async, "must be async"),
        (_unannotated, "now has no type"),
    ],
)
def test_a_wrong_declaration_fails_at_import(make: Callable[[], ScheduleHandler], said: str) -> None:
    with pytest.raises(InvalidDeclaration, match=said):
        schedule("x")(make())
