"""Backups on Docker Compose, which runs nothing by the clock: who asks for one is told so."""

from typing import NoReturn

from bot.errors import Refused


class ComposeCronJobs:
    """In the place of the CronJobs of Kubernetes."""

    async def state(self, name: str) -> NoReturn:
        """Raise Refused: there is no such thing as this one."""
        raise Refused(
            f"Docker Compose has no CronJobs, so nothing that the bot can ask knows of {name}.",
            hint="Have something else watch it, and set watched = false for it under [backups] in the policy.",
        )
