"""What the policy says of backups: what makes each of them, and how often one is expected."""

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, field_validator

from bot.duration import Duration
from bot.nearest import nearest
from bot.routing import Problem

# Whose backups are watched, and what people call them.
SYSTEMS: Final[Mapping[str, str]] = {"mongodb": "MongoDB", "redis": "Redis"}
_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")


class BackupRule(BaseModel):
    """How a system is backed up: by the CronJob of this name in ``KUBE_NAMESPACE``, so often.

    Redis is asked for its own snapshot as well. What is not ``watched`` is said to be so, and is no alert.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    cronjob: str = Field(default="", max_length=52)
    every: Duration = timedelta(days=1)
    watched: bool = True

    @field_validator("cronjob")
    @classmethod
    def _a_name(cls, value: str) -> str:
        if value and not _NAME.fullmatch(value):
            message = f"{value!r} is no name of a CronJob: small letters, digits, hyphens and dots"
            raise ValueError(message)
        return value

    @field_validator("every")
    @classmethod
    def _some_time(cls, value: timedelta) -> timedelta:
        if not value:
            message = "every has to be longer than 0 s"
            raise ValueError(message)
        return value


def backup_problems(backups: Mapping[str, BackupRule]) -> Iterator[Problem]:
    """Say which of the systems is none whose backup is watched."""
    for name in backups:
        if name not in SYSTEMS:
            meant = nearest(name, SYSTEMS)
            hint = f"did you mean {meant!r}?" if meant else f"there are {', '.join(SYSTEMS)}"
            yield ("backups", name), f"there is no backup of {name!r} to watch; {hint}"
