"""What a request would change, before anybody has decided, and the row it becomes."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pydantic import JsonValue

from bot.plan import Plan
from bot.policy import ApprovalRule
from bot.request import Request
from bot.stores.plans import StoredPlan

_ALPHABET: Final = "abcdefghijkmnpqrstuvwxyz23456789"  # base32 without what is mistaken for something else
_ID_LENGTH: Final = 10
# Before a plan's id: the request that the bot makes to plan again, in its place, what was overtaken.
AGAIN: Final = "again:"


@dataclass(frozen=True)
class Proposal:
    """What a request would change; ``undo_of`` is the run that it takes back, ``replaces`` the plan it is made for.

    ``beside`` are the open plans of the same line of which it is known that they do something else.
    """

    request: Request
    command: str
    arguments: dict[str, JsonValue]
    plan: Plan
    undo_of: str | None = None
    replaces: str = ""
    beside: frozenset[str] = frozenset()

    def stored(self, rule: ApprovalRule, now: datetime, *, channel: str) -> StoredPlan:
        """Return it as a plan of its own under this rule; ``channel`` gets the card where the request had none."""
        request = self.request
        return StoredPlan(
            id="".join(secrets.choice(_ALPHABET) for _ in range(_ID_LENGTH)),
            request_id=request.id,
            command=self.command,
            arguments=self.arguments,
            plan=self.plan,
            digest=self.plan.digest(self.command, self.arguments),
            requester=request.actor,
            channel=request.channel or channel,
            source=request.source,
            undo_of=self.undo_of,
            needed=rule.needed,
            status="waiting" if rule.needed else "approved",
            reason="",
            created_at=now,
            approve_by=now + rule.approve_within,
            execute_by=None if rule.needed else now + rule.execute_within,
            asked_next_at=None,
            break_glass=False,
            closed_at=None,
        )


def asked_for(stored: StoredPlan, request_id: str, received_at: datetime) -> Request:
    """Return the request for a stored plan as it was asked for, under this id."""
    return Request(
        id=request_id,
        actor=stored.requester,
        command=stored.command,
        arguments=stored.arguments,
        source=stored.source,
        channel=stored.channel,
        received_at=received_at,
    )
