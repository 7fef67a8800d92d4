"""Lives of a bot's alerting and sending, each forked from this process, which has loaded all that they need.

A line of input tells of one life: ``{"directory", "slack", "die_at"}``, or with the addresses of a PagerDuty and a mail
server in Slack's place. The life goes through a story from where the file ``done`` says, and kills itself with SIGKILL
at the moment of that name and number. A moment is the beginning or the end of a transaction of the bot's database, or
of a call; those of PagerDuty's and the mail's senders are named after what the sender does then. A line of output says
how it ended and how often it saw each moment.
"""

import asyncio
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
from slack_sdk.web.async_client import AsyncWebClient

from bot.alerting.pipeline import Alerting, Stores
from bot.catalog import Catalog
from bot.policy import Policy
from bot.schedule import Observation
from bot.slack.channels import Channels
from bot.slack.delivery import Carrier
from bot.slack.pace import Pace
from bot.slack.sender import Sender
from bot.stores.database import Database
from bot.stores.incidents import Incidents
from bot.stores.outbox import Outbox
from bot.stores.samples import Samples
from bot.stores.silences import Silences
from tests.faults.moments import Moments
from tests.faults.outside_life import BARE, live_outside

CHANNEL = "alerts"
# What is observed, step by step: how many jobs wait, and whether Redis is up.
STORY = ((501, 1), (1001, 1), (1001, 0), (1001, 1), (0, 1))
POLICY = BARE | {"inhibitions": [{"source": ["alert=redis"], "target": ["alert=depth"]}]}


async def live(order: dict[str, Any]) -> dict[str, int]:
    """Go through what is left of the story; return how often it saw each moment."""
    directory, moments = Path(order["directory"]), Moments(*order["die_at"])
    database = Database(f"sqlite:///{directory / 'state.db'}")
    await database.migrate()
    moments.watch_database(database)
    outbox = Outbox(database)
    stores = Stores(database, Incidents(database), Samples(database), outbox, Silences(database))
    policy = Policy.model_validate(POLICY)
    alerting = Alerting(stores, policy=lambda: policy, catalog=Catalog({}, {}), channel=CHANNEL)
    async with aiohttp.ClientSession(trace_configs=[moments.watch_calls()]) as session:
        client = AsyncWebClient("xoxb", base_url=f"{order['slack']}/api/", session=session, retry_handlers=[])
        carrier = Carrier(outbox, client, Channels(client), clock=_now)
        sender = Sender(outbox, carrier, Pace(times=1000.0), clock=_now)
        await sender.start(alone=True)
        await _go_on(directory / "done", alerting, outbox)
        await sender.stop()
    await database.close()
    return moments.seen


async def _go_on(done: Path, alerting: Alerting, outbox: Outbox) -> None:
    for step in range(_steps_done(done), len(STORY)):
        waiting, is_up = STORY[step]
        now = _now()
        seen = [
            Observation(metric="queue_waiting", labels={"queue": "email"}, value=waiting, at=now),
            Observation(metric="system_up", labels={"system": "redis"}, value=is_up, at=now),
        ]
        await alerting.tick(seen, now)
        while await outbox.undelivered(_now()):  # noqa: ASYNC110 - the sender tells nobody
            await asyncio.sleep(0.01)
        _record(done, step + 1)


def _steps_done(done: Path) -> int:
    return int(done.read_text()) if done.exists() else 0


def _record(done: Path, steps: int) -> None:
    done.write_text(str(steps))


def _now() -> datetime:
    return datetime.now(UTC)


def main() -> None:
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if not child:
            seen = asyncio.run(live(order) if "slack" in order else live_outside(order))
            (Path(order["directory"]) / "moments").write_text(json.dumps(seen))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        told = Path(order["directory"]) / "moments"
        code = os.waitstatus_to_exitcode(status)
        moments = json.loads(told.read_text()) if code == 0 else {}
        print(json.dumps({"code": code, "moments": moments}), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
