"""Who is on call for a while instead of whoever it would be; those that are over are kept."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from pydantic import JsonValue
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.oncall import OnCall
from bot.plan import operation
from bot.request import Actor
from bot.rota import Override, Rota
from bot.stores.database import Database
from bot.stores.oncall_tables import overrides


class Overrides:
    """The rows of ``overrides``; every read sees those of all replicas."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def standing(self, now: datetime, connection: AsyncConnection | None = None) -> tuple[Override, ...]:
        """Return those that hold now or will, the earliest first; joins the given transaction."""
        query = sa.select(overrides).where(overrides.c.ended_at.is_(None), overrides.c.until > now)
        async with self._database.reading(connection) as transaction:
            rows = await transaction.execute(query.order_by(overrides.c.since, overrides.c.id))
            return tuple(_override(row) for row in rows.mappings())

    async def rota(self, rules: OnCall, now: datetime, connection: AsyncConnection | None = None) -> Rota:
        """Return who is on call by these rules and by those that stand."""
        return Rota(rules, await self.standing(now, connection))

    async def ended_since(self, level: int, moment: datetime) -> bool:
        """Whether somebody has ended an override of this level since then."""
        query = sa.select(sa.func.count()).where(overrides.c.level == level, overrides.c.ended_at > moment)
        async with self._database.reading() as connection:
            return bool((await connection.execute(query)).scalar_one())

    @operation
    async def start(self, override: dict[str, JsonValue]) -> dict[str, JsonValue]:
        """Put an override in force."""
        new = Override.model_validate(override)
        row = new.model_dump(exclude={"by"}) | {"by_id": new.by.id, "by_name": new.by.name}
        query = self._database.insert(overrides).values(row).on_conflict_do_nothing()
        async with self._database.transaction() as connection:
            is_new = (await connection.execute(query)).rowcount > 0
        return {"changed": is_new, "message": f"override {new.id} until {new.until:%Y-%m-%d %H:%M} UTC"}

    @operation
    async def end(self, override: str, by: str, at: str) -> dict[str, JsonValue]:
        """End an override at a moment (ISO 8601); one that has ended already stays as it is."""
        mine = (overrides.c.id == override, overrides.c.ended_at.is_(None))
        values = {"ended_at": datetime.fromisoformat(at), "ended_by": by}
        async with self._database.transaction() as connection:
            ended = (await connection.execute(sa.update(overrides).where(*mine).values(values))).rowcount > 0
        return {"changed": ended, "message": "ended" if ended else "had ended already"}


def _override(row: Any) -> Override:
    names = [name for name in Override.model_fields if name != "by"]
    return Override(by=Actor(id=row["by_id"], name=row["by_name"]), **{name: row[name] for name in names})
