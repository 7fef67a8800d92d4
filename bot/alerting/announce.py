"""The last stage of a tick: what is new about the incidents is saved, and put into the outbox, many at a time."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.alerting.audience import Audience
from bot.alerting.card import RINGS, again, card
from bot.alerting.dedupe import Kind, News
from bot.alerting.digest import digest
from bot.alerting.notify import Places, Ways, cards, mails, page, priority_of, route
from bot.alerting.outlook import outlook
from bot.catalog import Catalog
from bot.reply import Reply
from bot.stores.database import Database
from bot.stores.incidents import Incident, Incidents
from bot.stores.message import Delivery, Message, mails_of
from bot.stores.outbox import Outbox
from bot.stores.samples import Sample, Samples, series_of
from bot.stores.silences import Silences

# More new incidents than this in one tick are announced in one message.
DIGEST_ABOVE: Final = 10
# The trend on a card begins this long before the incident.
LEAD: Final = timedelta(minutes=15)
# So many incidents are read and written with the same statements; their trends are in memory together.
AT_ONCE: Final = 50

# What is told in one message where there is much of it at once; an end that has a card is seen there.
_TOGETHER: Final[tuple[Kind, ...]] = ("opened", *RINGS, "resolved")

_Each = TypeVar("_Each")


@dataclass(frozen=True)
class Stores:
    """The tables the alerts are kept in; all of one database."""

    database: Database
    incidents: Incidents
    samples: Samples
    outbox: Outbox
    silences: Silences


class Announcing:
    """Saves incidents and says what is new about them, in the tick's transaction."""

    def __init__(self, stores: Stores, catalog: Catalog, ways: Ways) -> None:
        self._stores = stores
        self._catalog = catalog
        self._ways = ways

    async def announce(self, news: list[News], called: Audience, now: datetime, connection: AsyncConnection) -> None:
        """Save every incident, and put a card for each that has something to say; what came together in one message."""
        silent = {one.incident.id for one in news if one.kind == "quiet"}
        for kind in _TOGETHER:
            if of_kind := _of_one_message(news, kind):
                bare = [one for one in of_kind if one.incident.notified_at is None]
                await self._together(of_kind, bare, called, now, connection)
                silent |= {one.incident.id for one in bare}
                news = _without_rings(news, of_kind)
        await self._stores.incidents.save(
            [one.incident for one in news if one.incident.id in silent], connection=connection
        )
        for several in _portions([one for one in news if one.incident.id not in silent]):
            await self._each(several, called, now, connection)

    async def _each(self, news: Sequence[News], called: Audience, now: datetime, connection: AsyncConnection) -> None:
        """Put a card for each."""
        shown = [_as_shown(one, now) for one in news]
        incidents = [one.incident for one in shown]
        await self._stores.incidents.save(incidents, connection=connection)
        trends = await self._trends(shown, connection)
        told = await self._stores.outbox.told([one.id for one in incidents], connection)
        said: list[Message] = []
        for one in shown:
            said += self._said(one, called, trends[one.incident.id], told[one.incident.id], now)
        await self._stores.outbox.put_all(said, now, connection=connection)

    def _said(
        self, news: News, called: Audience, trend: list[Sample], told: list[Delivery], now: datetime
    ) -> list[Message]:
        incident = news.incident
        is_known = news.finding is not None and news.finding.alert.value is not None
        ahead = outlook(news.finding.rule, incident.severity, trend, now) if news.finding and is_known else ""
        shown = replace(news, ahead=ahead)
        body = card(shown, called, self._catalog, [sample.value for sample in trend])
        places = route(shown, called.policy, self._ways)
        said = cards(incident, body, places, told)
        # A card that is new with this (it was in a digest until now) rings by itself.
        if news.kind in RINGS and news.finding is not None and news.had_card:
            ring, moment = again(shown, called), now.isoformat()
            said += [replace(it, key=f"{it.key}:{news.kind}:{moment}", body=ring, thread_of=it.key) for it in said]
        return [*said, *page(incident, lambda: body, places, told), *mails(shown, body, places, told, now)]

    async def _together(
        self, news: list[News], bare: list[News], called: Audience, now: datetime, connection: AsyncConnection
    ) -> None:
        """Say what is new of one kind in one tick in one message for each place; PagerDuty groups pages by itself.

        ``bare`` are those without a card, which is where the others' pages are kept up to date.
        """
        routed = [(one, route(one, called.policy, self._ways)) for one in news]
        without = {one.incident.id for one in bare}
        said = [*self._digests(routed, called, now)]
        for several in _portions([pair for pair in routed if pair[0].incident.id in without]):
            ids = [one.incident.id for one, _ in several]
            told = await self._stores.outbox.told(ids, connection) if news[0].kind != "opened" else {}
            for one, places in several:
                said += page(one.incident, self._bare(one, called), places, told.get(one.incident.id, ()))
        await self._stores.outbox.put_all(said, now, connection=connection)

    def _bare(self, news: News, called: Audience) -> Callable[[], Reply]:
        """Return what renders the card without its trend, for whoever needs it."""
        return lambda: card(news, called, self._catalog, [])

    def _digests(self, routed: list[tuple[News, Places]], called: Audience, now: datetime) -> Iterator[Message]:
        kind = routed[0][0].kind
        key = f"incidents:{kind}:{now.isoformat()}"

        def told(here: list[News]) -> tuple[Reply, int]:
            return digest(here, called, self._catalog, now), min(priority_of(one.incident) for one in here)

        for number, channel in enumerate(dict.fromkeys(name for _, places in routed for name in places.channels)):
            body, urgent = told([one for one, places in routed if channel in places.channels])
            yield Message(f"{key}:{channel}" if number else key, channel, body, urgent)
        for address in dict.fromkeys(name for _, places in routed for name in places.addresses):
            body, urgent = told([one for one, places in routed if address in places.addresses])
            yield from mails_of(key, kind, (address,), body, priority=urgent)

    async def _trends(self, news: Sequence[News], connection: AsyncConnection) -> Mapping[str, list[Sample]]:
        """Return how the value of each incident moved, from a while before it began."""
        series = {
            one.incident.id: series_of(one.finding.rule.metric, one.incident.alert.labels)
            for one in news
            if one.finding is not None
        }
        if not series:
            return {one.incident.id: [] for one in news}
        since = min(one.incident.opened_at for one in news) - LEAD
        found = await self._stores.samples.several(series.values(), since, connection=connection)
        return {one.incident.id: _since(one.incident, found.get(series.get(one.incident.id, ""), [])) for one in news}


