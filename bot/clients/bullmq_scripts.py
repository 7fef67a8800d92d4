"""The Lua scripts that change BullMQ's queues: the library's own as it ships them, and a few of ours beside them.

The library on PyPI carries the scripts of version 6. Those used here do the same to a queue of version 5, with one
exception that the caller has to mind: in version 5 a paused queue's jobs lie in ``paused``, not in ``wait``.
"""

import asyncio
import re
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, Literal

from redis.asyncio import Redis

Script = Literal[
    "reasons",
    "plain",
    "stalled",
    "pack",
    "take",
    "drop_oldest",
    "put_back",
    "restore",
    "set_paused",
    "promote_due",
    "cleanJobsInSet",
    "reprocessJob",
]

_OURS: Final = Path(__file__).parent / "lua"
# Where one of ours takes in one of the library's.
_INCLUDED: Final = re.compile(r"^-- bullmq: (\w+)$", re.MULTILINE)
# The library's scripts, with what is put round each: of a thousand removed ids only their number has to travel.
_LIBRARY: Final = {"cleanJobsInSet": "local function clean()\n{}\nend\nreturn #clean()", "reprocessJob": "{}"}


class Scripts:
    """The scripts by the hash under which one Redis has them."""

    def __init__(self, hashes: dict[str, str]) -> None:
        self._hashes = hashes

    @classmethod
    async def load(cls, redis: Redis) -> "Scripts":
        """Have Redis learn every script; a restarted one has forgotten them. Raises the errors of the library."""
        texts = await asyncio.to_thread(_texts)
        return cls({name: str(await redis.script_load(text)) for name, text in texts.items()})

    def call(self, script: Script, keys: Sequence[str | bytes], *arguments: str | bytes | float) -> tuple[Any, ...]:
        """Return the words of a command that runs a script."""
        return ("EVALSHA", self._hashes[script], len(keys), *keys, *arguments)


async def evaluate(redis: Redis, script: Script, key: str, *arguments: str | float) -> Any:
    """Run a script that only reads one key, without having Redis keep it; raises the errors of the library."""
    texts = await asyncio.to_thread(_texts)
    return await redis.execute_command("EVAL", texts[script], 1, key, *arguments)  # type: ignore[no-untyped-call]


@cache
def _texts() -> dict[str, str]:
    spec = find_spec("bullmq")
    folders = [Path(folder) for folder in (spec.submodule_search_locations or ())] if spec else []
    # The number behind the name is how many keys a script takes; it changes when its meaning does.
    library = {path.stem.partition("-")[0]: path for folder in folders for path in folder.glob("commands/*-*.lua")}
    ours = {
        path.stem: _INCLUDED.sub(lambda found: library[found[1]].read_text("utf-8"), path.read_text("utf-8"))
        for path in _OURS.glob("*.lua")
    }
    return ours | {name: round_it.format(library[name].read_text("utf-8")) for name, round_it in _LIBRARY.items()}
