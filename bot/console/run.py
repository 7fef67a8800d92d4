"""The same commands from a terminal, under the same rules: for tests, and for when Slack is down."""

import secrets
from datetime import datetime
from typing import Final, Protocol, get_args

from rich.console import Console

from bot.console.render import render
from bot.dispatch.parse import split_line
from bot.errors import UsageError
from bot.reply import Level, Reply
from bot.request import Actor, Decision, Request
from bot.stores.outbox import Outbox

# As monitoring plugins end, so that a script can tell how bad it is.
EXIT_CODES: Final = {Level.OK: 0, Level.INFO: 0, Level.WARNING: 1, Level.CRITICAL: 2, Level.UNKNOWN: 3}
_ACTIONS: Final = get_args(Decision.model_fields["action"].annotation)


class Dispatching(Protocol):
    """What the console needs of the dispatcher."""

    async def accept(self, item: Request | Decision) -> bool:
        """Record it; False where it is there already."""

    async def handle(self, item: Request | Decision) -> None:
        """Do everything that comes after."""

    async def answer(self, request: Request) -> Reply:
        """Return what the request is answered with."""


def request(line: str, actor: Actor, now: datetime) -> Request:
    """Return what somebody at the terminal asks for with a line such as ``/queue-stats email``."""
    name, text = split_line(line)
    return Request(
        id=f"console:{secrets.token_hex(12)}",
        actor=actor,
        command=name,
        text=text,
        source="console",
        received_at=now,
    )


async def ask(asked: Request, dispatcher: Dispatching, *, console: Console) -> int:
    """Have a request answered, print the answer and return the exit code."""
    reply = await dispatcher.answer(asked)
    console.print(render(reply))
    return EXIT_CODES[reply.level]


def decision(plan: str, action: str, reason: str, actor: Actor, now: datetime) -> Decision:
    """Return what somebody at the terminal decides about a plan; raises UsageError."""
    if action not in _ACTIONS:
        raise UsageError(f"{action!r} is none of {', '.join(_ACTIONS)}.", usage="decide <plan> <action> [--reason ...]")
    if action in ("deny", "break_glass") and not reason.strip():
        raise UsageError(f"{action} needs a reason.", usage=f"decide {plan} {action} --reason ...", argument="reason")
    shared = {"actor": actor, "action": action, "subject": plan, "reason": reason.strip(), "received_at": now}
    return Decision.model_validate({"id": f"console:{secrets.token_hex(12)}", **shared})


async def decide(decided: Decision, dispatcher: Dispatching, outbox: Outbox, *, console: Console) -> int:
    """Decide about a plan, print the refusal or else the plan's card as it is now, and return the exit code."""
    await dispatcher.accept(decided)
    await dispatcher.handle(decided)
    refusal = await outbox.posted(f"reply:{decided.id}")
    card = refusal or await outbox.posted(f"plan:{decided.subject}")
    if card is None:
        console.print(f"There is no plan {decided.subject}.", markup=False)
        return EXIT_CODES[Level.UNKNOWN]
    console.print(render(card.body))
    return EXIT_CODES[card.body.level] if refusal else 0
