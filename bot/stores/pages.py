"""Who called whom with ``/page``."""

from datetime import datetime

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.request import Actor
from bot.stores.database import Database
from bot.stores.oncall_tables import pages


class Page(BaseModel):
    """One call of a level by a person, for a reason."""

    model_config = ConfigDict(frozen=True)

    id: str
    level: int
    people: tuple[str, ...]
    reason: str
    by: Actor
    at: datetime


class Pages:
    """The rows of ``pages``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def count_of(self, actor: str, since: datetime) -> int:
        """Return how many pages somebody has sent since then."""
        query = sa.select(sa.func.count()).where(pages.c.by_id == actor, pages.c.at > since)
        async with self._database.reading() as connection:
            return int((await connection.execute(query)).scalar_one())

    async def add(self, page: Page, connection: AsyncConnection) -> bool:
        """Record a page, in the transaction that also sends it; False where it is there already."""
        row = page.model_dump(exclude={"by"}) | {"by_id": page.by.id, "by_name": page.by.name}
        query = self._database.insert(pages).values(row | {"people": list(page.people)}).on_conflict_do_nothing()
        return bool((await connection.execute(query)).rowcount == 1)
