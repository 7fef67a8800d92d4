"""People on call, for the commands about them."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bot.alerting.notify import Ways
from bot.alerting.oncall_actions import OnCallActions
from bot.alerting.parts import oncall_parts
from bot.alerting.shifts import Shifts
from bot.catalog import Catalog
from bot.dispatch.operations import Operations
from bot.dispatch.parse import bind, parse
from bot.oncall import OnCall
from bot.plan import Plan
from bot.policy_file import PolicyFile
from bot.reply import Reply
from bot.request import Actor, Request
from bot.stores.database import Database
from bot.stores.incidents import Incidents
from bot.stores.message import Delivery, Via
from bot.stores.outbox import Outbox
from bot.stores.silences import Silences


@dataclass
class OnCallWorld:
    """Who is on call by the example policy, at a time that stands until it is moved."""

    database: Database
    policy: PolicyFile
    catalog: Catalog
    now: datetime = datetime(2026, 7, 1, 9, tzinfo=UTC)

    def __post_init__(self) -> None:
        def clock() -> datetime:
            return self.now

        ways = Ways("C1", pagerduty=True, address="alerts@novapulse.com")
        self.shifts = Shifts(self.database, lambda: self.policy.current, channel="C1", line=lambda plan: plan.command)
        self.acts = OnCallActions(self.database, lambda: self.policy.current, ways=ways, clock=clock)
        self.systems = oncall_parts(self.database)
        self.outbox = Outbox(self.database)
        self.number = 0

    def rules(self, **section: Any) -> None:
        """Put another [oncall] in force."""
        found = OnCall.model_validate(section)
        self.policy.current = self.policy.current.model_copy(update={"oncall": found})

    async def ask(self, line: str, actor: str = "U0OPERATOR") -> Reply | Plan:
        """Type a command; what it needs is found as the bot finds it."""
        name, _, text = line.partition(" ")
        command = self.catalog.commands[name]
        self.number += 1
        who = Actor(id=actor, name=self.policy.current.name(actor))
        request = Request(id=f"r{self.number}", actor=who, command=name, text=text, received_at=self.now)
        known = {type(part): part for part in (self.policy, Incidents(self.database), *self.systems.values())}
        known |= {
            Catalog: self.catalog,
            Request: request,
            datetime: self.now,
            Outbox: self.outbox,
            Silences: Silences(self.database),
        }
        needs = {need: known[kind] for need, kind in command.dependencies.items()}
        answer: Reply | Plan = await command.handler(**bind(command, parse(command, text)), **needs)
        return answer

    async def shown(self, line: str = "/oncall", actor: str = "U0OPERATOR") -> Reply:
        """Type a command that answers."""
        reply = await self.ask(line, actor)
        assert isinstance(reply, Reply)
        return reply

    async def do(self, line: str, actor: str = "U0OPERATOR") -> Plan:
        """Type a command that plans, and carry the plan out."""
        plan = await self.ask(line, actor)
        assert isinstance(plan, Plan)
        operations = Operations(self.systems | {"oncall": self.acts})
        for step in plan.steps:
            await operations.find(step)(**step.arguments)
        return plan

    async def messages(self, via: Via = "slack") -> list[Delivery]:
        """Return what waits to be sent by a way, the oldest first."""
        waiting = [one for one in await self.outbox.undelivered(self.now) if one.via == via]
        return sorted(waiting, key=lambda one: one.created_at)
