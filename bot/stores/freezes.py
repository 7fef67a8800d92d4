"""The freezes that are in force: read from the database each time, so that every replica knows of each at once."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from pydantic import JsonValue
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.freeze import Freeze
from bot.plan import operation
from bot.request import Actor
from bot.stores.database import Database
from bot.stores.freeze_records import FreezeRecords
from bot.stores.tables import freezes


class Freezes:
    """The rows of ``freezes``, at most one a scope; one whose time is over counts no more and is overwritten."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._records = FreezeRecords(database)

    async def in_force(self, now: datetime, connection: AsyncConnection | None = None) -> list[Freeze]:
        """Return the freezes that have not ended, by scope; joins the given transaction."""
        query = sa.select(freezes).where(freezes.c.until > now).order_by(freezes.c.scope)
        async with self._database.reading(connection) as transaction:
            return [_freeze(row) for row in (await transaction.execute(query)).mappings()]

    @operation
    async def freeze(self, freeze: dict[str, JsonValue]) -> dict[str, JsonValue]:
        """Put a freeze in force, in the place of the scope's former one."""
        new = Freeze.model_validate(freeze)
        who = {"actor_id": new.actor.id, "actor_name": new.actor.name}
        row = {"id": new.id, **who, "since": new.since, "until": new.until}
        query = self._database.insert(freezes).values(scope=new.scope, **row)
        async with self._database.transaction() as connection:
            await connection.execute(query.on_conflict_do_update(index_elements=["scope"], set_=row))
            await self._records.begin(connection, new)
        return {"changed": True, "message": f"{new.scope}: frozen until {new.until:%Y-%m-%d %H:%M} UTC"}

    @operation
    async def lift(self, ids: list[str], by: str = "") -> dict[str, JsonValue]:
        """End these freezes in the name of whoever lifts them; those that have ended already stay so."""
        async with self._database.transaction() as connection:
            gone = (await connection.execute(sa.delete(freezes).where(freezes.c.id.in_(ids)))).rowcount
            await self._records.lifted(connection, ids, by)
        return {"changed": gone > 0, "message": "lifted" if gone else "was lifted already"}


def _freeze(row: Any) -> Freeze:
    actor = Actor(id=row["actor_id"], name=row["actor_name"])
    return Freeze(id=row["id"], scope=row["scope"], actor=actor, since=row["since"], until=row["until"])
