"""Whether Redis' nightly snapshot is there; of MongoDB's dump nothing that the bot can ask knows anything."""

from datetime import datetime
from typing import Final

from bot.attempt import attempt, is_missing, why
from bot.clients.redis import RedisInfo, RedisServer
from bot.errors import BotError
from bot.schedule import Observation, schedule

METRICS: Final = ("backup_age_seconds", "backup_ok")
_NO_SOURCE: Final = "no system that the bot can ask knows of MongoDB's dump; see to it by hand"


@schedule("backup-watch", metrics=METRICS)
async def backup_watch(redis: RedisServer, now: datetime) -> list[Observation]:
    """Ask Redis how old its snapshot is and whether the last one was written.

    A snapshot that nothing was written after is as good as one from now. While Redis has written none since it
    started, the snapshot is as old as that at least.
    """
    info = await attempt(redis.info())
    found = [
        Observation(
            metric=metric, labels={"backup": "mongodb"}, value=None, at=now, reason=_NO_SOURCE, is_expected=False
        )
        for metric in METRICS
    ]
    if isinstance(info, BotError):
        return [*found, *(_redis(metric, None, now, why(info), expected=not is_missing(info)) for metric in METRICS)]
    age, said = _age(info, now)
    written = None if info.persistence_ok is None else float(info.persistence_ok)
    reason = "" if written is not None else "Redis does not say whether its last snapshot was written"
    return [*found, _redis("backup_age_seconds", age, now, said), _redis("backup_ok", written, now, reason)]


def _age(info: RedisInfo, now: datetime) -> tuple[float | None, str]:
    if info.changes_since_save == 0:
        return 0.0, "Nothing was written after the last snapshot."
    if info.saved_at is not None:
        return max(0.0, (now - info.saved_at).total_seconds()), ""
    if info.uptime is not None:
        return float(info.uptime), "Redis has written no snapshot since it started."
    return None, "Redis does not say when it wrote its last snapshot"


def _redis(metric: str, value: float | None, now: datetime, reason: str, *, expected: bool = True) -> Observation:
    labels = {"backup": "redis"}
    return Observation(metric=metric, labels=labels, value=value, at=now, reason=reason, is_expected=expected)