def _since(incident: Incident, samples: list[Sample]) -> list[Sample]:
    return [sample for sample in samples if sample.at >= incident.opened_at - LEAD]


def _as_shown(news: News, now: datetime) -> News:
    """Return it with its incident as it is once this is said."""
    incident = replace(news.incident, notified_at=now, alert=news.alert or news.incident.alert)
    return replace(news, incident=incident, had_card=news.incident.notified_at is not None)


def _portions(several: Sequence[_Each]) -> Iterator[Sequence[_Each]]:
    for start in range(0, len(several), AT_ONCE):
        yield several[start : start + AT_ONCE]


def _of_one_message(news: list[News], kind: Kind) -> list[News]:
    """Return that of which there is too much in this tick for a card or a ring each, as it stands now."""
    found = [one for one in news if one.kind == kind and (one.incident.notified_at is None or kind in RINGS)]
    is_much = len(found) > DIGEST_ABOVE
    return [replace(it, incident=replace(it.incident, alert=it.alert or it.incident.alert)) for it in found if is_much]


def _without_rings(news: list[News], told: list[News]) -> list[News]:
    """Return the news with those that are told already only shown: their cards are edited and ring nobody."""
    shown = {one.incident.id: replace(one, kind="changed") for one in told}
    return [shown.get(one.incident.id, one) for one in news]
