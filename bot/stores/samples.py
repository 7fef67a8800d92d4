"""What was measured when, kept for a little over a day: the trends on the cards and the base of every forecast."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final, TypeVar

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.stores.database import Database
from bot.stores.sample import RUN, Sample, Written, series_of
from bot.stores.tables import samples

__all__ = ["KEPT", "Sample", "Samples", "series_of"]

# A day, and an hour so that "this time yesterday" is always there.
KEPT: Final = timedelta(hours=25)
# Whose values are written when they change; when they were looked at, and whether all were written, is a series, too.
SPARSE: Final = "queue/"
_LOOKED: Final = "queues/looked"
# A statement takes only so many values; a long delete would keep every other writer waiting.
AT_ONCE: Final = 5_000
_DELETED_AT_ONCE: Final = 20_000

_Each = TypeVar("_Each")


class Samples:
    """The rows of ``samples``: at most one a series and moment."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._written = Written()

    async def add(self, found: list[Sample], *, connection: AsyncConnection | None = None) -> None:
        """Keep what was measured; a moment that is already there stays as it is. Joins the given transaction."""
        rows = [{"series": sample.series, "at": sample.at, "value": sample.value} for sample in found]
        if not rows:
            return
        async with self._database.transaction(connection) as transaction:
            await transaction.execute(self._database.insert(samples).on_conflict_do_nothing(), rows)

    async def look(self, values: Mapping[str, float | None], now: datetime) -> None:
        """Keep what was seen of all queues at this moment: of many queues only what changed, and a part of the rest.

        Reading gives every moment back, as if each had been written. ``values`` are those of each series. What is a lot
        to write, as all is at first, is committed in parts: others who write, acks among them, have a turn in between.
        """
        async with self._database.transaction() as connection:
            looked = sa.select(samples.c.at).where(samples.c.series == _LOOKED)
            last = looked.order_by(samples.c.at.desc()).limit(1)
            before = (await connection.execute(last)).scalar()
            due, whole = self._written.due(values, now, before)
            # That everything was looked at is said last, when it is true.
            first, *others = _portions([*due, Sample(_LOOKED, now, float(whole))])
            await self.add(first, connection=connection)
        for portion in others:
            await self.add(portion)
        self._written.remember(due, now, whole=whole)

    async def series(self, name: str, since: datetime, *, connection: AsyncConnection | None = None) -> list[Sample]:
        """Return a series from ``since`` on, oldest first."""
        return (await self.several((name,), since, connection=connection))[name]

    async def several(
        self, names: Iterable[str], since: datetime, *, connection: AsyncConnection | None = None
    ) -> dict[str, list[Sample]]:
        """Return each of these series from ``since`` on, oldest first."""
        wanted = list(dict.fromkeys(names))
        sparse = any(name.startswith(SPARSE) for name in wanted)
        begin = since - RUN if sparse else since
        found: dict[str, list[Sample]] = {name: [] for name in (*wanted, _LOOKED)}
        async with self._database.reading(connection) as transaction:
            for part in _portions([*wanted, _LOOKED] if sparse else wanted):
                query = (
                    sa.select(samples.c.series, samples.c.at, samples.c.value)
                    .where(samples.c.series.in_(part), samples.c.at >= begin)
                    .order_by(samples.c.at)
                )
                for row in await transaction.execute(query):
                    found[row.series].append(Sample(*row))
        looked = {one.at: bool(one.value) for one in found[_LOOKED]}
        return {name: _since(found[name], looked if name.startswith(SPARSE) else {}, since) for name in wanted}

    async def latest(self, names: Iterable[str], since: datetime) -> dict[str, float]:
        """Return the last value since then of each of these series that has one."""
        found = dict[str, float]()
        async with self._database.reading() as connection:
            for part in _portions(list(names)):
                own = (samples.c.series.in_(part), samples.c.at >= since, samples.c.value.is_not(None))
                newest = sa.select(samples.c.series, sa.func.max(samples.c.at).label("at")).where(*own)
                newest_of = newest.group_by(samples.c.series).subquery()
                same = (samples.c.series == newest_of.c.series) & (samples.c.at == newest_of.c.at)
                query = sa.select(samples.c.series, samples.c.value).join(newest_of, same)
                found |= {row.series: row.value for row in await connection.execute(query)}
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
        """Delete what is older than 25 hours, a part at a time; return how many rows that were."""
        old = sa.select(samples.c.series, samples.c.at).where(samples.c.at < now - KEPT).limit(_DELETED_AT_ONCE)
        query = sa.delete(samples).where(sa.tuple_(samples.c.series, samples.c.at).in_(old))
        total = 0
        while True:
            async with self._database.transaction() as connection:
                deleted = (await connection.execute(query)).rowcount
            total += deleted
            if deleted < _DELETED_AT_ONCE:
                return total


def _portions(several: list[_Each]) -> Iterator[list[_Each]]:
    for start in range(0, len(several), AT_ONCE):
        yield several[start : start + AT_ONCE]


def _since(found: list[Sample], looked: Mapping[datetime, bool], since: datetime) -> list[Sample]:
    """Return a series from then on; each value stands for the moments after it at which it was not written again.

    Where all were written and this one was not, nobody looked at it any longer.
    """
    rows = {one.at: one for one in found}
    if len(rows.keys() | looked.keys()) == len(rows):
        return [one for one in found if one.at >= since]
    last: Sample | None = None
    filled = []
    for at in sorted(rows.keys() | looked.keys()):
        if at in rows:
            last = rows[at]
        elif looked[at]:
            last = None
        if last is not None and at >= since:
            filled.append(last if last.at == at else Sample(last.series, at, last.value))
    return filled
