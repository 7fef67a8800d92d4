"""One replica as a process of its own: catches up on the schedules of a database at a given time.

``python replica_process.py DATABASE HOLDER NOW [die]``: with ``die`` it is gone while its handler runs.
"""

import asyncio
import os
import signal
import sys
from datetime import datetime

from bot.catalog import Catalog
from bot.policy import Policy
from bot.reply import Reply, say
from bot.schedule import Observation, schedule
from bot.scheduler import Scheduler, ScheduleStores, Work
from bot.stores.database import Database
from bot.stores.fires import Fires
from bot.stores.outbox import Outbox


@schedule("morning-checklist")
async def morning_checklist() -> Reply:
    """Stand for the checklist."""
    if "die" in sys.argv:
        os.kill(os.getpid(), signal.SIGKILL)
    return say("The checklist")


async def observe(observations: list[Observation], now: datetime) -> None:
    """Take nothing."""


async def main(url: str, holder: str, now: datetime) -> None:
    """Look once at what is due, as the start does."""
    database = Database(url)
    policy = Policy.model_validate(
        {
            "people": {},
            "roles": {},
            "approvals": {},
            "limits": {},
            "schedules": {"morning-checklist": {"cron": "0 8 * * *"}},
            "alerts": [],
        }
    )
    scheduler = Scheduler(
        ScheduleStores(database, Fires(database), Outbox(database)),
        Work(Catalog({}, {"morning-checklist": morning_checklist}), lambda kind: kind, observe),
        policy=lambda: policy,
        channel="C1",
        holder=holder,
        clock=lambda: now,
    )
    # Ready, then together with the others as soon as the parent says so.
    print("ready", flush=True)  # noqa: T201
    await asyncio.to_thread(sys.stdin.readline)
    await scheduler.catch_up()
    await database.close()


asyncio.run(main(sys.argv[1], sys.argv[2], datetime.fromisoformat(sys.argv[3])))
