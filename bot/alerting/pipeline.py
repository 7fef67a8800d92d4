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

from bot.alerting.audience import Audience, audience
from bot.alerting.card import RINGS, again, card
from bot.alerting.dedupe import Kind, News, dedupe
from bot.alerting.digest import digest
from bot.alerting.escalation import Escalating
from bot.alerting.evaluate import AlertState, Finding, evaluate
from bot.alerting.group import group
from bot.alerting.notify import Ways, cards, mails, page, priority_of, route
from bot.alerting.outlook import outlook
from bot.alerting.stages import inhibit, matching, over, silence
from bot.catalog import Catalog
from bot.policy import Policy
from bot.reply import Reply
from bot.schedule import Observation
from bot.silence import Silence
from bot.stores.database import Database
from bot.stores.incidents import Incident, Incidents
from bot.stores.message import Message, mails_of
from bot.stores.outbox import Outbox
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
    """Turns observations into incident cards, pages and mails; everything it knows is in the database.

    ``channel`` is Slack's alerts channel, ``pagerduty`` whether there is one, ``address`` the alerts address or "".
    """

    def __init__(
        self,
        stores: Stores,
        *,
        policy: Callable[[], Policy],
        catalog: Catalog,
        channel: str,
        pagerduty: bool = False,
        address: str = "",
    ) -> None:
        self._stores = stores
        self._policy = policy
        self._catalog = catalog
        self._ways = Ways(channel, pagerduty, address)
        self._escalating = Escalating(stores.database, stores.outbox, self._ways)

    async def tick(self, observations: list[Observation], now: datetime) -> None:
        """Evaluate the observations and put what is new about the incidents into the outbox."""
        policy = self._policy()
        async with self._stores.database.transaction() as connection:
            await self._stores.incidents.lock(connection)
            states = await self._states(connection)
            firing = await self._stores.incidents.firing(connection=connection)
            shown = {name for one in firing.values() for name in (one.fingerprint, *one.members)}
            findings = evaluate(policy.alerts, observations, states, now, shown)
            silences = await self._silences(findings, now, connection)
            judged = silence(inhibit(findings, policy.inhibitions), silences)
            openings = await self._stores.incidents.openings(now - policy.flapping.within, connection=connection)
            groups = group(judged, policy.notified)
            news = dedupe(groups, firing, now, flapping=policy.flapping, openings=openings)
            moment = await self._escalating.moment(policy, now, connection)
            news, calls = await self._escalating.look(news, moment, connection)
            told = [one for one in news if one.kind != "quiet" or one.incident != firing.get(one.incident.fingerprint)]
            await self._notify(told, audience(policy, moment.rota, now), now, connection)
            await self._escalating.say(news, calls, moment, connection)
            await self._remember(findings, now, connection)

    async def _silences(self, findings: list[Finding], now: datetime, connection: AsyncConnection) -> list[Silence]:
        """Return the silences in force; those that are over with what fires now are ended."""
        silences = await self._stores.silences.active(now, connection)
        used = matching(silences, findings)
        await self._stores.silences.matched(used, now, connection)
        ended = over(silences, used, now)
        for reason, ones in ended.items():
            await self._stores.silences.end([one.id for one in ones], reason, now, connection)
        return [one for one in silences if not any(one in ones for ones in ended.values())]

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

    async def _notify(self, news: list[News], called: Audience, now: datetime, connection: AsyncConnection) -> None:
        silent = {one.incident.id for one in news if one.kind == "quiet"}
        for kind in ("opened", "resolved"):
            if of_kind := _of_one_message(news, kind):
                await self._announce_together(of_kind, called, now, connection)
                silent |= {one.incident.id for one in of_kind}
        for one in news:
            if one.incident.id in silent:
                await self._stores.incidents.save(one.incident, connection=connection)
            else:
                await self._announce(one, called, now, connection)

    async def _announce(self, one: News, called: Audience, now: datetime, connection: AsyncConnection) -> None:
        incident = replace(one.incident, notified_at=now)
        if one.alert is not None:
            incident = replace(incident, alert=one.alert)
        await self._stores.incidents.save(incident, connection=connection)
        seen = await self._trend(incident, one.finding, connection)
        is_known = one.finding is not None and one.finding.alert.value is not None
        ahead = outlook(one.finding.rule, incident.severity, seen, now) if one.finding and is_known else ""
        shown = replace(one, incident=incident, ahead=ahead)
        body = card(shown, called, self._catalog, [sample.value for sample in seen])
        places = route(shown, called.policy, self._ways)
        told = await self._stores.outbox.told(incident.id, connection)
        said = cards(incident, body, places, told)
        # A card that is new with this (it was in a digest until now) rings by itself.
        if one.kind in RINGS and one.finding is not None and one.incident.notified_at is not None:
            ring, moment = again(shown, called), now.isoformat()
            said += [replace(it, key=f"{it.key}:{one.kind}:{moment}", body=ring, thread_of=it.key) for it in said]
        said += page(incident, body, places, told) + mails(shown, body, places, told, now)
        for message in said:
            await self._stores.outbox.put(message, now, connection=connection)

    async def _announce_together(
        self, together: list[News], called: Audience, now: datetime, connection: AsyncConnection
    ) -> None:
        """Say what began, or ended, in one tick in one message for each place; PagerDuty groups pages by itself."""
        kind = together[0].kind
        key = f"incidents:{kind}:{now.isoformat()}"
        routed = [(one, route(one, called.policy, self._ways)) for one in together]

        def told(here: list[News]) -> tuple[Reply, int]:
            return digest(here, called, self._catalog, now), min(priority_of(one.incident) for one in here)

        said: list[Message] = []
        for number, channel in enumerate(dict.fromkeys(name for _, places in routed for name in places.channels)):
            body, urgent = told([one for one, places in routed if channel in places.channels])
            said.append(Message(f"{key}:{channel}" if number else key, channel, body, urgent))
        for address in dict.fromkeys(name for _, places in routed for name in places.addresses):
            body, urgent = told([one for one, places in routed if address in places.addresses])
            said += mails_of(key, kind, (address,), body, priority=urgent)
        for one, places in routed:
            before = await self._stores.outbox.told(one.incident.id, connection) if kind == "resolved" else ()
            said += page(one.incident, card(one, called, self._catalog, []), places, before)
        for message in said:
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


def _of_one_message(news: list[News], kind: Kind) -> list[News]:
    """Return what began or ended in this tick, where that is too much for a card each; what has a card keeps it."""
    found = [one for one in news if one.kind == kind and one.incident.notified_at is None]
    return found if len(found) > DIGEST_ABOVE else []
