"""Incidents, one row each from its first alert to its end, and what the evaluation remembers between two ticks."""

from collections import Counter
from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

import sqlalchemy as sa
from pydantic import JsonValue
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.alert import Alert, Severity
from bot.stores.database import TICK_LOCK, Database
from bot.stores.tables import alert_states, incidents

# A statement takes only so many values.
_AT_ONCE: Final = 500
# So many characters of an id tell the alerts that fire apart: it begins with a hash of their labels.
SHORT_ID: Final = 8
_PIECE: Final = 100
_FIRING: Final = sa.select(incidents).where(incidents.c.state == "firing")


@dataclass(frozen=True)
class Incident:
    """One incident: its alert as last shown, its worst value, and when it was opened, resolved and last shown.

    ``notified_at`` is None while it has no card of its own; ``muted`` says why it rings nobody, ``acknowledged_by``
    who has it in hand. ``members`` are the fingerprints of its alerts that were heard, ``rung_at`` is when it last
    rang; one that flaps stays open for a while though nothing of it fires, ``calm_since`` then.
    ``called`` says how far the escalation has come.
    """

    id: str
    fingerprint: str
    alert: Alert
    severity: Severity
    state: Literal["firing", "resolved"]
    peak: float | None
    opened_at: datetime
    resolved_at: datetime | None = None
    notified_at: datetime | None = None
    muted: str = ""
    acknowledged_by: str = ""
    acknowledged_at: datetime | None = None
    members: tuple[str, ...] = ()
    rung_at: datetime | None = None
    flapping: bool = False
    calm_since: datetime | None = None
    called: str = ""


