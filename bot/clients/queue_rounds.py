"""The rounds in which queues are read: everything about each of them, then their oldest jobs and who is connected."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from bot.clients.connected_workers import HOW_MANY, LIST
from bot.clients.failed_jobs import FETCHED
from bot.clients.many_queues import FEW, ask_jobs, ask_queues
from bot.clients.queue_layout import Answers, Command, bullmq_commands, plain_commands

# Commands in one round trip: of a few hundred queues, and no more than Redis may keep the answers of.
_AT_ONCE: Final = 10_000


async def ask(redis: Redis, commands: Sequence[Command]) -> list[Any]:
    """Send commands in as few round trips as are good for Redis; an answer may be that command's error."""
    answers: list[Any] = []
    for start in range(0, len(commands), _AT_ONCE):
        async with redis.pipeline(transaction=False) as pipeline:
            for command in commands[start : start + _AT_ONCE]:
                pipeline.execute_command(*command)
            answers += await pipeline.execute(raise_on_error=False)
    return answers


async def everything(
    redis: Redis, keys: Mapping[str, str], plain_keys: Mapping[str, Sequence[str]]
) -> tuple[Mapping[str, Mapping[str, Answers]], Any]:
    """Ask everything about every queue, and how many clients there are (or why that is not told).

    ``keys`` is what each queue's keys begin with, by its short name; ``plain_keys`` where its plain lists may be.
    """
    many = await ask_queues(redis, list(keys.values())) if len(keys) > FEW else {}
    asked: list[tuple[str, str, str, Command]] = []
    for short, key in keys.items():
        if key not in many:
            parts = {"bullmq": bullmq_commands(key)}
            parts |= {plain: plain_commands(plain) for plain in plain_keys[short]}
            asked += [(short, part, field, command) for part in parts for field, command in parts[part].items()]
    *answered, connected = await ask(redis, [*(command for *_, command in asked), HOW_MANY])
    answers: dict[str, dict[str, Answers]] = {
        short: {"bullmq": many[key]} for short, key in keys.items() if key in many
    }
    plainly: dict[str, dict[str, dict[str, Any]]] = {}
    for (short, part, field, _), answer in zip(asked, answered, strict=True):
        plainly.setdefault(short, {}).setdefault(part, {})[field] = answer
    return {**answers, **plainly}, connected


async def oldest_and_clients(
    redis: Redis, ends: Sequence[tuple[str, str]], problem: RedisError | None, *, many: bool
) -> tuple[dict[str, datetime], Any]:
    """Read when each queue's oldest job was due, and the list of clients, its error or the problem in its place.

    ``ends`` are the names of queues with the keys of the jobs at both ends of their lists.
    """
    read = await ask_jobs(redis, [key for _, key in ends]) if many else {}
    left = [key for _, key in ends if key not in read]
    lengths: list[Command] = [("HSTRLEN", key, "opts") for key in left]
    *long, clients = await ask(redis, [*lengths, HOW_MANY if problem else LIST])
    # Nobody's options are that long; where they are, they stay where they are.
    fits = [key for key, length in zip(left, long, strict=True) if not isinstance(length, int) or length < FETCHED]
    answers = await ask(redis, [("HMGET", key, "timestamp", "opts") for key in fits])
    return _oldest(ends, {**read, **dict(zip(fits, answers, strict=True))}), problem or clients


def _oldest(ends: Sequence[tuple[str, str]], answers: Mapping[str, Any]) -> dict[str, datetime]:
    oldest: dict[str, datetime] = {}
    for name, key in ends:
        answer = answers.get(key)
        due = None if answer is None or isinstance(answer, RedisError) else _due(*answer)
        if due:
            oldest[name] = min(due, oldest.get(name, due))
    return oldest


def _due(timestamp: str | None, opts: str | None) -> datetime | None:
    """Read when a job was to run: BullMQ's time of adding plus its delay, both in milliseconds."""
    try:
        delay = json.loads(opts or "{}").get("delay", 0)
        return datetime.fromtimestamp((int(timestamp or "") + int(delay or 0)) / 1000, UTC)
    except (ValueError, TypeError, AttributeError, OverflowError, OSError):
        return None
