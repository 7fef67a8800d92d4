"""One page for many incidents that began together, where a page for each would be more than PagerDuty takes.

It takes about 120 events a minute for a routing key, and whoever is called reads no hundreds of pages. A shared page
stands until none of those that it is about fires, is paged and may ring any longer; it is acknowledged once all of them
are.
"""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.alert_rule import SEVERITIES
from bot.alerting.audience import Audience
from bot.alerting.card import named
from bot.alerting.dedupe import News
from bot.alerting.digest import digest
from bot.alerting.notify import Ways, rings_nobody, route
from bot.catalog import Catalog
from bot.policy import Policy
from bot.stores.escalations import Call
from bot.stores.incidents import Incident
from bot.stores.message import Action, Message, Page, page_key, page_of
from bot.stores.outbox import Outbox

# So many incidents are paged anew in one tick by a page each.
ALONE: Final = 50


class SharedPages:
    """Puts the shared pages, in the tick's transaction; each is named after the moment at which its incidents began."""

    def __init__(self, outbox: Outbox, catalog: Catalog, ways: Ways) -> None:
        self._outbox = outbox
        self._catalog = catalog
        self._ways = ways

    async def look(
        self, news: list[News], calls: Iterable[Call], called: Audience, now: datetime, connection: AsyncConnection
    ) -> list[News]:
        """Put what is new about the shared pages, and return the news with those marked that share one."""
        if not self._ways.pagerduty:
            return news
        groups: dict[str, list[News]] = {}
        for one in news:
            groups.setdefault(_name(one.incident), []).append(one)
        told = await self._outbox.told(list(groups), connection)
        standing = {name: one.page for name, those in told.items() for one in those if one.page is not None}
        rung = {call.incident for call in calls}
        wanting = [one for one in news if _name(one.incident) not in standing and self._wants(one, rung, called.policy)]
        begun = await self._begun(wanting, connection)
        shared = standing.keys() | begun
        said = [self._page(name, groups[name], standing.get(name), called, now) for name in sorted(shared)]
        await self._outbox.put_all([one for one in said if one is not None], now, connection=connection)
        return [replace(one, shares_page=_name(one.incident) in shared) for one in news] if shared else news

    async def _begun(self, wanting: Collection[News], connection: AsyncConnection) -> set[str]:
        """Return the pages to begin: where more incidents want one of their own than are paged alone.

        What began at a moment of its own shares nothing, and its own page says more of it.
        """
        if len(wanting) <= ALONE:
            return set()
        has_own = await self._outbox.channels([page_key(one.incident.id) for one in wanting], connection)
        left = [one for one in wanting if page_key(one.incident.id) not in has_own]
        sizes = Counter(_name(one.incident) for one in left)
        return {name for name, size in sizes.items() if size > 1} if len(left) > ALONE else set()

    def _wants(self, one: News, rung: Collection[str], policy: Policy) -> bool:
        """Whether it would be paged by itself in this tick."""
        is_said = one.kind != "quiet" or one.incident.id in rung
        may_ring = one.incident.acknowledged_at is None and not rings_nobody(one.incident)
        return is_said and may_ring and self._is_paged(one, policy)

    def _is_paged(self, one: News, policy: Policy) -> bool:
        """Whether it fires unmuted and is for PagerDuty: by the policy's routes, or because people are called."""
        incident = one.incident
        if incident.state != "firing" or incident.muted:
            return False
        if not policy.routes:
            return incident.severity == "critical"
        return bool(incident.called) or route(one, policy, self._ways).pagerduty

    def _page(
        self, name: str, members: list[News], before: Page | None, called: Audience, now: datetime
    ) -> Message | None:
        """Return the page as it is to stand now; None where that is how it stands."""
        paged = [one for one in members if self._is_paged(one, called.policy)]
        if (before is None or before.action == "resolve") and all(rings_nobody(one.incident) for one in paged):
            return None
        action: Action = "acknowledge" if all(one.incident.acknowledged_at for one in paged) else "trigger"
        if not paged:
            action = "resolve"
        severity = max((one.incident.severity for one in paged or members), key=SEVERITIES.index)
        if before == Page(name, action, severity):
            return None
        about = paged or members
        body = digest(about, called, self._catalog, now)
        return page_of(action, name, body.model_copy(update={"title": _title(about)}), severity)


def _title(about: list[News]) -> str:
    return f"{len(about):,} alerts at once" if len(about) > 1 else named(about[0])


def _name(incident: Incident) -> str:
    return f"together-{incident.opened_at:%Y%m%dT%H%M%S}"
