from datetime import UTC, datetime

import pytest

from bot.catalog import Catalog
from bot.command import command
from bot.dispatch.dependencies import Dependencies
from bot.errors import InvalidDeclaration, NotConfigured
from bot.reply import Reply, say
from bot.request import Actor, Request

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
ACTOR = Actor(id="U1", name="Olga")
REQUEST = Request(id="1", actor=ACTOR, command="/x", received_at=NOW)


class Here: ...


class Absent: ...


class Unknown: ...


@command("/odd", permission="queues:read", section="Queues")
async def odd(*, unknown: Unknown) -> Reply:
    """Ask for what nobody provides."""
    return say(str(unknown))


def made() -> Dependencies:
    return Dependencies({Here: (here := Here()), Absent: NotConfigured("The system", "URL"), str: here})


def test_what_is_asked_for_is_found_by_its_type() -> None:
    here = Here()
    wanted = {"a": Here, "request": Request, "actor": Actor, "now": datetime, "perhaps": Here | None}
    found = Dependencies({Here: here}).resolve(wanted, REQUEST, NOW)
    assert found == {"a": here, "request": REQUEST, "actor": ACTOR, "now": NOW, "perhaps": here}


def test_what_is_not_configured_is_said_when_it_is_needed() -> None:
    with pytest.raises(NotConfigured, match="set URL"):
        made().resolve({"absent": Absent}, REQUEST, NOW)
    assert made().resolve({"absent": Absent | None}, REQUEST, NOW) == {"absent": None}
    assert made().resolve({}, REQUEST, NOW) == {}


def test_what_nobody_provides_is_a_wrong_declaration() -> None:
    with pytest.raises(InvalidDeclaration, match="/odd: nothing provides unknown"):
        made().check(Catalog({"/odd": odd}, {}))
    with pytest.raises(InvalidDeclaration):
        made().resolve({"unknown": Unknown}, REQUEST, NOW)
    Dependencies({Unknown: Unknown()}).check(Catalog({"/odd": odd}, {}))
