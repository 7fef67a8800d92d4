"""``/silence``: a plan to have alerts ring nobody for a while, or to end that; and the list of silences."""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Final

from pydantic import Field

from bot.alert_list import FEW, every_line
from bot.command import command
from bot.duration import read_duration
from bot.elapsed import elapsed
from bot.errors import Incomplete, Refused, UsageError, UserError
from bot.matchers import Matcher
from bot.muting import Firing, Muted, firing, matchers_of, muted_by
from bot.nearest import shown
from bot.plan import Change, Plan, Step, Undo
from bot.policy_file import PolicyFile
from bot.reply import Reply, say
from bot.request import Request
from bot.sentence import sentence
from bot.silence import Silence
from bot.stores.incidents import Incident, Incidents
from bot.stores.silences import Silences

LONGEST: Final = timedelta(days=7)
UNTIL_RESOLVED: Final = "resolved"
_OFFERED: Final = {UNTIL_RESOLVED: "Until resolved", "30m": "30 minutes", "4h": "4 hours"}
# A silence until something is resolved ends by itself at the latest after this.
RESOLVED_WITHIN: Final = timedelta(days=1)
_LIST, _END = "list", "end"
_NAMED: Final = 10
# Every tick of the alerts reads all that are in force, and nobody keeps more than this in mind.
MOST: Final = 100
_Duration = Annotated[
    str,
    Field(
        description="30m, 4h, 2d, or resolved; with end the silence's id", json_schema_extra={"offered": {**_OFFERED}}
    ),
]
_Reason = Annotated[
    str,
    Field(max_length=200, description="Why; everybody sees it", json_schema_extra={"rest": True, "form": "required"}),
]


@command(
    "/silence",
    permission="alerts:silence",
    section="Administration",
    examples=(
        '/silence queue=report 2h --reason "backfill until noon"',
        '/silence alert=~queue-.* severity=warning 30m --reason "load test" --maintenance',
        "/silence list",
        "/silence end 5d41402a",
    ),
)
async def silence(  # noqa: PLR0913 - four arguments of the command, five things it needs
    what: Annotated[
        str,
        Field(
            description="An alert's id, or matchers such as queue=report; or list, or end",
            json_schema_extra={"matchers": True},
        ),
    ],
    duration: _Duration = UNTIL_RESOLVED,
    reason: _Reason = "",
    maintenance: Annotated[bool, Field(description="Leave audible what fired before it began")] = False,
    *,
    incidents: Incidents,
    silences: Silences,
    policy: PolicyFile,
    request: Request,
    now: datetime,
) -> Reply | Plan:
    """Have alerts ring nobody for a while; what fires meanwhile is still recorded, and rings when the silence ends.

    Matchers are Alertmanager's: label=value, label!=value, label=~expression, label!~expression, several of them. The
    labels are alert, severity, queue, system and those that the policy adds.
    """
    in_force = await silences.active(now)
    if what == _LIST:
        return _listed(in_force)
    if what == _END:
        return _end(duration, in_force, request)
    incident = await incidents.one_firing(what)
    calm = [one.alert async for one in incidents.each_firing() if one.flapping and one.calm_since is not None]
    alerts = firing((await incidents.states()).values(), calm, policy.current)
    covered = matchers_of(incident.alert, alerts, policy.current) if incident else _matchers(what)
    new = _new(covered, duration, request)
    new = new.model_copy(update={"reason": _reason(reason), "only_new": maintenance})
    if len(in_force) >= MOST:
        raise Refused(f"{len(in_force)} silences are in force already.", hint="/silence list shows them: end some.")
    muted = muted_by(new, alerts)
    if incident is None and len(muted.alerts) == 1:
        incident = await incidents.one_firing(muted.alerts[0].fingerprint)
    return _start(new, muted, _unknown(new, alerts, policy), incident)


def _reason(text: str) -> str:
    if not text.strip():
        raise Incomplete("A silence needs a reason: whoever wonders at night reads it.", argument="reason")
    return text.strip()


