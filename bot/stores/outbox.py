"""What the bot has to say in Slack, and what Slack has confirmed: at least once, newest version, one place.

A message is put with its key. Putting the same key again with another body makes a new version of the same message,
so a card that changes three times while Slack is away is sent once. ``posting`` stands in the row before the first
post is tried: a row found in it may or may not be in Slack already, and whoever finds it looks there first.
"""

import asyncio
from collections.abc import Collection
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

import sqlalchemy as sa
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.reply import Level, Reply
from bot.stores.database import Database
from bot.stores.tables import messages

CRITICAL: Final = 0
CARD: Final = 1
ANSWER: Final = 2

State = Literal["due", "posting", "sent", "dropped"]

_CLAIMED: Final = sa.update(messages).where(messages.c.state == "posting")


@dataclass(frozen=True)
class Message:
    """Something to say. ``private_to`` is the one person who sees it, ``response_url`` the way back to them.

    ``thread_of`` is the key of the message that this one answers in its thread.
    """

    key: str
    channel: str
    body: Reply
    priority: int = ANSWER
    private_to: str = ""
    response_url: str = ""
    thread_of: str = ""


@dataclass(frozen=True)
class Delivery:
    """A message on its way: its newest version, what Slack has of it (``sent_version``) and where it stands there."""

    key: str
    channel: str
    body: Reply
    version: int
    sent_version: int
    priority: int
    private_to: str
    response_url: str
    response_uses: int
    thread_of: str
    posted_channel: str
    posted_ts: str
    state: State
    attempts: int
    error: str
    created_at: datetime
    changed_at: datetime

    @property
    def delivered(self) -> bool:
        """Whether Slack has the newest version."""
        return self.sent_version == self.version


