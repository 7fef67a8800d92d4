"""The escalation as a stage of the tick: its calls are recorded and put in the tick's own transaction."""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.alerting.calling import TOGETHER_ABOVE, call_messages, reminder
from bot.alerting.dedupe import Kind, News
from bot.alerting.escalate import called, escalate, is_unanswered
from bot.alerting.notify import Ways
from bot.alerting.ways import call_elsewhere
from bot.policy import Policy
from bot.rota import Rota
from bot.stores.database import Database
from bot.stores.escalations import Call, Escalations
from bot.stores.incidents import Incident
from bot.stores.message import Message
from bot.stores.outbox import Outbox
from bot.stores.overrides import Overrides


@dataclass(frozen=True)
class Moment:
    """What a tick goes by: the policy, who is on call by it and the overrides, and the time."""

    policy: Policy
    rota: Rota
    now: datetime


class Escalating:
    """Calls level after level about what nobody has in hand, and reminds whoever has something in hand."""

    def __init__(self, database: Database, outbox: Outbox, ways: Ways) -> None:
        self._calls = Escalations(database)
        self._overrides = Overrides(database)
        self._outbox = outbox
        self._ways = ways

    async def moment(self, policy: Policy, now: datetime, connection: AsyncConnection) -> Moment:
        """Return what this tick goes by."""
        return Moment(policy, await self._overrides.rota(policy.oncall, now, connection), now)

    async def look(
        self, news: list[News], moment: Moment, connection: AsyncConnection
    ) -> tuple[list[News], list[Call]]:
        """Record the calls that are due; return them, and the news with what the cards say about them."""
        under_way = await self._calls.under_way(moment.now, connection)
        incidents = [one.incident for one in news]
        policy, now = moment.policy, moment.now
        due = escalate(incidents, under_way, moment.rota, policy.escalation, now)
        await self._calls.add(due, connection)
        await self._end_rounds(news, under_way.keys(), moment, connection)
        mine: dict[str, list[Call]] = {}
        for call in due:
            mine.setdefault(call.incident, [*under_way.get(call.incident, [])]).append(call)
        said = {incident: called(calls, policy) for incident, calls in mine.items()}
        return [_with(one, said, alone=len(due) <= TOGETHER_ABOVE) for one in news], due

    async def _end_rounds(
        self, news: list[News], under_way: AbstractSet[str], moment: Moment, connection: AsyncConnection
    ) -> None:
        """End the rounds of what is over, muted or in somebody's hands.

        Of what is a warning only the round ends after the policy's ``calm``, unless it is critical again before: what
        goes up and down begins no new round each time.
        """
        lasting = {one.incident.id: one for one in news if is_unanswered(one.incident)}
        now, calm = moment.now, moment.policy.flapping.calm
        await self._calls.over(under_way - lasting.keys(), now, connection)
        lower = {name for name, one in lasting.items() if one.incident.severity != "critical"}
        await self._calls.over(under_way & lower, now + calm, connection)
        again = {name for name, one in lasting.items() if one.kind == "worsened"}
        await self._calls.goes_on(under_way & again, now, connection)

    async def say(
        self,
        incidents: Mapping[str, Incident],
        due: list[Call],
        moment: Moment,
        connection: AsyncConnection,
        *,
        shared: Iterable[str] = (),
    ) -> None:
        """Put what mentions, pages, mails and reminds people; after the cards, in whose threads it is said.

        ``shared`` are the ids of the incidents that share a page with others.
        """
        mentions = call_messages(due, incidents, moment.policy, self._ways.channel, moment.now)
        alone = incidents.keys() - set(shared)
        elsewhere = call_elsewhere(due, incidents, moment.policy, self._ways, alone)
        reminders = await self.reminders(incidents.values(), moment, connection)
        await self._put([*mentions, *elsewhere, *reminders], moment.now, connection)

    async def reminders(
        self, incidents: Iterable[Incident], moment: Moment, connection: AsyncConnection
    ) -> list[Message]:
        """Return what reminds whoever has something in hand, as far as it was not put before."""
        found = [reminder(one, moment.policy, self._ways.channel, moment.now) for one in incidents]
        several = [one for one in found if one is not None]
        before = await self._outbox.channels({one.key for one in several}, connection)
        return [one for one in several if one.key not in before]

    async def _put(self, several: list[Message], now: datetime, connection: AsyncConnection) -> None:
        """Put messages; what belongs into the thread of a card goes to the card's channel."""
        places = await self._outbox.channels({one.thread_of for one in several if one.thread_of}, connection)
        said = [replace(one, channel=places.get(one.thread_of, one.channel)) for one in several]
        await self._outbox.put_all(said, now, connection=connection)


def _with(one: News, said: dict[str, str], *, alone: bool) -> News:
    text = said.get(one.incident.id, one.incident.called)
    if text == one.incident.called:
        return one
    incident = replace(one.incident, called=text)
    # What came in a digest gets a card of its own by this, unless all of them would.
    is_shown = alone or one.incident.notified_at is not None
    kind: Kind = "changed" if one.kind in ("quiet", "moved") and is_shown else one.kind
    return replace(one, kind=kind, incident=incident)
