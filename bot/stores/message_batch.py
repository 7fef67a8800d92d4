"""Many messages put into the outbox with a few statements, however many they are."""

from collections.abc import Collection, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.stores.columns import Moment
from bot.stores.message import Message, Page
from bot.stores.tables import messages

# A statement takes only so many values.
_AT_ONCE: Final = 500
# A replica of an older version writes no ``unsent_since``.
unsent_since: Final = sa.func.coalesce(messages.c.unsent_since, messages.c.changed_at, type_=Moment)


async def put_all(insert: Any, several: Collection[Message], now: datetime, connection: AsyncConnection) -> None:
    """Insert these messages, or make a new version of each where the body differs; the last one of a key counts.

    Nobody else may put messages of these keys meanwhile: the tick's lock sees to that. ``insert`` is the dialect's.
    """
    wanted = {message.key: message for message in several}
    standing = await _standing(tuple(wanted), connection)
    rows = [row_of(one, one.body.model_dump(mode="json"), now) for one in wanted.values() if one.key not in standing]
    if rows:
        await connection.execute(insert.on_conflict_do_nothing(), rows)
    said = [_said(wanted[key]) for key in standing]
    changed = [row for row in said if standing[row["of"]] != (row["new_body"], row["new_page"])]
    if changed:
        await connection.execute(_newer(now), changed)


async def channels(keys: Collection[str], connection: AsyncConnection) -> dict[str, str]:
    """Return the channels of the messages of these keys; those that were never put are left out."""
    found, names = dict[str, str](), sorted(keys)
    for start in range(0, len(names), _AT_ONCE):
        query = sa.select(messages.c.key, messages.c.channel).where(messages.c.key.in_(names[start : start + _AT_ONCE]))
        found |= {row.key: row.channel for row in await connection.execute(query)}
    return found


def row_of(message: Message, body: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Return the row of a message that was never put before."""
    names = ("key", "channel", "priority", "private_to", "response_url", "thread_of", "via", "incident")
    row = {name: getattr(message, name) for name in names}
    is_new = {"version": 1, "state": "due", "created_at": now, "changed_at": now, "unsent_since": now}
    return row | is_new | {"page": stored(message.page), "body": body}


def stored(page: Page | None) -> dict[str, Any] | None:
    """Return a page as it is stored."""
    return asdict(page) if page else None


async def _standing(keys: Sequence[str], connection: AsyncConnection) -> dict[str, tuple[Any, Any]]:
    """Return what these messages say as they stand, by key; those that were never put are left out."""
    found = dict[str, tuple[Any, Any]]()
    for start in range(0, len(keys), _AT_ONCE):
        these = messages.c.key.in_(keys[start : start + _AT_ONCE])
        query = sa.select(messages.c.key, messages.c.body, messages.c.page).where(these).with_for_update()
        found |= {row.key: (row.body, row.page) for row in await connection.execute(query)}
    return found


def _said(message: Message) -> dict[str, Any]:
    body = message.body.model_dump(mode="json")
    return {"of": message.key, "new_body": body, "new_page": stored(message.page), "new_priority": message.priority}


def newer(body: Any, page: Any, priority: Any, *, now: datetime) -> dict[str, Any]:
    """Return what a new version of a message changes in its row; one that is being posted stays so."""
    state = sa.case((messages.c.state == "posting", "posting"), else_="due")
    is_first = messages.c.sent_version == messages.c.version
    waits = sa.case((is_first, sa.bindparam("now", now, Moment)), else_=unsent_since)
    what = {"body": body, "page": page, "priority": priority, "unsent_since": waits}
    return what | {"version": messages.c.version + 1, "changed_at": now, "state": state}


def _newer(now: datetime) -> sa.Update:
    new: list[Any] = [sa.bindparam(f"new_{name}") for name in ("body", "page", "priority")]
    return sa.update(messages).where(messages.c.key == sa.bindparam("of")).values(newer(*new, now=now))
