"""Where the backups that the policy names are looked at: their CronJobs, and Redis' own snapshot."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.attempt import attempt, is_missing, together, why
from bot.backup import SYSTEMS, BackupRule
from bot.clients.cluster_cronjobs import CronJobState
from bot.clients.platform import CronJobReading
from bot.clients.redis import RedisInfo, RedisServer
from bot.elapsed import elapsed
from bot.errors import BotError, Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """What was found out about one backup; None is what nobody knows.

    ``age`` is that of the newest good one, ``written`` whether the last run made one, and ``failure`` how it went
    wrong, in short its ``headline``. ``unread`` says why nothing could be found out, ``notes`` are what else there is
    to say. What nobody ``expects`` to read is of a system that is not configured; what is not ``watched`` was not
    looked at.
    """

    system: str
    every: timedelta
    cronjob: str = ""
    age: float | None = None
    age_said: str = ""
    written: bool | None = None
    failure: str = ""
    headline: str = ""
    notes: tuple[str, ...] = ()
    suspended: bool = False
    unread: str = ""
    expects: bool = True
    watched: bool = True

    @property
    def labels(self) -> dict[str, str]:
        """The labels of what is observed of it."""
        return {"backup": self.system} | ({"cronjob": self.cronjob} if self.cronjob else {})

    @property
    def title(self) -> str:
        """What people call it; the CronJob is named where Redis has its own snapshot besides."""
        beside = f" ({self.cronjob})" if self.cronjob and self.system == "redis" else ""
        return f"Backup of {SYSTEMS[self.system]}{beside}"

    @property
    def overdue(self) -> float | None:
        """For how many seconds a newer one should have been there; 0 while the newest is young enough."""
        return None if self.age is None else max(0.0, self.age - self.every.total_seconds())


async def read_backups(
    rules: Mapping[str, BackupRule], cronjobs: CronJobReading, redis: RedisServer, now: datetime
) -> list[Backup]:
    """Look at every backup at the same time, each with the client's own deadline."""
    mongodb, of_redis = (rules.get(name, BackupRule()) for name in SYSTEMS)
    readings = [_of_cronjob("mongodb", mongodb, cronjobs, now), _of_snapshot(of_redis, redis, now)]
    if of_redis.cronjob and of_redis.watched:
        readings.append(_of_cronjob("redis", of_redis, cronjobs, now))
    return list(await together(*readings))


async def _of_cronjob(system: str, rule: BackupRule, cronjobs: CronJobReading, now: datetime) -> Backup:
    if not rule.watched:
        return Backup(system=system, every=rule.every, watched=False)
    if not rule.cronjob:
        unread = f"nothing says what makes it: name its CronJob under [backups.{system}] in the policy, "
        return Backup(system=system, every=rule.every, unread=f"{unread}or set watched = false there")
    found = await attempt(cronjobs.state(rule.cronjob))
    if isinstance(found, BotError):
        unread, expects = _unread(found), not is_missing(found)
        return Backup(system=system, every=rule.every, cronjob=rule.cronjob, unread=unread, expects=expects)
    since = found.succeeded_at or found.made_at
    return Backup(
        system=system,
        every=rule.every,
        cronjob=rule.cronjob,
        age=None if since is None else max(0.0, (now - since).total_seconds()),
        age_said=_last_success(found),
        written=False if found.failed else None if found.succeeded_at is None else True,
        failure=_failure(found),
        headline=f"the last run failed; {_last_good(found, now)}",
        notes=tuple(_notes(found)),
        suspended=found.suspended,
    )


def _unread(error: BotError) -> str:
    hint = f" {error.hint}" if isinstance(error, Refused) and error.hint else ""
    return f"{why(error)}{hint}"


def _last_good(found: CronJobState, now: datetime) -> str:
    if found.succeeded_at is None:
        return "none has succeeded yet"
    return f"the last good one is {elapsed(now - found.succeeded_at)} old"


def _last_success(found: CronJobState) -> str:
    if found.succeeded_at is not None:
        return f"{found.name} last succeeded at {_time(found.succeeded_at)}"
    made = f" since it was made at {_time(found.made_at)}" if found.made_at else ""
    return f"no run of {found.name} has succeeded{made}"


def _failure(found: CronJobState) -> str:
    if found.failed is None:
        return ""
    job = f" (Job {found.failed.job})" if found.failed.job else ""
    return (
        f"the run of {found.name} at {_time(found.failed.at)}{job} failed: {found.failed.reason or 'no reason given'}"
    )


def _notes(found: CronJobState) -> Iterator[str]:
    if found.suspended:
        yield f"{found.name} is suspended, so no new one is made"
    if found.running:
        yield "a run is under way"


async def _of_snapshot(rule: BackupRule, redis: RedisServer, now: datetime) -> Backup:
    if not rule.watched:
        return Backup(system="redis", every=rule.every, watched=False)
    info = await attempt(redis.info())
    if isinstance(info, BotError):
        return Backup(system="redis", every=rule.every, unread=why(info), expects=not is_missing(info))
    age, said = _age(info, now)
    return Backup(
        system="redis",
        every=rule.every,
        age=age,
        age_said=said,
        written=info.persistence_ok,
        failure="Redis could not write its last snapshot" if info.persistence_ok is False else "",
        headline="the last snapshot could not be written",
    )


def _age(info: RedisInfo, now: datetime) -> tuple[float | None, str]:
    """A snapshot that nothing was written after is as good as one from now.

    While Redis has written none since it started, the snapshot is as old as that at least.
    """
    if info.changes_since_save == 0:
        return 0.0, "nothing was written after the last snapshot"
    if info.saved_at is not None:
        return max(0.0, (now - info.saved_at).total_seconds()), f"the last snapshot is of {_time(info.saved_at)}"
    if info.uptime is not None:
        up = elapsed(timedelta(seconds=info.uptime))
        return float(info.uptime), f"Redis has written no snapshot since it started {up} ago"
    return None, "Redis does not say when it wrote its last snapshot"


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
