"""From a queue in Redis to the card in the outbox, through the schedule, the scheduler and the alerts as they are."""

from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from bot.alerting.pipeline import Alerting, Stores
from bot.catalog import load
from bot.clients.platform import Platform
from bot.policy import Policy
from bot.policy_file import PolicyFile
from bot.reply import Buttons, Chart, Level, Reply
from bot.scheduler import Scheduler, ScheduleStores, Work
from bot.stores.fires import Fires
from bot.stores.incidents import Incidents
from bot.stores.outbox import Outbox
from bot.stores.samples import Samples
from bot.stores.silences import Silences
from bot.stores.tables import messages
from tests.schedules.conftest import Systems, raw, shared_redis, systems
from tests.servers import ROOT

__all__ = ["raw", "shared_redis", "systems"]  # the fixtures
START = datetime(2026, 7, 1, 9, tzinfo=UTC)


def only_email(policy: Policy) -> Policy:
    return policy.model_copy(update={"alerts": tuple(rule for rule in policy.alerts if rule.name == "email-queue")})


class Clock:
    """A clock the test moves."""

    now = START

    def __call__(self) -> datetime:
        return self.now


def replica(found: Systems, clock: Clock, name: str) -> Scheduler:
    catalog = load()
    policy = only_email(PolicyFile(ROOT / "policy.toml", catalog).current)
    outbox, samples = Outbox(found.database), Samples(found.database)
    stores = Stores(found.database, Incidents(found.database), samples, outbox, Silences(found.database))
    alerting = Alerting(stores, policy=lambda: policy, catalog=catalog, channel="C1")
    clients: dict[type, Any] = {type(one): one for one in (found.api, found.queues, found.redis, found.mongo, samples)}
    clients[Platform] = found.cluster
    return Scheduler(
        ScheduleStores(found.database, Fires(found.database), outbox),
        Work(catalog, clients.__getitem__, alerting.tick),
        policy=lambda: policy,
        channel="C1",
        holder=name,
        clock=clock,
    )


async def cards(found: Systems) -> list[Reply]:
    async with found.database.transaction() as connection:
        rows = (await connection.execute(sa.select(messages.c.body).where(messages.c.thread_of == ""))).scalars().all()
    return [Reply.model_validate(row) for row in rows]


async def test_a_backlog_comes_and_goes_with_a_new_process_at_every_tick(systems: Systems) -> None:
    clock = Clock()
    levels = []
    for tick, waiting in enumerate((501, 501, 1001, 1001, 1431, 12, 12)):
        clock.now = START + timedelta(seconds=30 * tick, milliseconds=tick * 90)
        await systems.raw.delete("bull:nova-email:wait")
        await systems.fill("email", wait=waiting)
        await replica(systems, clock, f"process {tick}").wake("threshold-alerts")
        levels.append([card.level for card in await cards(systems)])
    warning, critical, ok = [Level.WARNING], [Level.CRITICAL], [Level.OK]
    assert levels == [[], warning, warning, critical, critical, critical, ok]
    (card,) = await cards(systems)
    assert card.title == "Resolved after 3 min, peak 1,431: Email queue is back within its limit"
    (chart,) = (part for part in card.parts if isinstance(part, Chart))
    assert chart.values == (501, 501, 1001, 1001, 1431, 12, 12)
    assert not [part for part in card.parts if isinstance(part, Buttons)]
