"""The same commands from a terminal, under the same rules: for tests, and for when Slack is down."""

import secrets
from datetime import datetime
from typing import Final, Protocol

from pydantic import JsonValue

from bot.console.render import Screen
from bot.dispatch.parse import split_line
from bot.errors import UsageError
from bot.reply import Level, Reply
from bot.request import DECISION_ACTIONS, Actor, Decision, Request, lacking
from bot.stores.outbox import Outbox

# As monitoring plugins end, so that a script can tell how bad it is.
EXIT_CODES: Final = {Level.OK: 0, Level.INFO: 0, Level.WARNING: 1, Level.CRITICAL: 2, Level.UNKNOWN: 3}


class Dispatching(Protocol):
    """What the console needs of the dispatcher."""

    async def answer(self, request: Request) -> Reply:
        """Return what the request is answered with."""

    async def decide(self, decision: Decision) -> Reply | None:
        """Return what is to be said about the decision, or None where the plan's card says it."""


def request(line: str, actor: Actor, now: datetime, *, arguments: dict[str, JsonValue] | None = None) -> Request:
    """Return what somebody at the terminal asks for with a line such as ``/queue-stats email``.

    ``arguments`` are all of the line's, where some of them are not in it.
    """
    name, text = split_line(line)
    return Request(
        id=f"console:{secrets.token_hex(12)}",
        actor=actor,
        command=name,
        text=text,
        arguments=arguments,
        source="console",
        received_at=now,
    )


async def ask(asked: Request, dispatcher: Dispatching, *, screen: Screen) -> int:
    """Have a request answered, print the answer and return the exit code."""
    reply = await dispatcher.answer(asked)
    screen.show(reply)
    return EXIT_CODES[reply.level]


def decision(plan: str, action: str, reason: str, actor: Actor, now: datetime) -> Decision:
    """Return what somebody at the terminal decides about a plan; raises UsageError."""
    if action not in DECISION_ACTIONS:
        raise UsageError(
            f"{action!r} is none of {', '.join(DECISION_ACTIONS)}.", usage="decide <plan> <action> [--reason ...]"
        )
    if missing := lacking(action, reason):
        raise UsageError(missing, usage=f"decide {plan} {action} --reason ...", argument="reason")
    shared = {"actor": actor, "action": action, "subject": plan, "reason": reason.strip(), "received_at": now}
    return Decision.model_validate({"id": f"console:{secrets.token_hex(12)}", **shared})


async def decide(decided: Decision, dispatcher: Dispatching, outbox: Outbox, *, screen: Screen) -> int:
    """Decide about a plan, print what is said about it or else the plan's card as it is now; return the exit code."""
    said = await dispatcher.decide(decided)
    if said is not None:
        screen.show(said)
        return EXIT_CODES[said.level]
    card = await outbox.posted(f"plan:{decided.subject.partition(':')[0]}")
    if card is not None:
        screen.show(card.body)
    return 0
