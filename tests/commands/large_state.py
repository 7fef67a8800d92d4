"""A Redis and a database of the bot's own with as much in them as the tests of memory ask for."""

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from redis import Redis

from bot.alert import Alert
from bot.plan import Change, Plan, Step
from bot.reply import say
from bot.stores import oncall_tables, tables
from bot.stores.database import Database

NOW = datetime.now(UTC)
_ROWS = 300
# So many plans may wait or run, and so many silences and overrides stand: the bot refuses another.
_OPEN = 190
_STANDING = 90
_JOBS = 1_100  # of which the bot reads the newest 1,000
_GIANT = 300_000
_TEXT = "x" * 1_000
_BY = {"actor_id": "U0OPERATOR", "actor_name": "Olga Operator"}


def fill_redis(url: str, size: int) -> None:
    """Fill an empty Redis: three queues of BullMQ, one of plain lists, and keys that are of no queue."""
    at = (NOW - timedelta(minutes=10)).timestamp() * 1000
    with Redis.from_url(url) as redis:
        for queue in ("email", "webhook", "workflow"):
            redis.hset(f"bull:nova-{queue}:meta", mapping={"version": "bullmq:5.65.1"})
        redis.eval(_FILLED, 0, max(3, _JOBS * size), f"{at:.0f}", "x" * (_GIANT * size), _TEXT[:100])


# The newest are giants: every reading begins or ends with them.
_FILLED = """
local jobs, at, giant, text = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3], ARGV[4]
local key, plain = 'bull:nova-email:', 'bull:nova-report:'
for i = 0, jobs - 1 do
  local big = jobs - i <= 2 and giant or ''
  local stands = string.format('%d', at + i)
  redis.call('ZADD', key .. 'failed', stands, 'f' .. i)
  redis.call('HSET', key .. 'f' .. i, 'name', 'sendEmail' .. big, 'atm', '3', 'timestamp', stands, 'failedReason',
    'no answer of ' .. i % 7 .. ': ' .. text .. big, 'stacktrace', '["' .. big .. '"]', 'data', '"' .. big .. '"')
  redis.call('HSET', key .. 'w' .. i, 'timestamp', stands, 'opts', '{"pad":"' .. big .. '"}')
  redis.call('LPUSH', key .. 'wait', 'w' .. i)
  redis.call('HSET', key .. 'a' .. i, 'name', 'sendEmail' .. big, 'processedOn', stands)
  redis.call('LPUSH', key .. 'active', 'a' .. i)
  redis.call('ZADD', key .. 'delayed', string.format('%d', at * 4096 + i), 'd' .. i)
  redis.call('LPUSH', plain .. 'failed', '{"error":"' .. text .. big .. '"}')
  redis.call('LPUSH', plain .. 'waiting', 'r' .. i)
  redis.call('SET', 'cache:company:' .. i .. ':stats', 'x')
end
for _ = 1, 3 do
  redis.call('RPUSH', key .. 'f' .. jobs - 1 .. ':logs', giant)
end
"""


def fill_database(folder: Path, size: int) -> str:
    """Make a database with so many rows in every table that a command reads, and return its address."""
    path = folder / f"state-{size}.db"

    async def made() -> None:
        database = Database(f"sqlite:///{path}")
        await database.migrate()
        await database.close()

    asyncio.run(made())
    engine = sa.create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        for table, rows in _tables(_ROWS * size).items():
            connection.execute(sa.insert(table), [*rows])
    engine.dispose()
    return f"sqlite:///{path}"


def _tables(rows: int) -> dict[sa.Table, Iterable[dict[str, Any]]]:
    makers = {
        tables.requests: _request,
        tables.plans: _plan,
        tables.decisions: _decision,
        tables.runs: _run,
        tables.run_steps: _step,
        tables.messages: _message,
        tables.incidents: _incident,
        tables.samples: _sample,
        tables.silences: _silence,
        oncall_tables.overrides: _override,
        oncall_tables.handovers: _handover,
        oncall_tables.pages: _page,
    }
    found: dict[sa.Table, Iterable[dict[str, Any]]] = {
        table: [make(number, NOW - timedelta(milliseconds=number)) for number in range(rows)]
        for table, make in makers.items()
    }
    return {table: made for table, made in found.items() if made}


