"""What dispatch has to say, put into the outbox; a card joins the transaction that changes what it shows."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from bot import access
from bot.catalog import Catalog
from bot.dispatch.cards import CardView, approvals, card
from bot.dispatch.duty import Duty
from bot.dispatch.neighbours import Neighbour, State
from bot.dispatch.proposal import AGAIN
from bot.dispatch.run_cards import only_watches
from bot.dispatch.typed_line import typed
from bot.masking import mask
from bot.policy import PolicyInForce
from bot.reply import Bold, Code, Level, Link, Note, Person, Reply, Span, Text, When, say
from bot.request import Actor, Decision, Request
from bot.stores import touched
from bot.stores.database import Database
from bot.stores.freeze_records import FreezeRecords
from bot.stores.outbox import ANSWER, CARD, CRITICAL, Message, Outbox
from bot.stores.plans import Plans, StoredPlan, Vote
from bot.stores.runs import PERFORMED, Runs, StoredRun


class Notices:
    """Answers, cards and announcements. What has no channel of its own goes to the alerts channel."""

    def __init__(
        self, database: Database, outbox: Outbox, catalog: Catalog, policy: PolicyInForce, *, alerts_channel: str
    ) -> None:
        self._database = database
        self._plans = Plans(database)
        self._runs = Runs(database)
        self._freezes = FreezeRecords(database)
        self._outbox = outbox
        self._catalog = catalog
        self._policy = policy
        self.duty = Duty(database, catalog, policy)
        self.alone: dict[str, tuple[str, ...]] = {}  # by plan: who may act alone by the card that was drawn last
        self._alerts_channel = alerts_channel

    async def answer(self, item: Request | Decision, reply: Reply, now: datetime) -> None:
        """Answer a request or a click; what is private is seen by that person only.

        A click without a channel was made on the console, which prints the answer itself.
        """
        if isinstance(item, Decision) and not item.channel:
            return
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

    async def card(self, connection: AsyncConnection, plan_id: str, now: datetime, *, response_url: str = "") -> None:
        """Bring the plan's card up to date, and that of the run it would undo; it rings until Slack has it."""
        stored = await self._put_card(connection, plan_id, now, response_url=response_url)
        if stored is not None and stored.undo_of:
            await self._put_card(connection, stored.undo_of, now)

    async def superseded(self, connection: AsyncConnection, run: StoredRun, stored: StoredPlan, now: datetime) -> None:
        """Bring the cards of the runs before this one that touched the same up to date: their Undo no longer fits."""
        for previous in await touched.before(connection, run, stored):
            await self._put_card(connection, previous, now)

    def keep(self, plans: set[str]) -> None:
        """Remember what the cards of these plans say, and of no others."""
        self.alone = {plan_id: people for plan_id, people in self.alone.items() if plan_id in plans}

    async def show(self, plan_id: str, now: datetime) -> Reply:
        """Return the card as it stands, for the console; raises ``KeyError`` where there is no such plan."""
        async with self._database.reading() as connection:
            stored = await self._plans.get(plan_id, connection)
            if stored is None:
                raise KeyError(plan_id)
            return card(await self._view(connection, stored, now))

    async def elsewhere(self, stored: StoredPlan, channel: str) -> Reply | None:
        """Say where the plan's card is, for who asked in this channel and does not see it there; None where they do."""
        parent = await self._outbox.posted(stored.plan.thread) if stored.plan.thread and channel else None
        if parent is None or parent.posted_channel in ("", channel):
            return None
        where = Note.of("It is ", _card_of(stored), ", in the thread of what it is about. /runs shows how it ended.")
        return say(stored.plan.title, where, private=True)

    async def same(self, stored: StoredPlan, actor: Actor) -> Reply:
        """Say that the plan does already what this person asks for, who asked for it, and what they can do about it."""
        votes = await self._plans.votes(stored.id)
        asked: Span = "You" if stored.requester == actor else Person(id=stored.requester.id, name=stored.requester.name)
        so_far = {
            "waiting": f"waits for approval, {len(approvals(votes))} of {stored.needed}",
            "approved": "is approved and waits for its turn",
        }.get(stored.status, "runs; what has come since can be asked for when it has ended")
        has_decided = any(vote.actor.id == actor.id for vote in votes)
        may = access.approver_refusal(
            self._policy.current, actor, command=stored.command, requester=stored.requester.id
        )
        can = stored.status == "waiting" and may is None and not has_decided
        where = ("You can approve it on " if can else "It is on ", _card_of(stored), ".")
        return say(
            "The same is asked for already",
            Text.of(asked, " asked for it at ", When(at=stored.created_at), ": ", Bold(text=stored.plan.title), "."),
            Text.of("Plan ", Code(text=stored.id), f" {so_far}."),
            Text.of(*where),
            private=True,
        )

    async def ask_next(self, connection: AsyncConnection, stored: StoredPlan, now: datetime) -> None:
        """Ring those who are asked when nobody has answered."""
        people: list[Span] = []
        for actor in self._actors(await self.duty.asked(stored, now, connection)):
            people += [", " if people else "", Person(id=actor.id, name=actor.name, notify=True)]
        reply = say(
            f"Nobody has decided yet: {stored.plan.title}",
            Text.of("Now asking: ", *(people or ["nobody, the policy names no one else"])),
            Text.of("The buttons are on ", _card_of(stored), ", requested by ", stored.requester.name, "."),
            level=Level.WARNING,
        )
        await self._put(connection, f"plan:{stored.id}:ask-next", stored.channel, reply, now)

    async def announce(self, connection: AsyncConnection, key: str, reply: Reply, now: datetime) -> None:
        """Tell the alerts channel; the same key again edits what was told."""
        await self._put(connection, key, self._alerts_channel, reply, now)

    async def break_glass(self, connection: AsyncConnection, stored: StoredPlan, vote: Vote, now: datetime) -> None:
        """Announce that somebody acts alone, and by what they may."""
        why = await self.duty.why(vote.actor.id, now, connection)
        reply = say(
            f"Break glass: {stored.plan.title}",
            Text.of(Person(id=vote.actor.id, name=vote.actor.name), f", {why}, acts without a second person."),
            Text.of("Reason: ", vote.reason),
            Text.of(
                "It is ", _card_of(stored), ", requested by ", stored.requester.name, ". It is on record for review."
            ),
            level=Level.CRITICAL,
        )
        await self._put(connection, f"break-glass:{stored.id}", self._alerts_channel, reply, now, priority=CRITICAL)

    async def _put_card(
        self, connection: AsyncConnection, plan_id: str, now: datetime, *, response_url: str = ""
    ) -> StoredPlan | None:
        stored = await self._plans.get(plan_id, connection)
        if stored is None:
            return None
        key = f"plan:{plan_id}"
        there = await self._outbox.posted(key, connection)
        view = await self._view(connection, stored, now, notify=there is None or there.sent_version == 0)
        self.alone[plan_id] = tuple(actor.id for actor in view.alone)
        thread = stored.plan.thread
        message = Message(key, stored.channel, card(view), CARD, response_url=response_url, thread_of=thread)
        await self._outbox.put(message, now, connection=connection)
        return stored

    async def _view(
        self, connection: AsyncConnection, stored: StoredPlan, now: datetime, *, notify: bool = False
    ) -> CardView:
        policy = self._policy.current
        approvers = access.approvers(policy, command=stored.command, requester=stored.requester.id)
        run = await self._runs.get(stored.id, connection)
        ended = await self._freezes.ended(connection, stored.request_id) if run else ""
        return CardView(
            stored=stored,
            line=self.line(stored),
            votes=await self._plans.votes(stored.id, connection),
            run=run,
            approvers=self._actors(approvers),
            break_glass=stored.command in policy.break_glass.commands,
            alone=self._actors(await self.duty.alone(stored, now, connection)),
            ended=ended,
            undo_offered=may_undo(stored, run) and not ended,
            undo_at_once=stored.plan.undo is not None and not policy.approval(stored.plan.undo.command).needed,
            no_undo=await self._no_undo(connection, stored, run) if run and may_undo(stored, run) else (),
            neighbours=await self._neighbours(connection, stored),
            renewed=await self._renewed(connection, stored),
            notify=notify,
        )

    async def _neighbours(self, connection: AsyncConnection, stored: StoredPlan) -> tuple[Neighbour, ...]:
        if stored.status != "waiting":
            return ()
        beside = await self._plans.beside(connection, stored)
        return tuple([await self._neighbour(connection, it) for it in beside])

    async def _neighbour(self, connection: AsyncConnection, other: StoredPlan) -> Neighbour:
        run = await self._runs.get(other.id, connection)
        if run is not None:
            state: State = "watches" if only_watches(other.plan, run) else "runs"
        else:
            state = "approved" if other.status == "approved" else "waits"
        return Neighbour(other.id, self.line(other), other.requester, state)

    async def _renewed(self, connection: AsyncConnection, stored: StoredPlan) -> str:
        renewed = await self._plans.of_request(AGAIN + stored.id, connection) if stored.status == "stale" else None
        return renewed.id if renewed else ""

    async def _no_undo(self, connection: AsyncConnection, stored: StoredPlan, run: StoredRun) -> tuple[Span, ...]:
        """Say why what could be undone is not to be any more; nothing where it is."""
        if undoing := await self._plans.undo_pending(connection, stored.id):
            return "Undo requested: ", Code(text=undoing)
        if later := await touched.later_than(connection, run, stored):
            return "Can no longer be undone: ", Code(text=later), " has changed the same since."
        return ()

    def line(self, stored: StoredPlan) -> str:
        """Return the command line of a plan as somebody would type it, without secrets."""
        command = self._catalog.commands.get(stored.command)
        return mask(typed(command, stored.arguments)) if command else stored.command

    def _actors(self, people: tuple[str, ...]) -> tuple[Actor, ...]:
        return tuple(Actor(id=person, name=self._policy.current.name(person)) for person in people)

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


def _card_of(stored: StoredPlan) -> Link:
    return Link(text=f"the card of {stored.id}", key=f"plan:{stored.id}")


def may_undo(stored: StoredPlan, run: StoredRun | None) -> bool:
    """Return whether a run left something that its plan knows how to take back."""
    if run is None or stored.plan.undo is None or run.undone_by:
        return False
    if run.status == "running" and not only_watches(stored.plan, run):
        return False
    begun = (step for step in run.steps if step.status in (*PERFORMED, "failed") and step.attempts)
    return any(stored.plan.steps[step.number].kind == "do" for step in begun)
