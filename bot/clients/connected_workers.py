"""Which workers are connected to which queue, by the names of their connections to Redis."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


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


def by_queue(clients: Sequence[Mapping[str, str]]) -> dict[str, list[Connection]]:
    """Sort the blocking connections of workers by the queue that they carry in their name."""
    found: dict[str, list[Connection]] = {}
    for client in clients:
        queue, _, worker = client.get("name", "").partition(":w:")
        found.setdefault(queue, []).append(Connection(worker, client.get("addr", "nameless")))
    return found


def workers_of(prefix: str, name: str, connected: Mapping[str, list[Connection]]) -> list[Connection]:
    """Pick a queue's workers: their connections carry its name, in base64 (Node) or as it is (Python)."""
    encoded = base64.b64encode(name.encode()).decode()
    own = dict.fromkeys((f"{prefix}:{encoded}", f"{prefix}:{name}"))
    return sorted((worker for queue in own for worker in connected.get(queue, ())), key=lambda worker: worker.label)
