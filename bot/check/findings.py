"""Everything that can be tried from here, tried at once."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import datetime
from typing import Final

from bot import catalog
from bot.attempt import together
from bot.check.backups import backup_lines
from bot.check.compose import compose_lines
from bot.check.own import mail_lines, paging_lines, policy_lines, rota_lines, schedule_lines, state_lines
from bot.check.systems import api_lines, cluster_lines, mongo_lines, redis_lines
from bot.check.tried import Lines, tried
from bot.clients.api import NovaPulseApi
from bot.clients.cluster import Cluster
from bot.clients.cluster_connection import ClusterConnection
from bot.clients.cluster_cronjobs import CronJobs
from bot.clients.cluster_workloads import Workloads
from bot.clients.compose import Compose
from bot.clients.compose_cronjobs import ComposeCronJobs
from bot.clients.mongo import Mongo
from bot.clients.queues import Queues
from bot.clients.redis import RedisServer
from bot.policy import Policy
from bot.reply import Level, Reply
from bot.settings import PlatformSettings, Settings, SlackSettings
from bot.slack.check import check as slack_lines

_WORST_FIRST: Final = (Level.CRITICAL, Level.UNKNOWN, Level.WARNING)


async def findings(settings: Settings, name: str, clock: Callable[[], datetime]) -> Reply:
    """Return a line for each thing; ``name`` is this process's, for the database's list of who is alive."""
    declared = catalog.load()
    pretend = settings.slack.slack_api_url != SlackSettings.model_fields["slack_api_url"].default
    policy, said = policy_lines(
        settings.state.policy_file, declared, settings.redis.queues, now=clock(), pretend=pretend
    )
    state, slack, systems, backups = await together(
        state_lines(settings.state.state_url.get_secret_value(), name, clock()),
        tried("Slack", slack_lines(settings.slack), "Check SLACK_BOT_TOKEN and SLACK_API_URL."),
        _systems(settings, clock),
        _backups(settings.platform, policy),
    )
    schedules = schedule_lines(policy, declared) if policy is not None else ()
    rota = rota_lines(policy, clock()) if policy is not None else ()
    ways = paging_lines(settings.paging, policy) + mail_lines(settings.paging)
    return _summary(said + state + slack + systems + backups + schedules + rota + ways)


async def _systems(settings: Settings, clock: Callable[[], datetime]) -> Lines:
    async with AsyncExitStack() as stack:
        api, queues, redis = NovaPulseApi(settings.api), Queues(settings.redis), RedisServer(settings.redis)
        mongo, platform = Mongo(settings.mongo), settings.platform
        cluster = Compose(platform, clock) if platform.platform == "compose" else Cluster(platform)
        for client in (api, queues, redis, mongo, cluster):
            stack.push_async_callback(client.close)
        found = await together(
            api_lines(api, is_named=bool(settings.api.model_fields_set)),
            redis_lines(redis, queues),
            mongo_lines(mongo),
            compose_lines(cluster) if isinstance(cluster, Compose) else cluster_lines(cluster, platform),
        )
    return tuple(line for lines in found for line in lines)


async def _backups(platform: PlatformSettings, policy: Policy | None) -> Lines:
    if policy is None:
        return ()
    if platform.platform == "compose":
        return await backup_lines(policy.backups, ComposeCronJobs())
    connection = ClusterConnection(platform)
    try:
        return await backup_lines(policy.backups, CronJobs(Workloads(platform, connection)))
    finally:
        await connection.close()


def _summary(lines: Lines) -> Reply:
    levels = [line.level for line in lines]
    wrong = sum(level in _WORST_FIRST for level in levels)
    worst = next((level for level in _WORST_FIRST if level in levels), Level.OK)
    title = f"{wrong} of {len(lines)} need somebody" if wrong else "Everything that is configured works"
    return Reply(title=title, level=worst, parts=lines)
