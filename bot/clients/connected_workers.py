"""Which workers are connected to which queue, by the names of their connections to Redis."""

import base64
from collections.abc import Mapping, Sequence


def by_queue(clients: Sequence[Mapping[str, str]]) -> dict[str, list[str]]:
    """Sort the blocking connections of workers by what they carry in their name; a nameless one by its address."""
    found: dict[str, list[str]] = {}
    for client in clients:
        queue, _, worker = client.get("name", "").partition(":w:")
        found.setdefault(queue, []).append(worker or client.get("addr", "nameless"))
    return found


def workers_of(prefix: str, name: str, connected: Mapping[str, list[str]]) -> list[str]:
    """Pick a queue's workers: their connections carry its name, in base64 (Node) or as it is (Python)."""
    encoded = base64.b64encode(name.encode()).decode()
    own = dict.fromkeys((f"{prefix}:{encoded}", f"{prefix}:{name}"))
    return sorted(worker for queue in own for worker in connected.get(queue, ()))