class Outbox:
    """The rows of ``messages``. ``waiting`` is set whenever this process has put something."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.waiting = asyncio.Event()
        self.is_shared = not database.is_sqlite  # whether other processes may send from it as well

    async def put(self, message: Message, now: datetime, *, connection: AsyncConnection | None = None) -> None:
        """Insert the message, or make a new version of it where the body differs; joins the given transaction."""
        body = message.body.model_dump(mode="json")
        async with self._joined(connection) as transaction:
            if not await self._insert(transaction, message, body, now):
                await self._change(transaction, message, body, now)
        self.waiting.set()

    async def due(
        self, now: datetime, *, limit: int = 50, busy: Collection[str] = (), edits: bool = True, posts: bool = True
    ) -> list[Delivery]:
        """Return what may be sent now, by priority and then age; what a sender that is gone had claimed included.

        New messages to the channels in ``busy`` are left out; without ``edits`` so is what already stands in Slack,
        without ``posts`` what does not.
        """
        query = sa.select(messages).where(
            messages.c.state.in_(("due", "posting")),
            sa.or_(messages.c.not_before.is_(None), messages.c.not_before <= now),
        )
        new = messages.c.posted_ts == ""
        query = query.where(sa.or_(~new, messages.c.channel.not_in(busy)) if busy else sa.true())
        query = query.where(sa.true() if edits else new, sa.true() if posts else ~new)
        return await self._read(query.order_by(messages.c.priority, messages.c.created_at).limit(limit))

    async def posting(self, delivery: Delivery, now: datetime, *, until: datetime) -> bool:
        """Claim the delivery up to ``until``, before Slack is called; False where another sender was faster."""
        query = (
            sa.update(messages)
            .where(messages.c.key == delivery.key, messages.c.version == delivery.version)
            .where(messages.c.state == delivery.state)
            .where(sa.or_(messages.c.not_before.is_(None), messages.c.not_before <= now))
            .values(state="posting", not_before=until, attempts=messages.c.attempts + 1)
        )
        return await self._write(query) == 1

    async def sent(self, delivery: Delivery, now: datetime, *, channel: str = "", ts: str = "") -> None:
        """Record that Slack has this version, and where; a newer one becomes due at once."""
        values: dict[str, Any] = {
            "sent_version": delivery.version,
            "state": sa.case((messages.c.version > delivery.version, "due"), else_="sent"),
            "sent_at": now,
            "not_before": None,
            "attempts": 0,
            "error": "",
        }
        await self._update(delivery.key, values | ({"posted_channel": channel, "posted_ts": ts} if ts else {}))

    async def placed(self, delivery: Delivery, *, channel: str, ts: str, held: bool = False) -> None:
        """Record where the message stands in Slack; it is edited next, unless the one who posted it still holds it."""
        place = {"posted_channel": channel, "posted_ts": ts}
        await self._update(delivery.key, place if held else place | {"state": "due", "not_before": None})

    async def failed(self, delivery: Delivery, error: str, *, retry_at: datetime, certain: bool) -> None:
        """Record a failed attempt. ``certain`` says that Slack has surely not posted it; else it stays doubtful."""
        state = "due" if certain else "posting"
        await self._update(delivery.key, {"state": state, "error": error, "not_before": retry_at})

    async def used_response(self, delivery: Delivery) -> None:
        """Count one use of the response URL, before it is used."""
        await self._update(delivery.key, {"response_uses": messages.c.response_uses + 1})

    async def gone(self, delivery: Delivery, error: str) -> None:
        """Record that what was posted can no longer be edited; whoever claimed it posts a new message in its stead."""
        await self._update(delivery.key, {"posted_channel": "", "posted_ts": "", "error": error})

    async def dropped(self, delivery: Delivery, error: str) -> None:
        """Record that Slack will not take this version in any way; a newer version is tried again."""
        newer = messages.c.version > delivery.version
        values = {"state": sa.case((newer, "due"), else_="dropped"), "error": error, "not_before": None}
        await self._update(delivery.key, values)

    async def release(self) -> None:
        """End every claim. Only where no other process can be sending: at the start of the only replica."""
        await self._write(_CLAIMED.values(not_before=None))

    async def renew(self, keys: Collection[str], until: datetime, *, soon: datetime) -> None:
        """Move the end of these claims to ``until``; what is due before ``soon`` has failed meanwhile and stays."""
        mine = _CLAIMED.where(messages.c.key.in_(keys), messages.c.not_before > soon)
        await self._write(mine.values(not_before=until))

    async def undelivered(self, before: datetime) -> list[Delivery]:
        """Return what Slack has not got though it was last changed before then, the dropped ones included."""
        query = sa.select(messages).where(messages.c.sent_version < messages.c.version, messages.c.changed_at <= before)
        return await self._read(query.order_by(messages.c.priority, messages.c.created_at).limit(1000))

    async def count_undelivered(self, before: datetime) -> dict[str, int]:
        """Return how many messages Slack has not got though they were last changed before then, by state."""
        query = sa.select(messages.c.state, sa.func.count().label("number")).where(
            messages.c.sent_version < messages.c.version, messages.c.changed_at <= before
        )
        async with self._database.reading() as connection:
            rows = (await connection.execute(query.group_by(messages.c.state))).all()
        return {"due": 0, "posting": 0, "dropped": 0, **{row.state: row.number for row in rows}}

    async def posted(self, key: str, connection: AsyncConnection | None = None) -> Delivery | None:
        """Return the message of this key and where it stands in Slack, or None where it was never put."""
        return next(iter(await self._read(sa.select(messages).where(messages.c.key == key), connection)), None)

    async def forget(self, before: datetime) -> int:
        """Delete answers that were last changed before then and need no more sending; return how many."""
        query = sa.delete(messages).where(
            messages.c.key.like("reply:%"),
            messages.c.state.in_(("sent", "dropped")),
            messages.c.changed_at < before,
        )
        return await self._write(query)

    def _joined(self, connection: AsyncConnection | None) -> AbstractAsyncContextManager[AsyncConnection]:
        return nullcontext(connection) if connection is not None else self._database.transaction()

    async def _insert(self, connection: AsyncConnection, message: Message, body: dict[str, Any], now: datetime) -> bool:
        names = ("key", "channel", "priority", "private_to", "response_url", "thread_of")
        row = {name: getattr(message, name) for name in names}
        row |= {"body": body, "version": 1, "state": "due", "created_at": now, "changed_at": now}
        inserted = await connection.execute(self._database.insert(messages).values(row).on_conflict_do_nothing())
        return bool(inserted.rowcount == 1)

    async def _change(self, connection: AsyncConnection, message: Message, body: dict[str, Any], now: datetime) -> None:
        mine = messages.c.key == message.key
        old = (await connection.execute(sa.select(messages.c.body).where(mine).with_for_update())).scalar_one()
        if old == body:
            return
        values = {
            "body": body,
            "version": messages.c.version + 1,
            "priority": message.priority,
            "changed_at": now,
            "state": sa.case((messages.c.state == "posting", "posting"), else_="due"),
        }
        if message.response_url:
            values["response_uses"] = sa.case(
                (messages.c.response_url == message.response_url, messages.c.response_uses), else_=0
            )
            values["response_url"] = message.response_url
        await connection.execute(sa.update(messages).where(mine).values(values))

    async def _update(self, key: str, values: dict[str, Any]) -> None:
        await self._write(sa.update(messages).where(messages.c.key == key).values(values))

    async def _write(self, query: sa.Update | sa.Delete) -> int:
        async with self._database.transaction() as connection:
            return (await connection.execute(query)).rowcount

    async def _read(self, query: sa.Select[Any], connection: AsyncConnection | None = None) -> list[Delivery]:
        async with nullcontext(connection) if connection is not None else self._database.reading() as joined:
            rows = (await joined.execute(query)).mappings().all()
        return [_delivery(row) for row in rows]


def _delivery(row: sa.RowMapping) -> Delivery:
    names = [name for name in Delivery.__dataclass_fields__ if name != "body"]
    return Delivery(body=_body(row["body"]), **{name: row[name] for name in names})


def _body(stored: object) -> Reply:
    """Read a stored reply; one that another version of the bot wrote must not hold up the rest."""
    try:
        return Reply.model_validate(stored)
    except ValidationError:
        return Reply(title="A message of another version of the bot cannot be shown", level=Level.UNKNOWN)
