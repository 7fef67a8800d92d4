"""Who called whom with ``/page``, who has it in hand, and who said that it is over."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.request import Actor
from bot.stores.database import Database
from bot.stores.oncall_tables import pages

PREFIX: Final = "page-"
_OPEN: Final = sa.select(pages).where(pages.c.ended_at.is_(None))


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
        return f"{PREFIX}{self.id}"


def page_card_key(page: str) -> str:
    """Return the key of a page's card: what is said in its thread and what leads to it names it so."""
    return f"page:{page}"


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
        """Record a page, in the transaction that also sends it; False where it, or one for the same, is there."""
        row = page.model_dump(exclude={"by"}) | {"by_id": page.by.id, "by_name": page.by.name}
        row |= {"people": list(page.people), "open_key": _key(page.reason)}
        query = self._database.insert(pages).values(row).on_conflict_do_nothing()
        return bool((await connection.execute(query)).rowcount == 1)

    async def find(self, name: str) -> Paged | None:
        """Return the page of this id, or of what it is called as an incident; None where there is none."""
        async with self._database.reading() as connection:
            return await self.get(name.removeprefix(PREFIX), connection)

    async def open_for(self, reason: str, connection: AsyncConnection | None = None) -> Paged | None:
        """Return the page for this reason that nobody has ended; case and spaces make no other reason."""
        query = sa.select(pages).where(pages.c.open_key == _key(reason))
        async with self._database.reading(connection) as joined:
            row = (await joined.execute(query)).mappings().first()
        return _paged(row) if row else None

    async def get(self, page: str, connection: AsyncConnection) -> Paged | None:
        """Return a page as the transaction sees it."""
        row = (await connection.execute(sa.select(pages).where(pages.c.id == page))).mappings().first()
        return _paged(row) if row else None

    async def open(self, *, limit: int = 100) -> list[Paged]:
        """Return the pages that nobody has ended, the oldest first."""
        async with self._database.reading() as connection:
            rows = await connection.execute(_OPEN.order_by(pages.c.at, pages.c.id).limit(limit))
            return [_paged(row) for row in rows.mappings()]

    async def newest(self, connection: AsyncConnection, *, limit: int = 200) -> list[Paged]:
        """Return so many of the pages that nobody has ended, the newest first: a forgotten one is in nobody's way."""
        rows = await connection.execute(_OPEN.order_by(pages.c.at.desc(), pages.c.id).limit(limit))
        return [_paged(row) for row in rows.mappings()]

    async def called(self, page: str, level: int, people: tuple[str, ...], connection: AsyncConnection) -> None:
        """Record that another level was called for an open page, or the same again: nobody has it in hand then."""
        nobody = {"acknowledged_by": "", "acknowledged_at": None}
        query = sa.update(pages).where(pages.c.id == page, pages.c.ended_at.is_(None))
        await connection.execute(query.values(level=level, people=list(people), **nobody))

    async def acknowledge(self, page: str, by: str, now: datetime, connection: AsyncConnection) -> bool:
        """Record who has a page in hand; False where somebody has it already, or it is over."""
        mine = (pages.c.id == page, pages.c.acknowledged_at.is_(None), pages.c.ended_at.is_(None))
        query = sa.update(pages).where(*mine).values(acknowledged_by=by, acknowledged_at=now)
        return bool((await connection.execute(query)).rowcount)

    async def end(self, page: str, by: str, now: datetime, connection: AsyncConnection) -> bool:
        """Record who said that it is over; False where somebody has said so before."""
        ended = {"ended_by": by, "ended_at": now, "open_key": None}
        query = sa.update(pages).where(pages.c.id == page, pages.c.ended_at.is_(None)).values(ended)
        return bool((await connection.execute(query)).rowcount)


def _key(reason: str) -> str:
    return hashlib.sha256(" ".join(reason.casefold().split()).encode()).hexdigest()


def _paged(row: sa.RowMapping) -> Paged:
    by = Actor(id=row["by_id"], name=row["by_name"])
    known = {name: row[name] for name in ("id", "level", "people", "reason", "at")}
    standing = {name: row[name] for name in Paged.__dataclass_fields__ if name != "page"}
    return Paged(Page(**known, by=by), **standing)
