"""What changed in a Docker Compose project lately: containers that were made anew, started or ended."""

from collections.abc import Iterator
from datetime import datetime

from bot.attempt import attempt, why
from bot.clients.compose_containers import SERVICE, Container
from bot.clients.compose_project import Project
from bot.clients.platform_changes import SystemChange, SystemChanges
from bot.errors import BotError


class ComposeChanges:
    """Reads what the engine keeps of each container: when it was made and when it was last started."""

    def __init__(self, project: Project) -> None:
        self._project = project

    async def since(self, moment: datetime) -> SystemChanges:
        """Return what changed from then on; what could not be read is a problem and no error.

        The engine does not say who changed a container, nor does it keep what is gone: a removed container is not seen.
        """
        answer = await attempt(self._project.all_containers())
        if isinstance(answer, BotError):
            return SystemChanges(found=(), problems=(why(answer),))
        found = (change for container in answer for change in _changes(container))
        return SystemChanges(found=tuple(change for change in found if change.at >= moment))


def _changes(container: Container) -> Iterator[SystemChange]:
    service = container.config.labels.get(SERVICE, container.name)
    made = f"{service}: container {container.name} was made from {container.config.image}"
    yield SystemChange(at=container.created_at, kind="release", what=made)
    # The first start follows the making at once.
    if container.started_at is not None and (container.started_at - container.created_at).total_seconds() > 5:  # noqa: PLR2004 - seconds
        again = f", started again {container.restarts} times by the engine" if container.restarts else ""
        yield SystemChange(
            at=container.started_at, kind="restart", what=f"{service}: {container.name} was started{again}"
        )
