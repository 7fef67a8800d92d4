"""What handlers ask for by type: the systems once for all, and per call the request, the actor and the time."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from types import NoneType
from typing import Any, get_args

from bot.catalog import Catalog
from bot.errors import InvalidDeclaration, NotConfigured, Refused
from bot.request import Actor, Request

_PER_CALL = (Request, Actor, datetime)


class Dependencies:
    """Objects by the type they are asked for; in one's place may stand a ``NotConfigured`` or ``Refused`` to raise."""

    def __init__(self, found: Mapping[type, object]) -> None:
        self._found = dict(found)

    def check(self, catalog: Catalog) -> None:
        """Raise ``InvalidDeclaration`` where some command or schedule asks for what nobody provides."""
        wanted = {found.name: found.dependencies for found in catalog.commands.values()}
        wanted |= {found.name: found.dependencies for found in catalog.schedules.values()}
        for declared, dependencies in wanted.items():
            for name, kind in dependencies.items():
                if not _is_known(kind, (*self._found, *_PER_CALL)):
                    raise InvalidDeclaration(f"{declared}: nothing provides {name}: {kind}")

    def resolve(self, wanted: Mapping[str, Any], request: Request, now: datetime) -> dict[str, object]:
        """Return what is asked for; raises ``NotConfigured`` or ``Refused``, unless ``X | None`` is asked for."""
        found = self._found | {Request: request, Actor: request.actor, datetime: now}
        return {name: _pick(found, kind) for name, kind in wanted.items()}


def _is_known(kind: Any, known: Iterable[type]) -> bool:
    return any(option in known for option in _options(kind))


def _options(kind: Any) -> tuple[Any, ...]:
    return tuple(option for option in get_args(kind) if option is not NoneType) or (kind,)


def _pick(found: Mapping[Any, object], kind: Any) -> object:
    value = next((found[option] for option in _options(kind) if option in found), None)
    optional = NoneType in get_args(kind)
    if isinstance(value, NotConfigured | Refused):
        if optional:
            return None
        raise value
    if value is None and not optional:
        raise InvalidDeclaration(f"nothing provides {kind}")
    return value
