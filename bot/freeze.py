"""A freeze: until it ends or is lifted, changing commands are refused, whoever asks and whoever has approved."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from pydantic import BaseModel, ConfigDict

from bot.catalog import Catalog
from bot.command import Command
from bot.elapsed import elapsed
from bot.errors import Refused
from bot.request import Actor

EVERYTHING: Final = "all"
# The bot's own state is needed while all is frozen: freezes, silences, who has an alert in hand, who is on call.
OWN: Final = ("alerts", "freeze", "oncall")


class Freeze(BaseModel):
    """Who stopped what, and until when. ``id`` is the request's that set it, ``scope`` a resource or ``all``.

    A resource is what a permission names before the colon: ``workers`` covers every command that needs
    ``workers:scale`` or ``workers:configure``.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    scope: str
    actor: Actor
    since: datetime
    until: datetime

    def covers(self, command: Command) -> bool:
        """Say whether the command may not run under it."""
        resource = resource_of(command)
        return command.changes and resource not in OWN and self.scope in (EVERYTHING, resource)

    @property
    def words(self) -> str:
        """What is frozen, by whom and until when, without a full stop."""
        what = "Every change" if self.scope == EVERYTHING else f"Every change of {self.scope}"
        return f"{what} is frozen by {self.actor.name} until {self.until:%Y-%m-%d %H:%M} UTC"

    def refusal(self, now: datetime) -> Refused:
        """Return what whoever wants to change something is told."""
        left = elapsed(_to_the_minute(self.until - now))
        message = f"{self.words} ({left} from now)."
        return Refused(message, hint="Whoever may set a freeze ends it before with /freeze off.")


def _to_the_minute(length: timedelta) -> timedelta:
    """Leave out the seconds of what is longer than a minute: nobody waits for them."""
    minute = timedelta(minutes=1)
    return length if length < minute else round(length / minute) * minute


def covering(freezes: Iterable[Freeze], command: Command) -> Freeze | None:
    """Return the freeze that keeps the command from running for the longest time, None where none does."""
    return max((one for one in freezes if one.covers(command)), key=lambda one: one.until, default=None)


def scopes(catalog: Catalog) -> tuple[str, ...]:
    """Return everything that can be frozen: ``all``, and the resources of the commands that change something."""
    changing = {resource_of(command) for command in catalog.commands.values() if command.changes}
    return (EVERYTHING, *sorted(changing - set(OWN)))


def limits(scope: str, catalog: Catalog) -> str:
    """Say which commands a freeze of this scope refuses and which it does not; nothing where it refuses all."""
    if scope == EVERYTHING:
        return ""
    changing = {name: resource_of(one) for name, one in catalog.commands.items() if one.changes}
    refused = sorted(name for name, resource in changing.items() if resource == scope)
    allowed = sorted(name for name, resource in changing.items() if resource != scope and resource not in OWN)
    return f"Refused: {', '.join(refused)}. Still allowed, /freeze stops them too: {', '.join(allowed)}"


def resource_of(command: Command) -> str:
    """Return what the command is about, as the permission for its changes says."""
    return command.change_permission.partition(":")[0]
