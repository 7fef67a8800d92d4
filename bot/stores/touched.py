"""Which runs changed the same: a later one ends the way back of an earlier one."""

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.plan import Plan
from bot.stores.plans import StoredPlan
from bot.stores.runs import StoredRun
from bot.stores.tables import plans, runs

_LOOKED_BACK: Final = 200  # runs; further back nobody waits for a card to change


async def later_than(connection: AsyncConnection, run: StoredRun, plan: StoredPlan) -> str | None:
    """Return the first later run, other than an attempt to undo this one, that touched some of the same, or None."""
    later = sa.and_(runs.c.started_at > run.started_at, plans.c.undo_of.is_distinct_from(run.id))
    query = _joined().where(later).order_by(runs.c.started_at)
    return next((name for name, touched in await _read(connection, query) if touched & plan.plan.touched), None)


async def before(connection: AsyncConnection, run: StoredRun, plan: StoredPlan) -> list[str]:
    """Return the newest earlier run of each thing that this one touches."""
    query = _joined().where(runs.c.started_at < run.started_at).order_by(runs.c.started_at.desc())
    left, found = plan.plan.touched, []
    for name, touched in await _read(connection, query.limit(_LOOKED_BACK)):
        if left & touched:
            found.append(name)
            left -= touched
    return found


async def meanwhile(connection: AsyncConnection, plan: StoredPlan) -> str | None:
    """Return the newest run on the plan's targets that was not over when it was made, or None."""
    since = sa.or_(runs.c.status == "running", runs.c.finished_at >= plan.created_at)
    query = _joined().where(since, runs.c.id != plan.id).order_by(runs.c.started_at.desc()).limit(_LOOKED_BACK)
    wanted = plan.plan.touched | set(plan.plan.targets)
    rows = (await connection.execute(query)).all()
    found = ((row.id, Plan.model_validate(row.plan)) for row in rows)
    return next((name for name, other in found if wanted & (other.touched | set(other.targets))), None)


def _joined() -> sa.Select[Any]:
    return sa.select(runs.c.id, plans.c.plan).join(plans, plans.c.id == runs.c.id)


async def _read(connection: AsyncConnection, query: sa.Select[Any]) -> list[tuple[str, frozenset[str]]]:
    rows = (await connection.execute(query)).all()
    return [(row.id, Plan.model_validate(row.plan).touched) for row in rows]
