"""``/oncall``: who is called, in which order, until when, and how to reach them; overrides and hand-overs."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Literal

from pydantic import Field

from bot.catalog import Catalog
from bot.command import command
from bot.errors import Conflicting, Incomplete, NotFound, Refused, UsageError, UserError
from bot.moment import read_moment
from bot.nearest import shown
from bot.oncall import OnCall
from bot.oncall_check import require_able
from bot.plan import Change, Plan, Step, Undo
from bot.policy import PersonEntry, Policy
from bot.policy_file import PolicyFile
from bot.reply import Bold, Fields, Level, Line, Note, Part, Person, Reply, Span, Text, When, say
from bot.request import Request
from bot.rota import Override, Rota
from bot.stores.handovers import Handovers
from bot.stores.overrides import Overrides
from bot.whom import person_named

LONGEST: Final = timedelta(days=60)
MOST: Final = 100  # overrides: whoever is called is found among all that stand
_END: Final = "end"
_UNSAID: Final = "the policy does not say"


@command(
    "/oncall",
    permission="oncall:read",
    change_permission="oncall:change",
    section="Contact & Escalation",
    runbook=(
        "Primary: [Contact Info]",
        "Secondary: [Contact Info]",
        "Escalation: [Contact Info]",
        "Level 1: On-call engineer",
        "Level 2: Team lead",
        "Level 3: Engineering manager",
        "Level 4: CTO",
        "Slack: #novapulse-alerts",
        "PagerDuty: [Integration]",
        "Email: alerts@novapulse.com",
    ),
    examples=(
        "/oncall",
        "/oncall override me --until 18:00",
        "/oncall override olga --level 2 --from 2026-12-24T09:00 --until 2026-12-27T09:00",
        "/oncall override end 5d41402a",
    ),
)
async def oncall(  # noqa: PLR0913 - six arguments of the command, six things it needs
    action: Annotated[
        Literal["show", "override", "accept"],
        Field(description="Show who is on call, have somebody stand in, or accept a hand-over"),
    ] = "show",
    who: Annotated[str, Field(description="Who stands in, such as olga or me; or end; or a hand-over's id")] = "",
    which: Annotated[str, Field(description="With end: the override's id")] = "",
    level: Annotated[int, Field(ge=1, le=9, description="Of the escalation path")] = 1,
    from_: Annotated[str, Field(description="Such as 18:00, 2026-12-24T09:00 or 2h")] = "now",
    until: Annotated[str, Field(description="Likewise; the end of the turn if left out")] = "",
    *,
    policy: PolicyFile,
    catalog: Catalog,
    overrides: Overrides,
    handovers: Handovers,
    request: Request,
    now: datetime,
) -> Reply | Plan:
    """Show who is on call and who is next, until when, and how to reach them; or have somebody stand in for a while.

    An override comes before the rotation, and the newest one before the others. Times without a zone are those of the
    level's rotation, else of the policy.
    """
    rota = await overrides.rota(policy.current.oncall, now)
    if action == "show":
        return _shown(policy.current, rota, now)
    if action == "accept":
        return await _accept(who, handovers, request)
    if who != _END and len(rota.overrides) >= MOST:
        raise Refused(f"{len(rota.overrides)} overrides stand already.", hint="/oncall shows them: end some.")
    if who == _END:
        return _end(which, policy.current, rota, request)
    new = _new(policy.current, rota, (who, level, from_, until), request)
    require_able(policy.current, catalog, new.person, new.level)
    return _override(new, policy.current, rota)


def _shown(policy: Policy, rota: Rota, now: datetime) -> Reply:
    if not rota.levels:
        line = Line(level=Level.UNKNOWN, label="On call", value="the policy names nobody: [[oncall.levels]] would")
        return say("Who is on call is unknown", line, _channels(rota.rules), level=Level.UNKNOWN)
    parts = [part for level in rota.levels for part in _level(policy, rota, level, now)]
    notes = [Note.of(f"Override {one.id}: {_sentence(policy, one)}") for one in rota.overrides]
    reached = _names(policy, rota.on_call(1, now).people)
    title, worst = (f"On call: {reached}", Level.INFO) if reached else ("Who is on call is unknown", Level.UNKNOWN)
    return say(title, *parts, _channels(rota.rules), *notes, level=worst)


def _level(policy: Policy, rota: Rota, level: int, now: datetime) -> Iterator[Part]:
    turn, static = rota.on_call(level, now), rota.rules.levels[level - 1]
    label = f"Level {level}, {static.title}"
    then = rota.on_call(level, turn.until).people if turn.until else ()
    after = f"; then {_names(policy, then) or 'nobody that is known'}"
    following: tuple[Span, ...] = (", until ", When(at=turn.until), after) if turn.until else ()
    if turn.people:
        override = " (override)" if turn.source == "override" else ""
        people = (span for person in turn.people for span in _person(policy, person))
        yield Text.of(Bold(text=label), override, *following, *people)
        return
    said = "the policy names nobody"
    if static.until is not None and static.people:
        said = f"unknown: {_names(policy, static.people)} had it until {static.until:%Y-%m-%d %H:%M} UTC, nobody since"
    elif turn.until:
        said = f"unknown: nobody until {turn.until:%Y-%m-%d %H:%M} UTC; then {_names(policy, then)}"
    yield Line(level=Level.UNKNOWN, label=label, value=said)


def _person(policy: Policy, person: str) -> Iterator[Span]:
    entry = policy.people.get(person, PersonEntry(name=person))
    yield "\n"
    yield Person(id=person, name=entry.name)
    ways = ", ".join(way for way in (entry.phone, entry.email) if way)
    yield f": {ways}" if ways else ": in Slack; the policy knows no phone or email"


def _channels(rules: OnCall) -> Fields:
    return Fields(
        pairs=(
            ("Slack", ", ".join(rules.channels) or _UNSAID),
            ("PagerDuty", rules.pagerduty or _UNSAID),
            ("Email", rules.email or _UNSAID),
        )
    )


def _names(policy: Policy, people: tuple[str, ...]) -> str:
    return ", ".join(policy.name(person) for person in people)


def _sentence(policy: Policy, one: Override) -> str:
    times = f"from {one.since:%Y-%m-%d %H:%M} to {one.until:%Y-%m-%d %H:%M} UTC"
    return f"{policy.name(one.person)} at level {one.level} {times}, by {one.by.name}"


def _new(policy: Policy, rota: Rota, asked: tuple[str, int, str, str], request: Request) -> Override:
    who, level, begins, ends = asked
    if level not in rota.levels:
        raise NotFound(f"There is no level {level}: the policy has {len(rota.levels)}.", argument="level")
    person = person_named(policy, who, request.actor)
    zones = [one.zone for one in rota.rules.rotations if one.level == level]
    # From the request's own time on, so that planning it again plans the same.
    zone, asked_at = (zones or [policy.timezone])[0], request.received_at
    since = _moment("from", begins, zone, asked_at)
    until = _moment("until", ends, zone, max(since, asked_at)) if ends else rota.on_call(level, since).until
    if until is None:
        raise Incomplete("Until when? Nothing says when this turn ends.", argument="until")
    if not max(since, asked_at) < until <= since + LONGEST:
        message = f"until has to be after from and after now, by at most {LONGEST.days} days."
        raise Conflicting(message, argument="until")
    name = hashlib.sha256(request.id.encode()).hexdigest()[:8]
    return Override(
        id=name, level=level, person=person, since=since, until=until, by=request.actor, made_at=request.received_at
    )


def _moment(name: str, text: str, zone: str, now: datetime) -> datetime:
    try:
        return read_moment(text, zone, now).astimezone(UTC)
    except ValueError as error:
        raise UsageError(f"{name} cannot be {shown(text)}: {error}.", argument=name) from None


def _override(new: Override, policy: Policy, rota: Rota) -> Plan:
    name, turn = policy.name(new.person), rota.on_call(new.level, new.since)
    what = f"level {new.level}, {rota.rules.levels[new.level - 1].title}"
    until = f"from {new.since:%Y-%m-%d %H:%M} until {new.until:%Y-%m-%d %H:%M} UTC"
    return Plan(
        title=f"{name} is on call at level {new.level} {until}",
        target="oncall",
        touches=(f"override/{new.id}",),
        changes=(Change(what=what, before=_names(policy, turn.people) or "nobody", after=f"{name} {until}"),),
        facts={"override": new.id},
        steps=(
            Step(
                title=f"Call {name} at level {new.level}",
                operation="overrides.start",
                arguments={"override": new.model_dump(mode="json")},
            ),
        ),
        undo=Undo(
            title="End this override",
            command="/oncall",
            arguments={"action": "override", "who": _END, "which": new.id},
            expects={"override": new.id},
        ),
    )


def _end(name: str, policy: Policy, rota: Rota, request: Request) -> Plan:
    found = next((one for one in rota.overrides if one.id == name), None)
    if found is None:
        there = ", ".join(one.id for one in rota.overrides) or "none"
        raise UserError(f"There is no override {shown(name)} that holds or will; there are: {there}.")
    sentence = _sentence(policy, found)
    return Plan(
        title=f"End the override: {sentence}",
        target="oncall",
        touches=(f"override/{found.id}",),
        changes=(Change(what=f"level {found.level}", before=sentence, after="as the rotation says"),),
        facts={"override": found.id},
        steps=(
            Step(
                title="Call whoever it would be without it",
                operation="overrides.end",
                arguments={"override": found.id, "by": request.actor.name, "at": request.received_at.isoformat()},
            ),
        ),
        no_undo="/oncall override sets it again.",
    )


async def _accept(name: str, handovers: Handovers, request: Request) -> Plan:
    found = await handovers.get(name) if name else await handovers.latest()
    if found is None or (found.accepted_at and not found.accepted_by):  # the very first look is no hand-over
        there_is = f"There is no hand-over {shown(name)}." if name else "There was no hand-over yet."
        raise UserError(there_is, hint="Its card has the button for it.")
    if found.accepted_at is not None:
        raise UserError(f"{found.accepted_by} accepted it at {found.accepted_at:%H:%M} UTC.")
    by = request.actor.name
    return Plan(
        title="Accept the hand-over",
        target=f"handover/{found.id}",
        changes=(Change(what="hand-over", before="nobody has accepted it", after=f"{by} has accepted it"),),
        facts={"handover": found.id},
        steps=(
            Step(
                title="Show on the card who has accepted it",
                operation="oncall.accept",
                arguments={"handover": found.id, "by": by},
            ),
        ),
        no_undo="An override has somebody else stand in.",
        thread=f"handover:{found.id}",
    )
