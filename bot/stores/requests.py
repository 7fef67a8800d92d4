"""The inbox and the audit in one: a row is written before the ack and closed when the outcome is known."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.masking import cut, mask
from bot.request import Decision, Request
from bot.stores.database import Database
from bot.stores.tables import decisions, plans, requests

# open: not handled yet · planned: its plan has not come to an end · the rest is the end
Status = Literal["open", "planned", "done", "refused", "failed"]

TEXT_LIMIT: Final = 2000
SEARCH_LIMIT: Final = 200


@dataclass(frozen=True)
class AuditEntry:
    """One attempt: who, what, which plan, who approved it, what came of it. ``closed_at`` is None until the end."""

    id: str
    kind: str
    actor_id: str
    actor_name: str
    command: str
    text: str
    received_at: datetime
    status: Status
    outcome: str
    plan_id: str | None
    closed_at: datetime | None
    approvers: tuple[str, ...]


class Requests:
    """The rows of ``requests``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def open(self, item: Request | Decision, *, holder: str, connection: AsyncConnection | None = None) -> bool:
        """Write the row; False where this payload was delivered before."""
        query = self._database.insert(requests).values(**_row(item), holder=holder).on_conflict_do_nothing()
        async with self._database.transaction(connection) as joined:
            return bool((await joined.execute(query)).rowcount == 1)

    async def take(self, request_id: str, *, holder: str) -> bool:
        """Count an attempt on an open row and become its holder; False where it is not open or does not exist."""
        query = (
            sa.update(requests)
            .where(requests.c.id == request_id, requests.c.status == "open")
            .values(attempts=requests.c.attempts + 1, holder=holder)
        )
        async with self._database.transaction() as connection:
            return bool((await connection.execute(query)).rowcount == 1)

    async def abandoned(self, *, alive: Collection[str], working: Collection[str]) -> list[Request | Decision]:
        """Return the open rows, oldest first, that no living process holds; ``working`` are this process's own."""
        query = (
            sa.select(requests.c.kind, requests.c.payload)
            .where(requests.c.status == "open", requests.c.holder.not_in(alive), requests.c.id.not_in(working))
            .order_by(requests.c.received_at)
            .limit(SEARCH_LIMIT)
        )
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
        return [_item(kind, payload) for kind, payload in rows]

    async def close(self, request_id: str, status: Status, outcome: str, now: datetime) -> None:
        """Record the end of an attempt; a row that is closed already stays as it is."""
        async with self._database.transaction() as connection:
            await self._end(connection, requests.c.id == request_id, "open", _ending(status, outcome, now))

    async def planned(self, connection: AsyncConnection, request_id: str, plan_id: str, outcome: str) -> None:
        """Record that the attempt led to a plan; the row is closed with the plan's or the run's end."""
        values = {"status": "planned", "outcome": outcome, "plan_id": plan_id}
        await self._end(connection, requests.c.id == request_id, "open", values)

    async def settle(
        self, connection: AsyncConnection, plan_id: str, status: Status, outcome: str, now: datetime
    ) -> None:
        """Close the row that led to this plan; joins the transaction that ends the plan or the run."""
        await self._end(connection, requests.c.plan_id == plan_id, "planned", _ending(status, outcome, now))

    async def received_at(self, request_id: str) -> datetime | None:
        """Return when the request or click came in, or None where it is not on record."""
        query = sa.select(requests.c.received_at).where(requests.c.id == request_id)
        async with self._database.reading() as connection:
            return (await connection.execute(query)).scalar_one_or_none()

    async def status(self, request_id: str) -> Status | None:
        """Return where the request or click stands, or None where it is not on record."""
        query = sa.select(requests.c.status).where(requests.c.id == request_id)
        async with self._database.reading() as connection:
            found: Status | None = (await connection.execute(query)).scalar_one_or_none()
        return found

    async def search(self, *, limit: int = 20, user: str = "", command: str = "") -> list[AuditEntry]:
        """Return the newest attempts, by user id or name and by command, clicks on the command's plans included."""
        query = sa.select(requests).outerjoin(plans, plans.c.id == requests.c.plan_id)
        if user:
            query = query.where(
                sa.or_(requests.c.actor_id == user, sa.func.lower(requests.c.actor_name) == user.lower())
            )
        if command:
            name = "/" + command.lstrip("/")
            query = query.where(sa.or_(requests.c.command == name, plans.c.command == name))
        query = query.order_by(requests.c.received_at.desc()).limit(min(limit, SEARCH_LIMIT))
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).mappings().all()
            approvers = await _approvers(connection, {row["plan_id"] for row in rows if row["plan_id"]})
        return [_entry(row, approvers.get(row["plan_id"], ())) for row in rows]

    async def _end(
        self, connection: AsyncConnection, which: sa.ColumnElement[bool], status: Status, values: dict[str, Any]
    ) -> None:
        found = await connection.execute(
            sa.select(requests.c.id, requests.c.payload).where(which, requests.c.status == status).with_for_update()
        )
        for request_id, payload in found.all():
            # What was typed is no longer needed in clear, and the way back has expired.
            query = sa.update(requests).where(requests.c.id == request_id, requests.c.status == status)
            await connection.execute(query.values(**values, payload=_masked(payload)))


def _masked(payload: dict[str, Any]) -> dict[str, Any]:
    return {
        name: mask(value) if name in ("text", "reason") else value
        for name, value in payload.items()
        if name not in ("arguments", "response_url")
    }


def _ending(status: Status, outcome: str, now: datetime) -> dict[str, Any]:
    return {"status": status, "outcome": cut(mask(outcome), TEXT_LIMIT), "closed_at": now}


def _row(item: Request | Decision) -> dict[str, Any]:
    is_command = isinstance(item, Request)
    said = _said(item) if isinstance(item, Request) else item.reason
    return {
        "id": item.id,
        "kind": "command" if is_command else "decision",
        "payload": item.model_dump(mode="json"),
        "actor_id": item.actor.id,
        "actor_name": item.actor.name,
        "command": item.command if isinstance(item, Request) else item.action,
        "text": cut(mask(said), TEXT_LIMIT),
        "received_at": item.received_at,
        "status": "open",
        "plan_id": None if isinstance(item, Request) else item.subject.partition(":")[0],
    }


def _said(request: Request) -> str:
    if request.arguments is None:
        return request.text
    return " ".join(f"{name}={value}" for name, value in request.arguments.items())


def _item(kind: str, payload: dict[str, Any]) -> Request | Decision:
    return Request.model_validate(payload) if kind == "command" else Decision.model_validate(payload)


async def _approvers(connection: AsyncConnection, plan_ids: set[str]) -> dict[str, tuple[str, ...]]:
    query = (
        sa.select(decisions.c.plan_id, decisions.c.actor_name)
        .where(decisions.c.plan_id.in_(plan_ids), decisions.c.action.in_(("approve", "break_glass")))
        .order_by(decisions.c.at)
    )
    found: dict[str, tuple[str, ...]] = {}
    for plan_id, name in (await connection.execute(query)).all():
        found[plan_id] = (*found.get(plan_id, ()), name)
    return found


def _entry(row: sa.RowMapping, approvers: tuple[str, ...]) -> AuditEntry:
    names = [name for name in AuditEntry.__dataclass_fields__ if name != "approvers"]
    return AuditEntry(**{name: row[name] for name in names}, approvers=approvers)
