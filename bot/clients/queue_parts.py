"""What changes the queues and looks at keys beyond the queues' numbers."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import datetime

from bot.archived import Archive
from bot.clients.queue_changes import QueueChanges
from bot.clients.queue_drain import QueueDrain
from bot.clients.queue_pause import QueuePause
from bot.clients.queues import Queues
from bot.clients.redis_keys import RedisKeys
from bot.settings import RedisSettings


def queue_parts(
    stack: AsyncExitStack,
    settings: RedisSettings,
    queues: Queues,
    archive: Archive,
    *,
    clock: Callable[[], datetime],
) -> dict[str, object]:
    """Return the systems by the names that steps call them; ``stack`` closes what they open."""
    changes, pause, keys = QueueChanges(settings, queues, archive), QueuePause(settings, queues), RedisKeys(settings)
    for part in (changes, pause, keys):
        stack.push_async_callback(part.close)
    return {
        "queue_changes": changes,
        "queue_pause": pause,
        "queue_drain": QueueDrain(queues, pause, clock),
        "redis_keys": keys,
    }
