"""Alerts that fire, for the commands about them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from bot.alert_rule import AlertRule
from bot.alerting.parts import alerting_parts
from bot.alerting.pipeline import Alerting
from bot.catalog import Catalog
from bot.dispatch.operations import Operations
from bot.plan import Plan
from bot.policy_file import PolicyFile
from bot.reply import Buttons
from bot.request import Actor, Request
from bot.schedule import Observation
from bot.stores.database import Database
from bot.stores.incidents import Incident, Incidents
from bot.stores.outbox import Outbox
from bot.stores.pages import Pages
from bot.stores.silences import Silences


@dataclass
class AlertWorld:
    """The alerts of one database, at a time that stands until it is moved."""

    database: Database
    policy: PolicyFile
    catalog: Catalog
    now: datetime

    def __post_init__(self) -> None:
        self.alerting: Alerting
        self.actions: dict[str, object]
        channel, clock = "C1", lambda: self.now
        self.alerting, self.actions = alerting_parts(
            self.database, self.policy, self.catalog, channel=channel, clock=clock
        )
        self.incidents, self.silences = Incidents(self.database), Silences(self.database)
        self.outbox, self.pages = Outbox(self.database), Pages(self.database)
        rules = [
            AlertRule.model_validate(rule.model_dump(by_alias=True) | NO_WAIT) for rule in self.policy.current.alerts
        ]
        self.policy.current = self.policy.current.model_copy(
            update={"alerts": tuple(map(AlertRule.model_validate, rules))}
        )

    async def waiting(self, **depths: float) -> None:
        """Observe how many jobs wait in each queue."""
        seen = [
            Observation(metric="queue_waiting", labels={"queue": queue}, value=depth, at=self.now)
            for queue, depth in depths.items()
        ]
        await self.alerting.tick(seen, self.now)

    async def firing(self) -> Mapping[str, Incident]:
        """Return the incidents by queue."""
        found = await self.incidents.firing()
        return {one.alert.labels["queue"]: one for one in found.values()}

    def request(self, command: str, actor: Actor, number: int = 1) -> Request:
        """Return who asks for what, now."""
        return Request(id=f"r{number}", actor=actor, command=command, received_at=self.now)

    async def carry_out(self, plan: Plan) -> list[object]:
        """Do a plan's steps; return what each said."""
        operations = Operations(self.actions)
        return [await operations.find(step)(**step.arguments) for step in plan.steps]

    async def rings(self) -> list[str]:
        """Return the titles of what was said in the cards' threads."""
        return [one.body.title for one in await self.outbox.undelivered(self.now) if one.thread_of]

    async def card(self, incident: Incident) -> str:
        """Return all that an incident's card says."""
        found = await self.outbox.posted(f"incident:{incident.id}")
        return str(found.body) if found else ""

    async def buttons(self, incident: Incident) -> list[tuple[str, str, str]]:
        """Return what an incident's card offers: each button's words, what it does, and the line."""
        found = await self.outbox.posted(f"incident:{incident.id}")
        rows = [part for part in found.body.parts if isinstance(part, Buttons)] if found else []
        return [(one.label, one.action, one.value) for row in rows for one in row.buttons]


NO_WAIT = {"for": "0s", "keep_firing": "0s"}
