"""Which workers are connected to which queue, by the names of their connections to Redis."""

import base64
from collections.abc import Mapping
from typing import Any, Final

from redis.exceptions import RedisError

from bot.clients.queue_layout import Command

# What Redis takes where nothing else is set; so many lines of its list are some 3 MB.
CLIENTS_READ: Final = 10_000
HOW_MANY: Final[Command] = ("INFO", "clients")
# In two words it comes as the text that it is: the library would make a dictionary of thirty words of each line.
LIST: Final[Command] = ("CLIENT", "LIST", "TYPE", "normal")


def too_many(info: Any) -> RedisError | None:
    """Return why the list of clients is not to be read, by the answer to ``HOW_MANY``; None where it may be."""
    if isinstance(info, RedisError):
        return info
    number = info.get("connected_clients")
    if not isinstance(number, int):
        return RedisError("how many clients are connected is unknown")
    return RedisError(f"more than {CLIENTS_READ:,} clients are connected") if number > CLIENTS_READ else None


def by_queue(clients: str) -> dict[str, list[str]]:
    """Sort the connections of workers by the queue in their name; one whose worker is nameless by its address."""
    found: dict[str, list[str]] = {}
    for line in clients.splitlines():
        client = dict(word.partition("=")[::2] for word in line.split(" "))
        queue, _, worker = client.get("name", "").partition(":w:")
        if queue:
            found.setdefault(queue, []).append(worker or client.get("addr", "nameless"))
    return found


def workers_of(prefix: str, name: str, connected: Mapping[str, list[str]]) -> list[str]:
    """Pick a queue's workers: their connections carry its name, in base64 (Node) or as it is (Python)."""
    encoded = base64.b64encode(name.encode()).decode()
    own = dict.fromkeys((f"{prefix}:{encoded}", f"{prefix}:{name}"))
    return sorted(worker for queue in own for worker in connected.get(queue, ()))