class Incidents:
    """The rows of ``incidents`` and ``alert_states``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def lock(self, connection: AsyncConnection) -> None:
        """Let one tick at a time read and write, over all replicas, up to the end of the transaction."""
        await self._database.one_at_a_time(connection, TICK_LOCK)

    async def firing(self, *, connection: AsyncConnection | None = None) -> dict[str, Incident]:
        """Return every incident that is not resolved, by its fingerprint."""
        query = sa.select(incidents).where(incidents.c.state == "firing").order_by(incidents.c.opened_at)
        async with self._database.reading(connection) as transaction:
            rows = (await transaction.execute(query)).mappings().all()
        return {row["fingerprint"]: _incident(row) for row in rows}

    async def one_firing(self, name: str) -> Incident | None:
        """Return the incident of this id that is not resolved, or the only one whose id begins so; else None.

        The first ``SHORT_ID`` characters are enough to type.
        """
        is_named = incidents.c.id == name
        if len(name) >= SHORT_ID:
            is_named |= incidents.c.id.startswith(name, autoescape=True)
        query = _FIRING.where(is_named).limit(2)
        async with self._database.reading() as connection:
            found = [_incident(row) for row in (await connection.execute(query)).mappings()]
        exact = [one for one in found if one.id == name]
        return (exact or found)[0] if exact or len(found) == 1 else None

    async def worst(self, limit: int) -> list[Incident]:
        """Return so many of those that are not resolved, the critical ones in front, of each kind the oldest first."""
        worst = sa.case((incidents.c.severity == "critical", 0), else_=1)
        query = _FIRING.order_by(worst, incidents.c.opened_at, incidents.c.id).limit(limit)
        async with self._database.reading() as connection:
            return [_incident(row) for row in (await connection.execute(query)).mappings()]

    async def each_firing(self) -> AsyncIterator[Incident]:
        """Return every incident that is not resolved, read piece by piece."""
        last = ""
        while True:
            query = _FIRING.where(incidents.c.id > last).order_by(incidents.c.id).limit(_PIECE)
            async with self._database.reading() as connection:
                found = [_incident(row) for row in (await connection.execute(query)).mappings()]
            for one in found:
                yield one
            if len(found) < _PIECE:
                return
            last = found[-1].id

    async def count_firing(self) -> Counter[str]:
        """Return how many are not resolved, by severity."""
        number = sa.func.count().label("number")
        query = sa.select(incidents.c.severity, number).where(incidents.c.state == "firing")
        async with self._database.reading() as connection:
            rows = (await connection.execute(query.group_by(incidents.c.severity))).all()
        return Counter({row.severity: row.number for row in rows})

    async def opened_since(self, since: datetime, *, limit: int) -> tuple[list[Incident], int]:
        """Return so many of those that were opened since then, the last in front, and how many there are."""
        return await self._since(incidents.c.opened_at, since, limit)

    async def resolved_since(self, since: datetime, *, limit: int) -> tuple[list[Incident], int]:
        """Return so many of those that were resolved since then, the last in front, and how many there are."""
        return await self._since(incidents.c.resolved_at, since, limit)

    async def _since(self, moment: sa.ColumnClause[Any], since: datetime, limit: int) -> tuple[list[Incident], int]:
        query = sa.select(incidents).where(moment >= since).order_by(moment.desc(), incidents.c.id).limit(limit)
        number = sa.select(sa.func.count()).select_from(incidents).where(moment >= since)
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).mappings().all()
            return [_incident(row) for row in rows], int((await connection.execute(number)).scalar_one())

    async def openings(self, since: datetime, *, connection: AsyncConnection) -> dict[str, int]:
        """Return how often each was opened since then, by fingerprint."""
        query = sa.select(incidents.c.fingerprint, sa.func.count().label("number"))
        query = query.where(incidents.c.opened_at >= since).group_by(incidents.c.fingerprint)
        return {row.fingerprint: row.number for row in await connection.execute(query)}

    async def save(self, several: Collection[Incident], *, connection: AsyncConnection) -> None:
        """Insert or replace incidents, in the transaction that also puts their cards."""
        if not several:
            return
        rows = [_row(incident) for incident in several]
        new = self._database.insert(incidents)
        replaced = {name: new.excluded[name] for name in rows[0]}
        query = new.on_conflict_do_update(index_elements=[incidents.c.id], set_=replaced)
        await connection.execute(query, rows)

    async def acknowledge(self, incident: str, by: str, now: datetime) -> bool:
        """Record who has an incident in hand; False where it is resolved, or somebody has it already."""
        mine = (incidents.c.id == incident, incidents.c.state == "firing", incidents.c.acknowledged_at.is_(None))
        query = sa.update(incidents).where(*mine).values(acknowledged_by=by, acknowledged_at=now)
        async with self._database.transaction() as connection:
            await self.lock(connection)  # a tick writes whole incidents
            return bool((await connection.execute(query)).rowcount)

    async def states(self, *, connection: AsyncConnection | None = None) -> dict[str, dict[str, JsonValue]]:
        """Return what the last tick remembered, by fingerprint."""
        async with self._database.reading(connection) as transaction:
            rows = (await transaction.execute(sa.select(alert_states.c.fingerprint, alert_states.c.state))).all()
        return {row.fingerprint: row.state for row in rows}

    async def remember(
        self,
        changed: Mapping[str, Mapping[str, JsonValue]],
        gone: Collection[str],
        now: datetime,
        *,
        connection: AsyncConnection,
    ) -> None:
        """Write what this tick changed of what is remembered, and forget what is gone."""
        names = sorted(gone)
        for start in range(0, len(names), _AT_ONCE):
            these = names[start : start + _AT_ONCE]
            await connection.execute(sa.delete(alert_states).where(alert_states.c.fingerprint.in_(these)))
        rows = [{"fingerprint": name, "state": state, "changed_at": now} for name, state in changed.items()]
        if rows:
            new = self._database.insert(alert_states)
            replaced = {name: new.excluded[name] for name in ("state", "changed_at")}
            query = new.on_conflict_do_update(index_elements=[alert_states.c.fingerprint], set_=replaced)
            await connection.execute(query, rows)


def _row(incident: Incident) -> dict[str, Any]:
    row = {name: getattr(incident, name) for name in Incident.__dataclass_fields__}
    return row | {"alert": incident.alert.model_dump(mode="json"), "members": list(incident.members)}


def _incident(row: sa.RowMapping) -> Incident:
    read = {"alert": Alert.model_validate(row["alert"]), "members": tuple(row["members"])}
    return Incident(**{**row, **read})
