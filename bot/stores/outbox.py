"""What the bot has to say, by Slack, PagerDuty or mail, and what is confirmed: at least once, newest version.

A message is put with its key. Putting the same key again with another body makes a new version of the same message,
so a card that changes three times while Slack is away is sent once. ``posting`` stands in the row before the first
post is tried: a row found in it may or may not be in Slack already, and whoever finds it looks there first.

Each way has its own sender, which takes the rows of that way only. A page or a mail is made by ``page_of`` and
``mails_of`` of ``bot.stores.message`` and put like any other.
"""

import asyncio
from collections.abc import Collection
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.reply import Level, Reply
from bot.stores.database import Database
from bot.stores.message import ANSWER, CARD, CRITICAL, VIAS, Delivery, Message, Page, Via
from bot.stores.message_batch import channels, newer, put_all, row_of, stored, unsent_since
from bot.stores.tables import messages

__all__ = ["ANSWER", "CARD", "CRITICAL", "Delivery", "Message", "Outbox"]

_CLAIMED: Final = sa.update(messages).where(messages.c.state == "posting")
_LATE: Final = messages.c.sent_version < messages.c.version


class Outbox:
    """The rows of ``messages``. ``waiting`` of a way is set whenever this process has put something that goes it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.waiting: dict[Via, asyncio.Event] = {via: asyncio.Event() for via in VIAS}
        self.is_shared = not database.is_sqlite  # whether other processes may send from it as well

    async def put(self, message: Message, now: datetime, *, connection: AsyncConnection | None = None) -> None:
        """Insert the message, or make a new version of it where the body differs; joins the given transaction."""
        body = message.body.model_dump(mode="json")
        async with self._database.transaction(connection) as transaction:
            if not await self._insert(transaction, message, body, now):
                await self._change(transaction, message, body, now)
        self.waiting[message.via].set()

    async def put_all(self, several: Collection[Message], now: datetime, *, connection: AsyncConnection) -> None:
        """Put many messages in a few statements, under a lock that lets nobody else put messages of these keys."""
        await put_all(self._database.insert(messages), several, now, connection)
        for message in several:
            self.waiting[message.via].set()

    async def due(
        self, now: datetime, *, limit: int = 50, busy: Collection[str] = (), edits: bool = True, posts: bool = True
    ) -> list[Delivery]:
        """Return what may go to Slack now, by priority and then age; what a sender that is gone had claimed included.

        New messages to the channels in ``busy`` are left out; without ``edits`` so is what already stands in Slack,
        without ``posts`` what does not.
        """
        query = _due("slack", now)
        new = messages.c.posted_ts == ""
        query = query.where(sa.or_(~new, messages.c.channel.not_in(busy)) if busy else sa.true())
        query = query.where(sa.true() if edits else new, sa.true() if posts else ~new)
        return await self._read(query.order_by(messages.c.priority, messages.c.created_at).limit(limit))

    async def due_via(self, via: Via, now: datetime, *, limit: int = 50) -> list[Delivery]:
        """Return what may go another way than Slack now, by priority and then age."""
        return await self._read(_due(via, now).order_by(messages.c.priority, messages.c.created_at).limit(limit))

    async def told(self, incidents: Collection[str], connection: AsyncConnection) -> dict[str, list[Delivery]]:
        """Return what was put of each incident by any way, but for what rings in its card's thread, oldest first."""
        query = sa.select(messages).where(messages.c.incident.in_(incidents), messages.c.thread_of == "")
        found: dict[str, list[Delivery]] = {incident: [] for incident in incidents}
        for one in await self._read(query.order_by(messages.c.created_at, messages.c.key), connection):
            found[one.incident].append(one)
        return found

    async def posting(self, delivery: Delivery, now: datetime, *, until: datetime) -> bool:
        """Claim the delivery up to ``until``, before anybody is called; False where another sender was faster."""
        # From here on PagerDuty may have been told, also where nobody learns that it was.
        told = {"acknowledged": True} if _acknowledges(delivery) else {}
        query = (
            sa.update(messages)
            .where(messages.c.key == delivery.key, messages.c.version == delivery.version)
            .where(messages.c.state == delivery.state)
            .where(sa.or_(messages.c.not_before.is_(None), messages.c.not_before <= now))
            .values(state="posting", not_before=until, attempts=messages.c.attempts + 1, **told)
        )
        return await self._write(query) == 1

    async def sent(self, delivery: Delivery, now: datetime, *, channel: str = "", ts: str = "") -> None:
        """Record that this version is delivered, and where; a newer one becomes due at once."""
        values: dict[str, Any] = {
            "sent_version": delivery.version,
            "state": sa.case((messages.c.version > delivery.version, "due"), else_="sent"),
            "sent_at": now,
            "unsent_since": now,  # where a newer version has come meanwhile
            "not_before": None,
            "attempts": 0,
            "error": "",
            "acknowledged": _acknowledges(delivery),
        }
        await self._update(delivery.key, values | ({"posted_channel": channel, "posted_ts": ts} if ts else {}))

    async def placed(self, delivery: Delivery, *, channel: str, ts: str, held: bool = False) -> None:
        """Record where the message stands in Slack; it is edited next, unless the one who posted it still holds it."""
        place = {"posted_channel": channel, "posted_ts": ts}
        await self._update(delivery.key, place if held else place | {"state": "due", "not_before": None})

    async def failed(self, delivery: Delivery, error: str, *, retry_at: datetime, certain: bool) -> None:
        """Record a failed attempt. ``certain`` says that it has surely not been taken; else it stays doubtful."""
        state = "due" if certain else "posting"
        await self._update(delivery.key, {"state": state, "error": error, "not_before": retry_at})

    async def used_response(self, delivery: Delivery) -> None:
        """Count one use of the response URL, before it is used."""
        await self._update(delivery.key, {"response_uses": messages.c.response_uses + 1})

    async def gone(self, delivery: Delivery, error: str) -> None:
        """Record that what was posted can no longer be edited; whoever claimed it posts a new message in its stead."""
        await self._update(delivery.key, {"posted_channel": "", "posted_ts": "", "error": error})

    async def dropped(self, delivery: Delivery, error: str) -> None:
        """Record that nobody will take this version in any way; a newer version is tried again."""
        newer = messages.c.version > delivery.version
        values = {"state": sa.case((newer, "due"), else_="dropped"), "error": error, "not_before": None}
        await self._update(delivery.key, values)

    async def release(self, via: Via = "slack") -> None:
        """End every claim. Only where no other process can be sending: at the start of the only replica."""
        await self._write(_CLAIMED.where(messages.c.via == via).values(not_before=None))

    async def renew(self, keys: Collection[str], until: datetime, *, soon: datetime) -> None:
        """Move the end of these claims to ``until``; what is due before ``soon`` has failed meanwhile and stays."""
        mine = _CLAIMED.where(messages.c.key.in_(keys), messages.c.not_before > soon)
        await self._write(mine.values(not_before=until))

    async def undelivered(self, before: datetime, *, limit: int = 1000) -> list[Delivery]:
        """Return what is not delivered and waits since before then, the most urgent in front, dropped included."""
        query = sa.select(messages).where(_LATE, unsent_since <= before)
        return await self._read(query.order_by(messages.c.priority, messages.c.created_at).limit(limit))

    async def count_undelivered(self, before: datetime) -> dict[str, int]:
        """Return how many messages are not delivered and wait since before then, by state."""
        query = sa.select(messages.c.state, sa.func.count().label("number")).where(_LATE, unsent_since <= before)
        async with self._database.reading() as connection:
            rows = (await connection.execute(query.group_by(messages.c.state))).all()
        return {"due": 0, "posting": 0, "dropped": 0, **{row.state: row.number for row in rows}}

    async def posted(self, key: str, connection: AsyncConnection | None = None) -> Delivery | None:
        """Return the message of this key and where it stands in Slack, or None where it was never put."""
        return next(iter(await self._read(sa.select(messages).where(messages.c.key == key), connection)), None)

    async def channels(self, keys: Collection[str], connection: AsyncConnection) -> dict[str, str]:
        """Return the channels of the messages of these keys; those that were never put are left out."""
        return await channels(keys, connection)

    async def forget(self, before: datetime) -> int:
        """Delete answers and mails last changed before then that need no more sending; return how many."""
        query = sa.delete(messages).where(
            sa.or_(messages.c.key.like("reply:%"), messages.c.via == "mail"),
            messages.c.state.in_(("sent", "dropped")),
            messages.c.changed_at < before,
        )
        return await self._write(query)

    async def _insert(self, connection: AsyncConnection, message: Message, body: dict[str, Any], now: datetime) -> bool:
        query = self._database.insert(messages).values(row_of(message, body, now)).on_conflict_do_nothing()
        return bool((await connection.execute(query)).rowcount == 1)

    async def _change(self, connection: AsyncConnection, message: Message, body: dict[str, Any], now: datetime) -> None:
        mine = messages.c.key == message.key
        query = sa.select(messages.c.body, messages.c.page).where(mine).with_for_update()
        old = (await connection.execute(query)).one()
        page = stored(message.page)
        if (old.body, old.page) == (body, page):
            return
        values = newer(body, page, message.priority, now=now)
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
        async with self._database.reading(connection) as joined:
            rows = (await joined.execute(query)).mappings().all()
        return [_delivery(row) for row in rows]


def _delivery(row: sa.RowMapping) -> Delivery:
    names = [name for name in Delivery.__dataclass_fields__ if name not in {"body", "page", "unsent_since"}]
    page = Page(**row["page"]) if row["page"] else None
    since = row["unsent_since"] or row["changed_at"]
    return Delivery(body=_body(row["body"]), page=page, unsent_since=since, **{name: row[name] for name in names})


def _acknowledges(delivery: Delivery) -> bool:
    return delivery.page is not None and delivery.page.action == "acknowledge"


def _due(via: Via, now: datetime) -> sa.Select[Any]:
    return sa.select(messages).where(
        messages.c.via == via,
        messages.c.state.in_(("due", "posting")),
        sa.or_(messages.c.not_before.is_(None), messages.c.not_before <= now),
    )


def _body(stored: object) -> Reply:
    """Read a stored reply; one that another version of the bot wrote must not hold up the rest."""
    try:
        return Reply.model_validate(stored)
    except ValidationError:
        return Reply(title="A message of another version of the bot cannot be shown", level=Level.UNKNOWN)
