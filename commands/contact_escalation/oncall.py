"""``/oncall``: who is called, in which order, until when, and how to reach them."""

from collections.abc import Iterator
from datetime import datetime

from bot.command import command
from bot.elapsed import elapsed
from bot.oncall import EscalationLevel, OnCall
from bot.policy import PersonEntry, Policy
from bot.policy_file import PolicyFile
from bot.reply import Bold, Fields, Level, Line, Part, Person, Reply, Span, Text, When, say

_UNSAID = "the policy does not say"


@command(
    "/oncall",
    permission="oncall:read",
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
    examples=("/oncall",),
)
async def oncall(*, policy: PolicyFile, now: datetime) -> Reply:
    """Show who is on call and who is next, until when, and how to reach them."""
    rules = policy.current
    levels = rules.oncall.levels
    if not levels:
        line = Line(level=Level.UNKNOWN, label="On call", value="the policy names nobody: [[oncall.levels]] would")
        return say("Who is on call is unknown", line, _channels(rules.oncall), level=Level.UNKNOWN)
    parts = [part for number, level in enumerate(levels, 1) for part in _level(rules, number, level, now)]
    reached = _names(rules, levels[0]) if _is_known(levels[0], now) else ""
    title, worst = (f"On call: {reached}", Level.INFO) if reached else ("Who is on call is unknown", Level.UNKNOWN)
    return say(title, *parts, _channels(rules.oncall), level=worst)


def _level(policy: Policy, number: int, level: EscalationLevel, now: datetime) -> Iterator[Part]:
    label = f"Level {number}, {level.title}"
    if not level.people:
        yield Line(level=Level.UNKNOWN, label=label, value="the policy names nobody")
        return
    if level.until is not None and level.until <= now:
        ago = elapsed(now - level.until)
        said = f"unknown: {_names(policy, level)} had it until {ago} ago, and the policy names nobody since"
        yield Line(level=Level.UNKNOWN, label=label, value=said)
        return
    until: tuple[Span, ...] = () if level.until is None else (", until ", When(at=level.until))
    yield Text.of(Bold(text=label), *until, *(span for person in level.people for span in _person(policy, person)))


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


def _is_known(level: EscalationLevel, now: datetime) -> bool:
    return bool(level.people) and (level.until is None or level.until > now)


def _names(policy: Policy, level: EscalationLevel) -> str:
    return ", ".join(policy.name(person) for person in level.people)
