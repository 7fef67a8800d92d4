"""What is said to whoever is called: by a mention in the thread of the incident's card."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from bot.elapsed import elapsed
from bot.plain_text import shortened
from bot.policy import Policy
from bot.reply import Bold, Button, Buttons, Level, Line, Note, Part, Person, Reply, Span, Text, When, say
from bot.stores.escalations import Call
from bot.stores.incidents import Incident
from bot.stores.outbox import CARD, CRITICAL, Message
from bot.stores.pages import PREFIX, page_card_key

# More calls of one tick than this are said in one message.
TOGETHER_ABOVE: Final = 5
# So many of them are named there; /alerts has the rest.
SHOWN: Final = 40
# Of each so much is said that all of it fits into one message.
SUMMARY: Final = 150


def people(policy: Policy, ids: Iterable[str], *, notify: bool = True) -> tuple[Span, ...]:
    """Return people as a list in words, each a mention."""
    found: list[Span] = []
    for person in ids:
        found += [", " if found else "", Person(id=person, name=policy.name(person), notify=notify)]
    return tuple(found) or ("nobody that is known",)


def call_messages(
    calls: list[Call], incidents: Mapping[str, Incident], policy: Policy, channel: str, now: datetime
) -> list[Message]:
    """Return what mentions those who are called; the first call of level 1 is the card's own mention."""
    further = [call for call in calls if call.people and call.number > 1]
    if len(further) > TOGETHER_ABOVE:
        key = f"calls:{now.isoformat()}"
        return [Message(key, channel, together(further, incidents, policy), CRITICAL)]
    return [
        Message(
            f"incident:{call.incident}:call:{call.began_at:%Y%m%dT%H%M%S}:{call.number}",
            channel,
            _call(call, incidents[call.incident], policy),
            CRITICAL,
            thread_of=card_key(call.incident),
        )
        for call in further
    ]


def card_key(incident: str) -> str:
    """Return the key of the card of an alert's incident, or of a page."""
    return page_card_key(incident.removeprefix(PREFIX)) if incident.startswith(PREFIX) else f"incident:{incident}"


def level_named(policy: Policy, level: int) -> str:
    """Return a level with its title: ``Level 2, Team lead``."""
    titles = [one.title for one in policy.oncall.levels[level - 1 : level]]
    return ", ".join((f"Level {level}", *titles))


def call_body(call: Call, incident: Incident, policy: Policy) -> Reply:
    """Return what whoever is called reads, by whatever way."""
    waited = f"Nobody has had it for {elapsed(call.at - call.began_at)}. " if call.number > 1 else ""
    beginning = "Nobody has acknowledged" if call.number > 1 else "Critical"
    return say(
        f"{beginning}: {incident.alert.summary}",
        Text.of(Bold(text=level_named(policy, call.level)), ": ", *people(policy, call.people)),
        Text.of(f"{waited}It began at ", When(at=incident.alert.since), "."),
        level=Level.CRITICAL,
    )


def _call(call: Call, incident: Incident, policy: Policy) -> Reply:
    acknowledge = Button(label="Acknowledge", action="run", value=f"/ack {incident.id}", style="primary")
    body = call_body(call, incident, policy)
    return body.model_copy(update={"parts": (*body.parts, Buttons(buttons=(acknowledge,)))})


def together(calls: Sequence[Call], incidents: Mapping[str, Incident], policy: Policy) -> Reply:
    """Return what is said of many calls at once: those of the highest level and that wait longest first."""
    ordered = sorted(calls, key=lambda call: (-call.level, call.began_at))
    levels = {call.incident: call.level for call in reversed(ordered)}
    waiting = list(dict.fromkeys(call.incident for call in ordered))
    lines: list[Part] = []
    for level in sorted({call.level for call in calls}):
        called = dict.fromkeys(person for call in calls if call.level == level for person in call.people)
        lines.append(Text.of(Bold(text=level_named(policy, level)), ": ", *people(policy, called)))
    for name in waiting[:SHOWN]:
        summary = shortened(incidents[name].alert.summary, SUMMARY)
        lines.append(Line(level=Level.CRITICAL, label=summary, value=f"level {levels[name]}"))
    more = len(waiting) - SHOWN
    lines += [Note.of(f"and {more:,} more")] if more > 0 else []
    beginning = "Critical at once" if all(call.number == 1 for call in calls) else "Nobody has acknowledged"
    rest = Text.of("/alerts lists all of them with their buttons.")
    return say(f"{beginning}: {len(waiting):,} alerts", *lines, rest, level=Level.CRITICAL)


def reminder(incident: Incident, policy: Policy, channel: str, now: datetime) -> Message | None:
    """Return what reminds whoever has it in hand that it goes on, or None while that is not due.

    Nobody is reminded of a warning, nor in a moment in which it does not go on.
    """
    every, since = policy.escalation.remind_after, incident.acknowledged_at
    goes_on = incident.state == "firing" and incident.severity == "critical" and incident.calm_since is None
    if not every or since is None or incident.muted or not goes_on:
        return None
    number = (now - since) // every
    if number < 1:
        return None
    owners = [person for person, entry in policy.people.items() if entry.name == incident.acknowledged_by]
    whom: tuple[Span, ...] = people(policy, owners) if owners else (incident.acknowledged_by,)
    title, stands = "Still firing", "still fires."
    if incident.id.startswith(PREFIX):
        end = f"/page end {incident.id.removeprefix(PREFIX)}"
        title, stands = "Still open", f"is still open. {end} says that it is over."
    body = say(
        f"{title}: {incident.alert.summary}",
        Text.of(*whom, f" took this {elapsed(number * every)} ago, and it {stands}"),
        level=Level.CRITICAL,
    )
    key = f"incident:{incident.id}:remind:{since:%Y%m%dT%H%M%S}:{number}"
    return Message(key, channel, body, CARD, thread_of=card_key(incident.id))
