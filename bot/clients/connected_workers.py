"""Which workers are connected to which queue, by the names of their connections to Redis."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from redis.exceptions import RedisError

from bot.clients.queue_layout import Command, MissingQueue, QueueSnapshot
from bot.plan import Progress

# Twice what Redis takes where nothing else is set; so many lines of its list are some 6 MB.
CLIENTS_READ: Final = 20_000
HOW_MANY: Final[Command] = ("INFO", "clients")
# In two words it comes as the text that it is: the library would make a dictionary of thirty words of each line.
LIST: Final[Command] = ("CLIENT", "LIST", "TYPE", "normal")


@dataclass(frozen=True, slots=True)
class Connection:
    """A worker's blocking connection: its worker's name, empty where it has none, and its own ``address:port``."""

    worker: str
    peer: str

    @property
    def label(self) -> str:
        """The worker's name, or where it comes from."""
        return self.worker or self.peer

    @property
    def address(self) -> str:
        """The address without the port, as the cluster writes a pod's."""
        return self.peer.rpartition(":")[0].removeprefix("[").removesuffix("]")


def too_many(info: Any) -> RedisError | None:
    """Return why the list of clients is not to be read, by the answer to ``HOW_MANY``; None where it may be."""
    if isinstance(info, RedisError):
        return info
    number = info.get("connected_clients")
    if not isinstance(number, int):
        return RedisError("how many clients are connected is unknown")
    return RedisError(f"more than {CLIENTS_READ:,} clients are connected") if number > CLIENTS_READ else None


def by_queue(clients: str) -> dict[str, list[Connection]]:
    """Sort the blocking connections of workers by the queue that they carry in their name."""
    found: dict[str, list[Connection]] = {}
    for line in clients.splitlines():
        queue, _, worker = _word(line, "name").partition(":w:")
        if queue:
            found.setdefault(queue, []).append(Connection(worker, _word(line, "addr") or "nameless"))
    return found


def _word(line: str, name: str) -> str:
    """Return one of a client's words by its name; of thirty words in thousands of lines only these are looked at."""
    return line.partition(f" {name}=")[2].partition(" ")[0]


def workers_of(prefix: str, name: str, connected: Mapping[str, list[Connection]]) -> list[Connection]:
    """Pick a queue's workers: their connections carry its name, in base64 (Node) or as it is (Python)."""
    encoded = base64.b64encode(name.encode()).decode()
    own = dict.fromkeys((f"{prefix}:{encoded}", f"{prefix}:{name}"))
    return sorted((worker for queue in own for worker in connected.get(queue, ())), key=lambda worker: worker.label)


def enough_connected(seen: Mapping[str, QueueSnapshot | MissingQueue], minimum: int) -> Progress:
    """Tell whether every queue has at least ``minimum`` workers, as far as that can be known.

    What no later look can tell is not waited for: it is done without being verified, and says why. A queue that is
    not there is only named, as it comes with its first job; without any other it is waited for.
    """
    found = {short: queue.workers for short, queue in seen.items() if isinstance(queue, QueueSnapshot)}
    counted = {short: workers for short, workers in found.items() if workers is not None}
    blind = {short: why for short, queue in seen.items() if (why := _why_unknowable(queue))}
    absent = [short for short in seen if short not in counted and short not in blind]
    enough = all(workers >= minimum for workers in counted.values()) and bool(counted or blind)
    parts = []
    if counted:
        said = ", ".join(f"{short} {workers}" for short, workers in counted.items())
        parts.append(f"workers connected: {said}" + ("" if enough else f"; {minimum} wanted"))
    if blind:
        parts.append(f"not verified: {_with_reasons(blind)}")
    if not parts:
        parts.append("who is connected to the queues is unknown")
    if absent:
        parts.append(f"not there: {', '.join(absent)}")
    return Progress(done=enough, unverified=enough and bool(blind), message="; ".join(parts))


def _why_unknowable(queue: QueueSnapshot | MissingQueue) -> str:
    """Say why nobody can tell who is connected, now or later; empty where that can be told or may come to be."""
    if isinstance(queue, MissingQueue):
        return queue.reason
    if queue.layout == "plain":
        return "with plain lists no connection names its queue"
    return "Redis does not let the bot list who is connected" if queue.workers is None else ""


def _with_reasons(blind: Mapping[str, str]) -> str:
    """Name queues with the reason, those of one reason together."""
    by_reason: dict[str, list[str]] = {}
    for short, reason in blind.items():
        by_reason.setdefault(reason, []).append(short)
    return ", ".join(f"{', '.join(shorts)} ({reason})" for reason, shorts in by_reason.items())
