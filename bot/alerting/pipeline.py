"""One tick of the alerts, stage by stage, inside one transaction of the bot's own database.

What was said (the incident's row), what shall be said (the outbox) and what the next tick has to know are committed
together: after a kill at any moment the next tick finds all of it or none, and announces nothing twice.
"""

from collections.abc import Callable, Iterable
from datetime import datetime

from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.alerting.announce import Announcing, Stores
from bot.alerting.audience import audience
from bot.alerting.dedupe import News, dedupe
from bot.alerting.escalation import Escalating
from bot.alerting.evaluate import AlertState, Finding, evaluate
from bot.alerting.group import Group, group
from bot.alerting.notify import Ways
from bot.alerting.shared_pages import SharedPages
from bot.alerting.stages import Labelled, in_question, inhibit, matching, over, silence
from bot.catalog import Catalog
from bot.policy import Policy
from bot.schedule import Observation
from bot.silence import Silence

__all__ = ["Alerting", "Stores"]


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
        ways = Ways(channel, pagerduty, address)
        self._announcing = Announcing(stores, catalog, ways)
        self._escalating = Escalating(stores.database, stores.outbox, ways)
        self._shared_pages = SharedPages(stores.outbox, catalog, ways)

    async def tick(self, observations: list[Observation], now: datetime) -> None:
        """Evaluate the observations and put what is new about the incidents into the outbox."""
        policy = self._policy()
        async with self._stores.database.transaction() as connection:
            await self._stores.incidents.lock(connection)
            stored = await self._stores.incidents.states(connection=connection)
            states = {name: state for name, one in stored.items() if (state := _read(one)) is not None}
            firing = await self._stores.incidents.firing(connection=connection)
            shown = {name for one in firing.values() for name in (one.fingerprint, *one.members)}
            findings = evaluate(policy.alerts, observations, states, now, shown)
            silences = await self._silences(findings, in_question(firing.values(), policy.alerts), now, connection)
            judged = silence(inhibit(findings, policy.inhibitions), silences)
            openings = await self._stores.incidents.openings(now - policy.flapping.within, connection=connection)
            groups = group(judged, policy.notified)
            news = dedupe(groups, firing, now, flapping=policy.flapping, openings=openings)
            moment = await self._escalating.moment(policy, now, connection)
            news, calls = await self._escalating.look(news, moment, connection)
            called = audience(policy, moment.rota, now)
            news = await self._shared_pages.look(news, calls, called, now, connection)
            told = [one for one in news if one.kind != "quiet" or one.incident != firing.get(one.incident.fingerprint)]
            await self._announcing.announce(told, called, now, connection)
            incidents = {one.incident.id: one.incident for one in news}
            shared = [one.incident.id for one in news if one.shares_page]
            await self._escalating.say(incidents, calls, moment, connection, shared=shared)
            kept = on_and_off(groups, news)
            active = {one.fingerprint: one.state for one in findings if one.state.is_active or one.fingerprint in kept}
            changed = {name: one.model_dump(mode="json") for name, one in active.items() if one != states.get(name)}
            gone = stored.keys() - active.keys()
            await self._stores.incidents.remember(changed, gone, now, connection=connection)

    async def _silences(
        self, findings: list[Finding], open_still: list[Labelled], now: datetime, connection: AsyncConnection
    ) -> list[Silence]:
        """Return the silences in force; those that are over with what fires now, or is on and off, are ended."""
        silences = await self._stores.silences.active(now, connection)
        used = matching(silences, findings, open_still)
        await self._stores.silences.matched(used, now, connection)
        ended = over(silences, used, now)
        for reason, ones in ended.items():
            await self._stores.silences.end([one.id for one in ones], reason, now, connection)
        return [one for one in silences if not any(one in ones for ones in ended.values())]


def on_and_off(groups: Iterable[Group], news: Iterable[News]) -> set[str]:
    """Return the fingerprints of what shares an open card that is on and off.

    They are remembered though they may be quiet: a tick that looks at other things must not take them for gone.
    """
    cards = {one.incident.fingerprint for one in news if one.incident.flapping and one.incident.state == "firing"}
    return {finding.fingerprint for each in groups if each.key in cards for finding in each.findings}


def _read(stored: object) -> AlertState | None:
    """Read a stored state; one that another version of the bot wrote is started anew instead of stopping every tick."""
    try:
        return AlertState.model_validate(stored)
    except ValidationError:
        return None