def _request(number: int, at: datetime) -> dict[str, Any]:
    about = {"command": "/queue-stats", "text": _TEXT, "received_at": at, "status": "done", "outcome": _TEXT}
    return {"id": f"r{number}", "kind": "command", "payload": {}, **_BY, **about, "plan_id": f"p{number}"}


def _plan(number: int, at: datetime) -> dict[str, Any]:
    plan = Plan(
        title=f"Scale to {number}",
        target=f"deployment/{number % 3}",
        changes=(Change(what="pods", before="1", after=_TEXT),),
        steps=(Step(title="Scale", operation="cluster.scale"),),
    )
    asked = {"requester_id": "U0OPERATOR", "requester_name": "Olga Operator", "channel": "C1", "source": "slash"}
    clocks = {"created_at": at, "approve_by": NOW + timedelta(hours=1), "break_glass": number % 2 == 0}
    about = {"command": "/scale-workers", "arguments": {}, "plan": plan.model_dump(mode="json"), "digest": "d"}
    return {
        "id": f"p{number}",
        "request_id": f"q{number}",
        **about,
        **asked,
        **clocks,
        "needed": 1,
        "status": "waiting" if number < _OPEN else "denied",
    }


def _decision(number: int, at: datetime) -> dict[str, Any]:
    return {"plan_id": f"p{number}", "action": "break_glass", "reason": _TEXT, "at": at, **_BY}


def _run(number: int, at: datetime) -> dict[str, Any]:
    status = "running" if number < _OPEN else "succeeded"
    return {"id": f"p{number}", "target": f"deployment/{number}", "status": status, "executor": "e", "started_at": at}


def _step(number: int, at: datetime) -> dict[str, Any]:
    return {
        "run_id": f"p{number}",
        "number": 0,
        "title": "Scale",
        "status": "running",
        "message": _TEXT,
        "started_at": at,
    }


def _message(number: int, at: datetime) -> dict[str, Any]:
    body = say(f"Message {number}: {_TEXT}").model_dump(mode="json")
    about = {"channel": "C1", "body": body, "version": 1, "priority": 1, "state": "due"}
    return {"key": f"m{number}", **about, "created_at": at - timedelta(hours=1), "changed_at": at - timedelta(hours=1)}


def _incident(number: int, at: datetime) -> dict[str, Any]:
    alert = Alert(
        labels={"alert": "queue-waiting", "queue": str(number)},
        summary=_TEXT,
        severity="warning",
        state="firing",
        value=1.0,
        since=at,
    )
    about = {"severity": "warning", "state": "firing", "opened_at": at}
    return {"id": f"i{number}", "fingerprint": f"f{number}", "alert": alert.model_dump(mode="json"), **about}


def _sample(number: int, at: datetime) -> dict[str, Any]:
    return {"series": f"queue/other-{number}/waiting", "at": at, "value": 1.0}


def _silence(number: int, at: datetime) -> dict[str, Any]:
    about = {"matchers": ['queue="none"'], "owner_id": "U0OPERATOR", "owner_name": "Olga Operator", "reason": _TEXT}
    clocks = {"since": at, "until": NOW + timedelta(hours=2), "until_resolved": False, "only_new": False}
    return {"id": f"s{number}", **about, **clocks, "ended_at": None if number < _STANDING else NOW}


def _override(number: int, at: datetime) -> dict[str, Any]:
    about = {"level": 1, "person": "U0ONCALL", "by_id": "U0OPERATOR", "by_name": "Olga Operator", "made_at": at}
    clocks = {"since": at, "until": NOW + timedelta(hours=2)}
    return {"id": f"o{number}", **about, **clocks, "ended_at": None if number < _STANDING else NOW}


def _handover(number: int, at: datetime) -> dict[str, Any]:
    return {"id": f"h{number}", "at": at, "before": ["U0ONCALL"], "after": ["U0OPERATOR"]}


def _page(number: int, at: datetime) -> dict[str, Any]:
    by = {"by_id": "U0OPERATOR", "by_name": "Olga Operator"}
    return {"id": f"g{number}", "level": 1, "people": ["U0ONCALL"], "reason": _TEXT, **by, "at": at - timedelta(days=1)}