def _new(matchers: tuple[Matcher, ...], duration: str, request: Request) -> Silence:
    # From the request's own time on, so that planning it again plans the same.
    since, is_until_resolved = request.received_at, duration == UNTIL_RESOLVED
    return Silence(
        id=hashlib.sha256(request.id.encode()).hexdigest()[:8],
        matchers=matchers,
        owner=request.actor,
        reason="",
        since=since,
        until=since + (RESOLVED_WITHIN if is_until_resolved else _length(duration)),
        until_resolved=is_until_resolved,
    )


def _matchers(what: str) -> tuple[Matcher, ...]:
    """Return the conditions as they are written."""
    try:
        return tuple(Matcher(part) for part in what.split(","))
    except ValueError as error:
        raise UsageError(f"{error}.", argument="what") from None


def _length(text: str) -> timedelta:
    try:
        length = read_duration(text)
    except ValueError:
        length = timedelta(0)
    if not timedelta(0) < length <= LONGEST:
        message = f"duration is 30m, 4h or 2d, at most {LONGEST.days}d, or {UNTIL_RESOLVED}; not {shown(text)}."
        raise UsageError(message, argument="duration")
    return length


def _unknown(new: Silence, alerts: Sequence[Firing], policy: PolicyFile) -> tuple[str, ...]:
    """Say which conditions name what no alert can have; what fires now has its labels, whatever the policy knows."""
    there = {label for one in alerts for label in one.labels.items()}
    found = [policy.labels.problem(one) for one in new.matchers if (one.label, one.value) not in there]
    return tuple(sentence(words) for words in found if words)


def _start(new: Silence, muted: Muted, unknown: tuple[str, ...], incident: Incident | None) -> Plan:
    end = "until it is resolved" if new.until_resolved else f"for {elapsed(new.until - new.since)}"
    return Plan(
        title=f"Silence {new.words} {end}",
        target="silences",
        touches=(f"silence/{new.id}",),
        changes=(Change(what=new.words, before="rings", after=new.sentence()),),
        facts={"silence": new.id},
        steps=(
            Step(
                title=f"Silence {new.words}",
                operation="alerts.silence",
                arguments={"silence": new.model_dump(mode="json")},
            ),
        ),
        undo=Undo(
            title="End this silence",
            command="/silence",
            arguments={"what": _END, "duration": new.id},
            expects={"silence": new.id},
        ),
        blast_radius=(muted.sentence(),),
        warnings=(*unknown, *_critical(muted.critical)),
        thread=f"incident:{incident.id}" if incident else "",
    )


def _critical(number: int) -> tuple[str, ...]:
    are = "is" if number == 1 else "are"
    return (f"{number} of these {are} critical: nobody is called for them any more.",) if number else ()


def _end(name: str, in_force: Sequence[Silence], request: Request) -> Plan:
    found = next((one for one in in_force if one.id == name), None)
    if found is None:
        there = ", ".join(one.id for one in in_force[:_NAMED]) or "none"
        more = f" and {len(in_force) - _NAMED} more: /silence list" if len(in_force) > _NAMED else ""
        raise UserError(f"There is no silence {shown(name)} in force; there are: {there}{more}.")
    return Plan(
        title=f"End the silence of {found.words}",
        target="silences",
        touches=(f"silence/{found.id}",),
        changes=(Change(what=found.words, before=found.sentence(), after="rings"),),
        facts={"silence": found.id},
        steps=(
            Step(
                title="Let it ring again",
                operation="alerts.end",
                arguments={"silences": [found.id], "by": request.actor.name},
            ),
        ),
        no_undo="/silence sets it again.",
        blast_radius=("What it muted and still fires rings at once.",),
    )


def _listed(in_force: Sequence[Silence]) -> Reply:
    if not in_force:
        return say("Nothing is silenced", private=True)
    lines = [f"{one.id}: {one.words}, {one.sentence()}" for one in in_force]
    number = f"{len(in_force)} {'silence is' if len(in_force) == 1 else 'silences are'} in force"
    # What only one person sees can have no file.
    return say(number, *every_line(lines, "silences.txt"), private=len(lines) <= FEW)
