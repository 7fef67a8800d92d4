"""The same questions about thousands of keys, asked by a script: one round trip for every five hundred of them."""

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from bot.clients.failed_jobs import FETCHED
from bot.clients.queue_layout import Answers, Command, bullmq_commands, is_bullmq

# Redis answers nobody else while a script runs: a hundred queues are a few thousandths of a second.
KEYS_AT_ONCE: Final = 100
SCRIPTS_AT_ONCE: Final = 5
# So many queues are asked with plain commands as well as by a script; more would keep the bot busy writing commands.
FEW: Final = 100
_KEY: Final = "@"
_LENGTH: Final[tuple[Command, ...]] = (("HSTRLEN", _KEY, "opts"),)
_JOB: Final[tuple[Command, ...]] = (("HMGET", _KEY, "timestamp", "opts"),)


async def ask_queues(redis: Redis, keys: Sequence[str]) -> dict[str, Answers]:
    """Return what ``bullmq_commands`` ask of each queue of BullMQ, by its key.

    Left out is what has to be asked with plain commands: what is no queue of BullMQ or not there, and everything
    where Redis refuses scripts or one of the commands.
    """
    commands = bullmq_commands(_KEY)
    found = await _ask_each(redis, keys, tuple(commands.values()))
    read = {key: dict(zip(commands, answers, strict=True)) for key, answers in found.items()}
    return {key: answers for key, answers in read.items() if is_bullmq(answers)}


async def ask_jobs(redis: Redis, keys: Sequence[str]) -> dict[str, Sequence[str | None]]:
    """Return ``timestamp`` and ``opts`` of the jobs of these keys; those that cannot be read are left out.

    Options that are longer than anybody's stay where they are: nothing is returned of such a job.
    """
    long = {key: answers[0] for key, answers in (await _ask_each(redis, keys, _LENGTH)).items()}
    fits = [key for key, length in long.items() if length < FETCHED]
    read = {key: answers[0] for key, answers in (await _ask_each(redis, fits, _JOB)).items()}
    return {key: (None, None) for key, length in long.items() if length >= FETCHED} | read


async def _ask_each(redis: Redis, keys: Sequence[str], commands: Sequence[Command]) -> dict[str, list[Any]]:
    found, asked = dict[str, list[Any]](), json.dumps([[str(word) for word in command] for command in commands])
    portions = [keys[start : start + KEYS_AT_ONCE] for start in range(0, len(keys), KEYS_AT_ONCE)]
    for start in range(0, len(portions), SCRIPTS_AT_ONCE):
        these = portions[start : start + SCRIPTS_AT_ONCE]
        async with redis.pipeline(transaction=False) as pipeline:
            for portion in these:
                pipeline.execute_command("EVAL", _script(), len(portion), *portion, asked)
            answered = await pipeline.execute(raise_on_error=False)
        for portion, answers in zip(these, answered, strict=True):
            if isinstance(answers, RedisError):  # scripts may be forbidden; plain commands say what is wrong
                return found
            found |= {key: answer for key, answer in zip(portion, answers, strict=True) if answer is not None}
    return found


@cache
def _script() -> str:
    return (Path(__file__).parent / "lua" / "ask_each.lua").read_text("utf-8")
