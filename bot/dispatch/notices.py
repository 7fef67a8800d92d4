"""What dispatch has to say, put into the outbox; a card joins the transaction that changes what it shows."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.catalog import Catalog
from bot.dispatch.cards import CardView, card
from bot.dispatch.parse import typed
from bot.dispatch.planner import PolicyInForce
from bot.masking import mask
from bot.reply import Level, Person, Reply, Span, Text, say
from bot.request import Actor, Decision, Request
from bot.stores.database import Database
from bot.stores.outbox import ANSWER, CARD, CRITICAL, Message, Outbox
from bot.stores.plans import Plans, StoredPlan, Vote
from bot.stores.runs import Runs, StoredRun


class Notices:
    """Answers, cards and announcements. What has no channel of its own goes to the alerts channel."""

    def __init__(
        self, database: Database, outbox: Outbox, catalog: Catalog, policy: PolicyInForce, *, alerts_channel: str
    ) -> None:
        self._plans = Plans(database)
        self._runs = Runs(database)
        self._outbox = outbox
        self._catalog = catalog
        self._policy = policy
        self._alerts_channel = alerts_channel

    async def answer(self, item: Request | Decision, reply: Reply, now: datetime) -> None:
        """Answer a request or a click; what is private is seen by that person only."""
        await self._outbox.put(
            Message(
                key=f"reply:{item.id}",
                channel=item.channel or self._alerts_channel,
                body=reply,
                priority=ANSWER,
                private_to=item.actor.id if reply.private else "",
                response_url=item.response_url if isinstance(item, Request) else "",
            ),
            now,
        )

    async def card(
        self, connection: AsyncConnection, plan_id: str, now: datetime, *, first: bool = False, response_url: str = ""
    ) -> None:
        """Bring the plan's card up to date, and that of the run it would undo; ``first`` rings the approvers."""
        stored = await self._put_card(connection, plan_id, now, first=first, response_url=response_url)
        if stored is not None and stored.undo_of:
            await self._put_card(connection, stored.undo_of, now)

    async def superseded(self, connection: AsyncConnection, run: StoredRun, now: datetime) -> None:
        """Bring the card of the target's run before this one up to date: its Undo no longer fits."""
        previous = await self._runs.latest_on(connection, run.target, before=run.started_at)
        if previous is not None:
            await self._put_card(connection, previous, now)

    async def show(self, plan_id: str) -> Reply:
        """Return the card as it stands, for the console; raises ``KeyError`` where there is no such plan."""
        stored = await self._plans.get(plan_id)
        if stored is None:
            raise KeyError(plan_id)
        run = await self._runs.get(plan_id)
        return card(self._view(stored, await self._plans.votes(plan_id), run))

    async def ask_next(self, connection: AsyncConnection, stored: StoredPlan, now: datetime) -> None:
        """Ring those who are asked when nobody has answered."""
        rule = self._policy.current.approval(stored.command)
        asked = [actor for actor in self._actors(rule.ask_next) if actor.id != stored.requester.id]
        people: list[Span] = []
        for actor in asked:
            people += [", " if people else "", Person(id=actor.id, name=actor.name, notify=True)]
        reply = say(
            f"Nobody has decided yet: {stored.plan.title}",
            Text.of("Now asking: ", *(people or ["nobody, the policy names no one else"])),
            Text.of("The buttons are on the card of ", stored.id, ", requested by ", stored.requester.name, "."),
            level=Level.WARNING,
        )
        await self._put(connection, f"plan:{stored.id}:ask-next", stored.channel, reply, now)

    async def break_glass(self, connection: AsyncConnection, stored: StoredPlan, vote: Vote, now: datetime) -> None:
        """Announce that somebody acts alone."""
        reply = say(
            f"Break glass: {stored.plan.title}",
            Text.of(Person(id=vote.actor.id, name=vote.actor.name), " acts without a second person."),
            Text.of("Reason: ", vote.reason),
            Text.of("Plan ", stored.id, ", requested by ", stored.requester.name, ". It is on record for review."),
            level=Level.CRITICAL,
        )
        await self._put(connection, f"break-glass:{stored.id}", self._alerts_channel, reply, now, priority=CRITICAL)

    async def _put_card(
        self, connection: AsyncConnection, plan_id: str, now: datetime, *, first: bool = False, response_url: str = ""
    ) -> StoredPlan | None:
        stored = await self._plans.get(plan_id, connection)
        if stored is None:
            return None
        run = await self._runs.get(plan_id, connection)
        offered = run is not None and await self._undo_offered(connection, stored, run)
        votes = await self._plans.votes(plan_id, connection)
        view = self._view(stored, votes, run, undo_offered=offered, notify=first)
        message = Message(f"plan:{plan_id}", stored.channel, card(view), CARD, response_url=response_url)
        await self._outbox.put(message, now, connection=connection)
        return stored

    def _view(
        self,
        stored: StoredPlan,
        votes: tuple[Vote, ...],
        run: StoredRun | None,
        *,
        undo_offered: bool = False,
        notify: bool = False,
    ) -> CardView:
        policy = self._policy.current
        approvers = self._actors(policy.approval(stored.command).approvers)
        return CardView(
            stored=stored,
            line=self.line(stored),
            votes=votes,
            run=run,
            approvers=tuple(actor for actor in approvers if actor.id != stored.requester.id),
            break_glass=stored.command in policy.break_glass.commands,
            undo_offered=undo_offered,
            notify=notify,
        )

    async def _undo_offered(self, connection: AsyncConnection, stored: StoredPlan, run: StoredRun) -> bool:
        if not may_undo(stored, run):
            return False
        if await self._runs.superseded(connection, run):
            return False
        return await self._plans.undo_pending(connection, run.id) is None

    def line(self, stored: StoredPlan) -> str:
        """Return the command line of a plan as somebody would type it, without secrets."""
        command = self._catalog.commands.get(stored.command)
        return mask(typed(command, stored.arguments)) if command else stored.command

    def _actors(self, roles: tuple[str, ...]) -> list[Actor]:
        policy = self._policy.current
        return [Actor(id=person, name=policy.name(person)) for person in policy.members(roles)]

    async def _put(
        self,
        connection: AsyncConnection,
        key: str,
        channel: str,
        reply: Reply,
        now: datetime,
        *,
        priority: int = CARD,
    ) -> None:
        await self._outbox.put(Message(key, channel, reply, priority), now, connection=connection)

    @property
    def alerts_channel(self) -> str:
        """Where a plan's card goes when the request came from no channel."""
        return self._alerts_channel


def may_undo(stored: StoredPlan, run: StoredRun) -> bool:
    """Return whether a run left something that its plan knows how to take back."""
    if stored.plan.undo is None or run.status == "running" or run.undone_by:
        return False
    begun = (step for step in run.steps if step.status in ("done", "failed") and step.attempts)
    return any(stored.plan.steps[step.number].kind == "do" for step in begun)
