"""``/freeze``: what is frozen; a plan to refuse changing commands for a while, or to allow them again."""

from datetime import datetime, timedelta
from typing import Annotated, Final

from pydantic import Field

from bot.catalog import Catalog
from bot.command import command
from bot.duration import read_duration
from bot.elapsed import elapsed
from bot.errors import NotFound, UsageError, UserError
from bot.freeze import EVERYTHING, Freeze, limits, scopes
from bot.nearest import nearest, shown
from bot.plan import Change, Plan, Step, Undo
from bot.reply import Bold, Level, Note, Reply, Text, say
from bot.request import Request
from bot.stores.freezes import Freezes
from bot.stores.runs import Runs

LONGEST: Final = timedelta(days=14)
_OFF: Final = "off"
_USUAL: Final = "1h"
_NAMED: Final = 10
_ALLOWED: Final = "allowed"
# One lock for every freeze, so that setting and lifting never overtake each other.
_TARGET: Final = "freeze"


@command(
    "/freeze",
    # Who is refused may see why; every policy that is there lets them read the alerts.
    permission="alerts:read",
    change_permission="freeze:set",
    section="Administration",
    examples=("/freeze", "/freeze all 1h", "/freeze 2h", "/freeze workers 30m", "/freeze off"),
)
async def freeze(  # noqa: PLR0913 - a declaration
    scope: Annotated[str, Field(description="What may not be changed: all, or such as workers; or off")] = "",
    duration: Annotated[str, Field(description="For how long, such as 30m, 4h or 2d; or off; else 1h")] = "",
    *,
    freezes: Freezes,
    runs: Runs,
    catalog: Catalog,
    request: Request,
    now: datetime,
) -> Reply | Plan:
    """Refuse every changing command for a while, also those that are approved and have not started.

    Alone it shows what is frozen. A scope is what a command's permission names before the colon; all is everything. It
    ends by itself, or with off, which lifts one scope or, without a scope, everything. What runs already goes on to
    its end. This command is never frozen.
    """
    in_force = await freezes.in_force(now)
    if not scope and not duration:
        return _shown(in_force, scopes(catalog), now)
    scope, duration = _sorted_out(scope.lower(), duration.lower(), scopes(catalog))
    if duration == _OFF:
        return _lift([one for one in in_force if scope in (EVERYTHING, one.scope)], scope, request.actor.name)
    # From the request's own time on, so that planning it again plans the same.
    length = _length(duration)
    since = request.received_at
    new = Freeze(id=request.id, scope=scope, actor=request.actor, since=since, until=since + length)
    running = [run.target for run in await runs.running() if run.target != _TARGET]
    former = next((one for one in in_force if one.scope == scope), None)
    return _set(new, former, running, limits(scope, catalog))


def _shown(in_force: list[Freeze], known: tuple[str, ...], now: datetime) -> Reply:
    lines = [
        Text.of(Bold(text=one.scope), f", {_whose(one)} ({elapsed(one.until - now)} from now)") for one in in_force
    ]
    lift = "/freeze off lifts everything, /freeze workers off what is called workers. " if in_force else ""
    how = f"{lift}/freeze all 1h refuses every change for an hour, /freeze workers 30m those of workers."
    said = f"{len(in_force)} freezes are in force" if len(in_force) > 1 else "1 freeze is in force"
    return say(
        said if in_force else "Nothing is frozen",
        *lines,
        Note.of(f"{how} What can be frozen: {', '.join(known)}."),
        level=Level.WARNING if in_force else Level.OK,
    )


def _whose(one: Freeze) -> str:
    return f"by {one.actor.name} since {one.since:%Y-%m-%d %H:%M} UTC, until {one.until:%Y-%m-%d %H:%M} UTC"


def _sorted_out(scope: str, duration: str, known: tuple[str, ...]) -> tuple[str, str]:
    """Return the scope and the duration; the scope may be left out."""
    if scope == _OFF or (scope not in known and scope[:1].isdigit()):
        scope, duration = EVERYTHING, scope
    scope, duration = scope or EVERYTHING, duration or _USUAL
    if scope not in known:
        message = f"There is nothing called {shown(scope)} to freeze: there are {', '.join(known)}."
        raise NotFound(message, nearest=nearest(scope, (*known, _OFF)), argument="scope")
    return scope, duration


def _length(text: str) -> timedelta:
    try:
        length = read_duration(text)
    except ValueError:
        length = timedelta(0)
    if not timedelta(0) < length <= LONGEST:
        message = f"duration is a number and a unit, such as 30m, 4h or 2d, at most {LONGEST.days}d; not {shown(text)}."
        raise UsageError(message, argument="duration")
    return length


def _set(new: Freeze, former: Freeze | None, running: list[str], limited: str) -> Plan:
    what = "every changing command" if new.scope == EVERYTHING else f"changing commands of {new.scope}"
    more = [f"{len(running) - _NAMED} more"] if len(running) > _NAMED else []
    goes_on = f"What runs already goes on to its end: {', '.join([*running[:_NAMED], *more])}."
    return Plan(
        title=f"Freeze {what} for {elapsed(new.until - new.since)}",
        target=_TARGET,
        touches=(f"freeze/{new.scope}",),
        changes=(Change(what=what, before=_state(former), after=_state(new)),),
        facts=_fact(new.scope, former),
        steps=(
            Step(
                title=f"Refuse {what} until {new.until:%Y-%m-%d %H:%M} UTC",
                operation="freezes.freeze",
                arguments={"freeze": new.model_dump(mode="json")},
            ),
        ),
        undo=Undo(
            title="Lift this freeze",
            command="/freeze",
            arguments={"scope": new.scope, "duration": _OFF},
            expects=_fact(new.scope, new),
        ),
        blast_radius=(
            "Everybody, in every channel and on the console; plans that wait are refused when approved.",
            *((limited,) if limited else ()),
        ),
        warnings=(goes_on,) if running else (),
    )


def _lift(lifted: list[Freeze], scope: str, by: str) -> Plan:
    if not lifted:
        message = "Nothing is frozen." if scope == EVERYTHING else f"{scope} is not frozen by itself."
        raise UserError(message, hint="/freeze off lifts every freeze." if scope != EVERYTHING else "")
    names = ", ".join(one.scope for one in lifted)
    return Plan(
        title=f"Lift the freeze of {names}",
        target=_TARGET,
        touches=tuple(f"freeze/{one.scope}" for one in lifted),
        changes=tuple(Change(what=one.scope, before=_state(one), after=_ALLOWED) for one in lifted),
        facts={name: fact for one in lifted for name, fact in _fact(one.scope, one).items()},
        steps=(
            Step(
                title=f"Allow changes again: {names}",
                operation="freezes.lift",
                arguments={"ids": [one.id for one in lifted], "by": by},
            ),
        ),
        no_undo="/freeze sets it again.",
    )


def _state(freeze: Freeze | None) -> str:
    if freeze is None:
        return _ALLOWED
    return f"refused until {freeze.until:%Y-%m-%d %H:%M} UTC, by {freeze.actor.name}"


def _fact(scope: str, freeze: Freeze | None) -> dict[str, str]:
    return {f"freeze of {scope}": "none" if freeze is None else freeze.id}
