"""Who called whom with ``/page``, who has it in hand, and who said that it is over."""

from dataclasses import dataclass
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

    @property
    def incident(self) -> str:
        """What it is called as an incident: for ``/ack``, and for PagerDuty in each of its events."""
        return f"page-{self.id}"


@dataclass(frozen=True)
class Paged:
    """A page as it stands; the names are empty and the times None while nobody has it, or has ended it."""

    page: Page
    acknowledged_by: str = ""
    acknowledged_at: datetime | None = None
    ended_by: str = ""
    ended_at: datetime | None = None


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

    async def find(self, name: str) -> Paged | None:
        """Return the page of this id, or of what it is called as an incident; None where there is none."""
        async with self._database.reading() as connection:
            return await self.get(name.removeprefix("page-"), connection)

    async def get(self, page: str, connection: AsyncConnection) -> Paged | None:
        """Return a page as the transaction sees it."""
        row = (await connection.execute(sa.select(pages).where(pages.c.id == page))).mappings().first()
        return _paged(row) if row else None

    async def open(self, *, limit: int = 100) -> list[Paged]:
        """Return the pages that nobody has ended, the oldest first."""
        query = sa.select(pages).where(pages.c.ended_at.is_(None)).order_by(pages.c.at, pages.c.id).limit(limit)
        async with self._database.reading() as connection:
            return [_paged(row) for row in (await connection.execute(query)).mappings()]

    async def acknowledge(self, page: str, by: str, now: datetime, connection: AsyncConnection) -> bool:
        """Record who has a page in hand; False where somebody has it already, or it is over."""
        mine = (pages.c.id == page, pages.c.acknowledged_at.is_(None), pages.c.ended_at.is_(None))
        query = sa.update(pages).where(*mine).values(acknowledged_by=by, acknowledged_at=now)
        return bool((await connection.execute(query)).rowcount)

    async def end(self, page: str, by: str, now: datetime, connection: AsyncConnection) -> bool:
        """Record who said that it is over; False where somebody has said so before."""
        query = sa.update(pages).where(pages.c.id == page, pages.c.ended_at.is_(None)).values(ended_by=by, ended_at=now)
        return bool((await connection.execute(query)).rowcount)


def _paged(row: sa.RowMapping) -> Paged:
    by = Actor(id=row["by_id"], name=row["by_name"])
    known = {name: row[name] for name in ("id", "level", "people", "reason", "at")}
    standing = {name: row[name] for name in Paged.__dataclass_fields__ if name != "page"}
    return Paged(Page(**known, by=by), **standing)
