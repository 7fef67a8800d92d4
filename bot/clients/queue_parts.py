"""What changes the queues and looks at keys beyond the queues' numbers."""

from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from datetime import datetime
from typing import Any

from bot.archived import Archive
from bot.clients.queue_changes import QueueChanges
from bot.clients.queue_drain import Aborts, QueueDrain
from bot.clients.queue_pause import QueuePause
from bot.clients.queues import Queues
from bot.clients.redis_keys import RedisKeys
from bot.clients.worker_drain import WorkerDrain
from bot.settings import RedisSettings


def queue_parts(
    stack: AsyncExitStack,
    settings: RedisSettings,
    queues: Queues,
    archive: Archive,
) -> dict[str, object]:
    """Return the systems by the names that steps call them; ``stack`` closes what they open."""
    changes, pause, keys = QueueChanges(settings, queues, archive), QueuePause(settings, queues), RedisKeys(settings)
    for part in (changes, pause, keys):
        stack.push_async_callback(part.close)
    return {
        "queue_changes": changes,
        "queue_pause": pause,
        "redis_keys": keys,
    }


def drain_parts(systems: Mapping[str, Any], aborts: Aborts, *, clock: Callable[[], datetime]) -> dict[str, object]:
    """Return what drains, made of the systems that are there."""
    drain = QueueDrain(systems["queues"], systems["queue_pause"], aborts, clock)
    return {
        "drains": aborts,
        "queue_drain": drain,
        "worker_drain": WorkerDrain(drain, systems["cluster"], aborts, clock),
    }
