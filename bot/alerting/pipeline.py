"""One tick of the alerts, stage by stage, inside one transaction of the bot's own database.

What was said (the incident's row), what shall be said (the outbox) and what the next tick has to know are committed
together: after a kill at any moment the next tick finds all of it or none, and announces nothing twice.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.alerting.card import RINGS, again, card, digest
from bot.alerting.evaluate import AlertState, Finding, evaluate
from bot.alerting.outlook import outlook
from bot.alerting.stages import News, dedupe, group, inhibit, over, silence
from bot.catalog import Catalog
from bot.policy import Policy
from bot.schedule import Observation
from bot.stores.database import Database
from bot.stores.incidents import Incident, Incidents
from bot.stores.outbox import CARD, CRITICAL, Message, Outbox
from bot.stores.samples import Sample, Samples, series_of
from bot.stores.silences import Silences

# More new incidents than this in one tick are announced in one message.
DIGEST_ABOVE: Final = 10
# The trend on a card begins this long before the incident.
LEAD: Final = timedelta(minutes=15)


@dataclass(frozen=True)
class Stores:
    """The tables the alerts are kept in; all of one database."""

    database: Database
    incidents: Incidents
    samples: Samples
    outbox: Outbox
    silences: Silences


class Alerting:
    """Turns observations into incident cards in ``channel``; everything it knows is in the database."""

    def __init__(self, stores: Stores, *, policy: Callable[[], Policy], catalog: Catalog, channel: str) -> None:
        self._stores = stores
        self._policy = policy
        self._catalog = catalog
        self._channel = channel

    async def tick(self, observations: list[Observation], now: datetime) -> None:
        """Evaluate the observations and put what is new about the incidents into the outbox."""
        policy = self._policy()
        async with self._stores.database.transaction() as connection:
            await self._stores.incidents.lock(connection)
            states = await self._states(connection)
            findings = evaluate(policy.alerts, observations, states, now)
            silences = await self._stores.silences.active(now, connection)
            ended = over(silences, findings)
            lasting = [one for one in silences if one not in ended]
            judged = silence(inhibit(findings, policy.inhibitions), lasting)
            firing = await self._stores.incidents.firing(connection=connection)
            news = dedupe(group(judged, now), firing, now)
            await self._notify(news, policy, now, connection)
            await self._stores.silences.end([one.id for one in ended], "resolved", now, connection)
            await self._remember(findings, now, connection)

    async def _states(self, connection: AsyncConnection) -> dict[str, AlertState]:
        stored = await self._stores.incidents.states(connection=connection)
        read = {fingerprint: _read(state) for fingerprint, state in stored.items()}
        return {fingerprint: state for fingerprint, state in read.items() if state is not None}

    async def _remember(self, findings: list[Finding], now: datetime, connection: AsyncConnection) -> None:
        states = {
            finding.alert.fingerprint: finding.state.model_dump(mode="json")
            for finding in findings
            if finding.state.is_active
        }
        await self._stores.incidents.remember(states, now, connection=connection)

    async def _notify(self, news: list[News], policy: Policy, now: datetime, connection: AsyncConnection) -> None:
        opened = [one for one in news if one.kind == "opened"]
        together = opened if len(opened) > DIGEST_ABOVE else []
        if together:
            await self._announce_together(together, policy, now, connection)
        for one in news:
            if one.kind == "quiet" or one in together:
                await self._stores.incidents.save(one.incident, connection=connection)
            else:
                await self._announce(one, policy, now, connection)

    async def _announce(self, one: News, policy: Policy, now: datetime, connection: AsyncConnection) -> None:
        incident = replace(one.incident, notified_at=now)
        if one.finding and incident.state == "firing":
            incident = replace(incident, alert=one.finding.alert)
        await self._stores.incidents.save(incident, connection=connection)
        seen = await self._trend(incident, one.finding, connection)
        is_known = one.finding is not None and one.finding.alert.value is not None
        ahead = outlook(one.finding.rule, incident.severity, seen, now) if one.finding and is_known else ""
        trend = [sample.value for sample in seen]
        body = card(replace(one, incident=incident), policy, self._catalog, trend, ahead)
        message = Message(f"incident:{incident.id}", self._channel, body, _priority(incident))
        await self._stores.outbox.put(message, now, connection=connection)
        # A card that is new with this (it was in a digest until now) rings by itself.
        if one.kind in RINGS and one.finding is not None and one.incident.notified_at is not None:
            ring = again(one.kind, incident, one.finding, policy)
            key = f"{message.key}:{one.kind}:{now.isoformat()}"
            loud = Message(key, self._channel, ring, _priority(incident), thread_of=message.key)
            await self._stores.outbox.put(loud, now, connection=connection)

    async def _announce_together(
        self, together: list[News], policy: Policy, now: datetime, connection: AsyncConnection
    ) -> None:
        urgent = min(_priority(one.incident) for one in together)
        message = Message(f"incidents:{now.isoformat()}", self._channel, digest(together, policy, now), urgent)
        await self._stores.outbox.put(message, now, connection=connection)

    async def _trend(self, incident: Incident, finding: Finding | None, connection: AsyncConnection) -> list[Sample]:
        if finding is None:
            return []
        name = series_of(finding.rule.metric, incident.alert.labels)
        return await self._stores.samples.series(name, incident.opened_at - LEAD, connection=connection)


def _read(stored: object) -> AlertState | None:
    """Read a stored state; one that another version of the bot wrote is started anew instead of stopping every tick."""
    try:
        return AlertState.model_validate(stored)
    except ValidationError:
        return None


def _priority(incident: Incident) -> int:
    return CRITICAL if incident.severity == "critical" else CARD
