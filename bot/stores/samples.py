"""What was measured when, kept for a little over a day: the trends on the cards and the base of every forecast."""

from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.stores.database import Database
from bot.stores.tables import samples

# A day, and an hour so that "this time yesterday" is always there.
KEPT: Final = timedelta(hours=25)


@dataclass(frozen=True)
class Sample:
    """One value of a series at one moment; None where it could not be read."""

    series: str
    at: datetime
    value: float | None


def series_of(metric: str, labels: Mapping[str, str]) -> str:
    """Name the series of a metric: ``queue_waiting`` of ``queue=email`` is ``queue/email/waiting``."""
    subject, _, what = metric.partition("_")
    return "/".join(part for part in (subject, labels.get(subject, ""), what) if part)


class Samples:
    """The rows of ``samples``: at most one a series and moment."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, found: list[Sample], *, connection: AsyncConnection | None = None) -> None:
        """Keep what was measured; a moment that is already there stays as it is. Joins the given transaction."""
        rows = [{"series": sample.series, "at": sample.at, "value": sample.value} for sample in found]
        if not rows:
            return
        joined = nullcontext(connection) if connection is not None else self._database.transaction()
        async with joined as transaction:
            await transaction.execute(self._database.insert(samples).on_conflict_do_nothing(), rows)

    async def series(self, name: str, since: datetime, *, connection: AsyncConnection | None = None) -> list[Sample]:
        """Return a series from ``since`` on, oldest first."""
        return (await self.several((name,), since, connection=connection))[name]

    async def several(
        self, names: Iterable[str], since: datetime, *, connection: AsyncConnection | None = None
    ) -> dict[str, list[Sample]]:
        """Return each of these series from ``since`` on, oldest first, in one query."""
        found: dict[str, list[Sample]] = {name: [] for name in names}
        query = (
            sa.select(samples.c.series, samples.c.at, samples.c.value)
            .where(samples.c.series.in_(found), samples.c.at >= since)
            .order_by(samples.c.at)
        )
        joined = nullcontext(connection) if connection is not None else self._database.reading()
        async with joined as transaction:
            for row in await transaction.execute(query):
                found[row.series].append(Sample(*row))
        return found

    async def beginning(self, prefix: str, since: datetime) -> dict[str, list[Sample]]:
        """Return each series whose name begins so, from ``since`` on, oldest first."""
        found: dict[str, list[Sample]] = {}
        query = (
            sa.select(samples.c.series, samples.c.at, samples.c.value)
            .where(samples.c.series.startswith(prefix, autoescape=True), samples.c.at >= since)
            .order_by(samples.c.at)
        )
        async with self._database.reading() as connection:
            for row in await connection.execute(query):
                found.setdefault(row.series, []).append(Sample(*row))
        return found

    async def forget(self, prefix: str, before: datetime) -> int:
        """Delete what is older of the series whose name begins so; return how many rows that were."""
        old = samples.c.series.startswith(prefix, autoescape=True) & (samples.c.at < before)
        async with self._database.transaction() as connection:
            return (await connection.execute(sa.delete(samples).where(old))).rowcount

    async def prune(self, now: datetime) -> int:
        """Delete what is older than 25 hours; return how many rows that were."""
        async with self._database.transaction() as connection:
            return (await connection.execute(sa.delete(samples).where(samples.c.at < now - KEPT))).rowcount
