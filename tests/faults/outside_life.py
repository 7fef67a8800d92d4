"""One life of a bot that says everything by PagerDuty and by mail, killed at one moment of their senders."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from bot.alerting.pipeline import Alerting, Stores
from bot.catalog import Catalog
from bot.clients.mail import Letter, MailServer
from bot.clients.pagerduty import PagerDuty
from bot.policy import Policy
from bot.receivers.carriers import Mails, Pages
from bot.receivers.sender import Sender, Way
from bot.schedule import Observation
from bot.settings import PagingSettings
from bot.stores.database import Database
from bot.stores.incidents import Incidents
from bot.stores.message import Delivery
from bot.stores.outbox import Outbox
from bot.stores.samples import Samples
from bot.stores.silences import Silences
from tests.faults.moments import Moments

ADDRESS = "alerts@novapulse.com"
# Step by step: how many jobs wait, whether Redis is up, and whether somebody then takes it all in hand, before anything
# of the step has been waited for.
STORY = ((501, 1, False), (1001, 1, False), (1001, 0, True), (1001, 1, False), (0, 1, False))
NO_WAIT = {"for": "0s", "keep_firing": "0s"}
RULES: list[dict[str, Any]] = [
    {"name": "depth", "metric": "queue_waiting", "warning": 500, "critical": 1000, "summary": "Jobs waiting"} | NO_WAIT,
    {"name": "redis", "metric": "system_up", "below": True, "critical": 1, "summary": "Redis is unreachable"} | NO_WAIT,
]
# A policy with nothing but these rules, for either story.
BARE: dict[str, Any] = {"people": {}, "roles": {}, "approvals": {}, "limits": {}, "schedules": {}, "alerts": RULES}
POLICY = BARE | {
    "receivers": {"outside": {"pagerduty": True, "mail": True}},
    "routes": [{"receivers": ["outside"]}],
}


class _Outbox(Outbox):
    """The outbox, with a moment before and after each claim and each record of a sender."""

    def __init__(self, database: Database, moments: Moments) -> None:
        super().__init__(database)
        self._moments = moments

    async def posting(self, delivery: Delivery, now: datetime, *, until: datetime) -> bool:
        self._moments.pass_by(f"{delivery.via}: before the claim")
        claimed = await super().posting(delivery, now, until=until)
        if claimed:
            self._moments.pass_by(f"{delivery.via}: claimed")
        return claimed

    async def sent(self, delivery: Delivery, now: datetime, *, channel: str = "", ts: str = "") -> None:
        await super().sent(delivery, now, channel=channel, ts=ts)
        self._moments.pass_by(f"{delivery.via}: recorded")


class _PagerDuty(PagerDuty):
    """PagerDuty, with a moment before and after each event, also between the two of one delivery."""

    def __init__(self, settings: PagingSettings, moments: Moments) -> None:
        super().__init__(settings)
        self._moments = moments

    async def _send(self, action: str, dedup_key: str, **properties: Any) -> None:
        self._moments.pass_by(f"pagerduty: {action} not yet sent")
        await super()._send(action, dedup_key, **properties)
        self._moments.pass_by(f"pagerduty: {action} taken, not recorded")


class _MailServer(MailServer):
    """The mail server, with a moment before and after each mail."""

    def __init__(self, settings: PagingSettings, moments: Moments) -> None:
        super().__init__(settings)
        self._moments = moments

    async def send(self, letter: Letter) -> None:
        self._moments.pass_by("mail: not yet sent")
        await super().send(letter)
        self._moments.pass_by("mail: taken, not recorded")


async def live_outside(order: dict[str, Any]) -> dict[str, int]:
    """Go through what is left of the story; return how often it saw each moment."""
    directory, moments = Path(order["directory"]), Moments(*order["die_at"])
    database = Database(f"sqlite:///{directory / 'state.db'}")
    if not (directory / "done").exists():  # a life that follows one that got anywhere finds its tables
        await database.migrate()
    moments.watch_database(database)
    settings = PagingSettings(
        pagerduty_routing_key=SecretStr(order["routing_key"]),
        pagerduty_api_url=order["pagerduty"],
        smtp_url=SecretStr(order["smtp"]),
        alerts_email=ADDRESS,
    )
    outbox, pagerduty = _Outbox(database, moments), _PagerDuty(settings, moments)
    ways = (Way("pagerduty", Pages(pagerduty).carry), Way("mail", Mails(_MailServer(settings, moments)).carry))
    senders = [Sender(outbox, way, clock=_now) for way in ways]
    for sender in senders:
        await sender.start(alone=True)
    await _go_on(directory / "done", outbox, Incidents(database))
    for sender in senders:
        await sender.stop()
    await pagerduty.close()
    await database.close()
    return dict(moments.seen)


async def _go_on(done: Path, outbox: Outbox, incidents: Incidents) -> None:
    database, policy = outbox._database, Policy.model_validate(POLICY)
    stores = Stores(database, incidents, Samples(database), outbox, Silences(database))
    alerting = Alerting(
        stores, policy=lambda: policy, catalog=Catalog({}, {}), channel="C1", pagerduty=True, address=ADDRESS
    )
    for step in range(_steps_done(done), len(STORY)):
        waiting, is_up, taken = STORY[step]
        await alerting.tick(_seen(waiting, is_up), _now())
        for incident in (await incidents.firing()).values() if taken else ():
            await incidents.acknowledge(incident.id, "Ann", _now())
        await alerting.tick(_seen(waiting, is_up), _now())
        while await outbox.undelivered(_now()):  # noqa: ASYNC110 - the senders tell nobody
            await asyncio.sleep(0.02)
        _record(done, step + 1)


def _steps_done(done: Path) -> int:
    return int(done.read_text()) if done.exists() else 0


def _record(done: Path, steps: int) -> None:
    done.write_text(str(steps))


def _seen(waiting: int, is_up: int) -> list[Observation]:
    return [
        Observation(metric="queue_waiting", labels={"queue": "email"}, value=waiting, at=_now()),
        Observation(metric="system_up", labels={"system": "redis"}, value=is_up, at=_now()),
    ]


def _now() -> datetime:
    return datetime.now(UTC)
