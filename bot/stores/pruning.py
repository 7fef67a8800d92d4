"""What the stores forget by themselves, each after its own time."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final

from bot.stores.archive import Archive
from bot.stores.baselines import Baselines
from bot.stores.database import Database
from bot.stores.drains import Drains
from bot.stores.outbox import Outbox
from bot.stores.samples import Samples
from bot.stores.vault import Vault

KEEP_MESSAGES: Final = timedelta(days=7)  # how long a delivered message can still be edited

Prune = Callable[[datetime], Awaitable[object]]


def prunings(database: Database, outbox: Outbox, clock: Callable[[], datetime]) -> tuple[Prune, ...]:
    """Return what is to be called with the time every now and then."""

    async def forget(now: datetime) -> None:
        await outbox.forget(now - KEEP_MESSAGES)

    own = (Samples(database), Vault(database, None), Archive(database, None), Drains(database, clock))
    return (forget, Baselines(database).prune, *(part.prune for part in own))
