import io
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from bot.console.render import Screen
from bot.console.run import ask, decide, decision, request
from bot.errors import UsageError
from bot.reply import Level, Reply, say
from bot.request import Actor, Decision, Request
from bot.stores.database import Database
from bot.stores.outbox import Message, Outbox
from tests.own_database import with_tables

NOW = datetime(2025, 11, 3, 9, tzinfo=UTC)
ACTOR = Actor(id="U1", name="Ana")


@dataclass
class Answering:
    """A dispatcher with one answer to everything."""

    reply: Reply = field(default_factory=lambda: say("Queues"))
    refusal: Reply | None = None
    taken: list[Request | Decision] = field(default_factory=list)

    async def answer(self, request: Request) -> Reply:
        self.taken.append(request)
        return self.reply

    async def decide(self, decision: Decision) -> Reply | None:
        self.taken.append(decision)
        return self.refusal


@pytest.fixture
async def outbox(tmp_path: Path) -> AsyncIterator[Outbox]:
    database = Database(f"sqlite:///{tmp_path / 'state.db'}")
    await with_tables(database)
    yield Outbox(database)
    await database.close()


@pytest.fixture
def screen() -> Screen:
    return Screen(Console(file=io.StringIO(), width=100, color_system=None))


def shown(screen: Screen) -> str:
    assert isinstance(screen.console.file, io.StringIO)
    return screen.console.file.getvalue()


@pytest.mark.parametrize(
    ("level", "code"), [(Level.OK, 0), (Level.INFO, 0), (Level.WARNING, 1), (Level.CRITICAL, 2), (Level.UNKNOWN, 3)]
)
async def test_a_line_is_run_and_its_level_is_the_exit_code(screen: Screen, level: Level, code: int) -> None:
    dispatcher = Answering(say("Queues", level=level))
    assert await ask(request("/nova queue-stats email", ACTOR, NOW), dispatcher, screen=screen) == code
    (taken,) = dispatcher.taken
    assert isinstance(taken, Request)
    assert (taken.command, taken.text, taken.source) == ("/queue-stats", "email", "console")
    assert "Queues" in shown(screen)


def test_each_line_is_a_request_of_its_own() -> None:
    assert request("/queue-stats", ACTOR, NOW).id != request("/queue-stats", ACTOR, NOW).id


async def test_a_decision_shows_the_card_as_it_is_then(screen: Screen, outbox: Outbox) -> None:
    await outbox.put(Message("plan:p1", "C1", say("Scaling to 5")), NOW)
    decided = decision("p1", "approve", "", ACTOR, NOW)
    assert await decide(decided, Answering(), outbox, screen=screen) == 0
    assert "Scaling to 5" in shown(screen)


async def test_a_refused_decision_shows_why(screen: Screen, outbox: Outbox) -> None:
    decided = decision("p1", "approve", "", ACTOR, NOW)
    await outbox.put(Message("plan:p1", "C1", say("Scale to 5")), NOW)
    refusing = Answering(refusal=say("You asked for this", level=Level.WARNING))
    assert await decide(decided, refusing, outbox, screen=screen) == 1
    assert "You asked for this" in shown(screen)


@pytest.mark.parametrize(
    ("action", "reason"), [("dance", "x"), ("deny", "  "), ("break_glass", ""), ("break_glass", " x  ")]
)
def test_a_decision_needs_a_known_action_and_sometimes_a_reason(action: str, reason: str) -> None:
    with pytest.raises(UsageError):
        decision("p1", action, reason, ACTOR, NOW)
