"""The silences, those that are over included: what was silenced when, by whom and why, can be asked afterwards."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.request import Actor
from bot.silence import Silence
from bot.stores.database import Database
from bot.stores.tables import silences


@dataclass(frozen=True)
class EndedSilence:
    """A silence that is over: its conditions in words, when it ended and by whom, empty where its time was up."""

    words: str
    at: datetime
    by: str


class Silences:
    """The rows of ``silences``; every read sees those of all replicas."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def active(self, now: datetime, connection: AsyncConnection | None = None) -> list[Silence]:
        """Return the silences that have not ended, those that end first in front; joins the given transaction."""
        query = sa.select(silences).where(silences.c.ended_at.is_(None), silences.c.until > now)
        async with self._database.reading(connection) as transaction:
            rows = await transaction.execute(query.order_by(silences.c.until, silences.c.id))
            return [_silence(row) for row in rows.mappings()]

    async def ended_since(self, moment: datetime, now: datetime, *, limit: int) -> tuple[list[EndedSilence], int]:
        """Return so many of the silences that ended since then, the last in front, and how many there are.

        Somebody has ended them, or their time did.
        """
        at = sa.func.coalesce(silences.c.ended_at, silences.c.until, type_=silences.c.until.type)
        mine = at.between(moment, now)
        query = sa.select(silences).where(mine).order_by(at.desc(), silences.c.id).limit(limit)
        number = sa.select(sa.func.count()).select_from(silences).where(mine)
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).mappings().all()
            count = int((await connection.execute(number)).scalar_one())
        found = [EndedSilence(_silence(row).words, row["ended_at"] or row["until"], row["ended_by"]) for row in rows]
        return found, count

    async def start(self, silence: Silence) -> bool:
        """Put a silence in force; False where it is there already."""
        row = silence.model_dump(mode="json", exclude={"matched_at"}) | {"since": silence.since, "until": silence.until}
        owner = row.pop("owner")
        row |= {"owner_id": owner["id"], "owner_name": owner["name"]}
        async with self._database.transaction() as connection:
            inserted = await connection.execute(self._database.insert(silences).values(row).on_conflict_do_nothing())
        return bool(inserted.rowcount)

    async def matched(self, ids: Collection[str], now: datetime, connection: AsyncConnection) -> None:
        """Record that these silences mute something at this moment."""
        if not ids:  # as at nearly every tick
            return
        await connection.execute(sa.update(silences).where(silences.c.id.in_(ids)).values(matched_at=now))

    async def end(self, ids: list[str], by: str, now: datetime, connection: AsyncConnection | None = None) -> int:
        """End these silences; those that have ended already stay as they are. ``by`` is a name, or why it ended."""
        mine = (silences.c.id.in_(ids), silences.c.ended_at.is_(None))
        query = sa.update(silences).where(*mine).values(ended_at=now, ended_by=by)
        async with self._database.transaction(connection) as joined:
            return (await joined.execute(query)).rowcount


def _silence(row: Any) -> Silence:
    names = [name for name in Silence.model_fields if name != "owner"]
    owner = Actor(id=row["owner_id"], name=row["owner_name"])
    return Silence(owner=owner, **{name: row[name] for name in names})
