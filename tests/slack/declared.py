"""A small catalogue, a policy and a dispatcher that only remembers."""

import asyncio
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field

from bot.catalog import Catalog
from bot.command import Command, command
from bot.errors import Refused, UsageError, UserError
from bot.plan import Plan
from bot.policy import Policy
from bot.reply import Reply, say
from bot.request import Decision, Request


@command("/queue-stats", permission="queues:read", section="Queues")
async def queue_stats(queue: Annotated[str, Field(description="Which queue")] = "all") -> Reply:
    """Show the queues."""
    return say(queue)


@command("/scale-workers", permission="workers:scale", section="Workers")
async def scale_workers(
    replicas: Annotated[int, Field(ge=0, description="How many <worker> pods")],
    deployment: Annotated[Literal["api", "worker"], Field(description="Which deployment")] = "worker",
    yes_zero: Annotated[bool, Field(description="Really none")] = False,
) -> Plan:
    """Scale the workers."""
    raise NotImplementedError(replicas, deployment, yes_zero)


CATALOG = Catalog({found.name: found for found in (queue_stats, scale_workers)}, {})
POLICY = Policy.model_validate(
    {
        "people": {"U0OPERATOR": {"name": "Olga Operator"}},
        "roles": {"operator": {"permissions": ["queues:read", "workers:scale"], "members": ["U0OPERATOR"]}},
        "approvals": {"default": {"approvers": ["operator"]}},
        "limits": {},
        "schedules": {},
        "alerts": [],
    }
)


class FixedPolicy:
    """The policy of the tests."""

    current = POLICY


@dataclass
class Remembering:
    """A dispatcher that remembers what it got; ``broken`` makes its store fail."""

    accepted: list[Request | Decision] = field(default_factory=list)
    handled: list[Request | Decision] = field(default_factory=list)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    broken: bool = False
    withdrawn: list[Request | Decision] = field(default_factory=list)
    troubles: list[UserError] = field(default_factory=list)

    async def accept(self, item: Request | Decision) -> bool:
        if self.broken:
            raise OSError("disk full")
        is_new = item.id not in {known.id for known in self.accepted}
        if is_new:
            self.accepted.append(item)
        return is_new

    def withdraw(self, item: Request | Decision) -> None:
        self.withdrawn.append(item)

    async def close_withdrawn(self, item: Request | Decision) -> None:
        assert item in self.withdrawn

    async def handle(self, item: Request | Decision, trouble: UserError | None = None) -> None:
        assert item in self.accepted
        async with self.changed:
            self.troubles += [trouble] if trouble else []
            self.handled.append(item)
            self.changed.notify_all()

    def form(self, request: Request) -> Command | None:
        if request.actor.id == "U0VIEWER":
            raise Refused("You may not.")
        found = CATALOG.commands.get(request.command)
        return found if found and not request.text and any(p.required for p in found.parameters) else None

    def check(self, request: Request) -> None:
        if (request.arguments or {}).get("replicas") == "many":
            raise UsageError("replicas has to be a whole number.", argument="replicas", nearest="5")
        if request.actor.id == "U0VIEWER":
            raise Refused("You may not.", hint="Who may: Olga Operator.")

    async def check_decision(self, decision: Decision) -> None:
        if self.broken:
            raise OSError("disk full")
        if decision.actor.id == "U0VIEWER" or decision.subject == "ended":
            raise Refused("You may not, or it has ended.")

    async def wait(self, count: int = 1) -> None:
        async with self.changed:
            await self.changed.wait_for(lambda: len(self.handled) >= count)
