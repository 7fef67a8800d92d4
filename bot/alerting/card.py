"""An incident as a card: what is wrong, how bad, since when, and the runbook's next step as buttons."""

from collections.abc import Sequence
from typing import Final

from bot.alert import Severity
from bot.alert_rule import AlertRule
from bot.alerting.alert_line import LEVELS, line, value_of
from bot.alerting.audience import Audience
from bot.alerting.calling import people
from bot.alerting.dedupe import Kind, News
from bot.alerting.escalate import as_it_is
from bot.alerting.evaluate import Finding, filled
from bot.alerting.values import measured, shown, yes_or_no
from bot.catalog import Catalog
from bot.elapsed import elapsed
from bot.next_steps import next_steps
from bot.policy import Policy
from bot.reply import Button, Buttons, Chart, Level, Line, Link, Note, Part, Reply, Span, Text, When
from bot.sentence import sentence
from bot.stores.incidents import Incident

CHANGES: Final = "/changes"
# What rings besides a card that is new, and in which words.
RINGS: Final[dict[Kind, str]] = {
    "worsened": "Now critical",
    "unmuted": "No longer muted and still firing",
    "joined": "More of it",
    "repeated": "Still firing",
}
_SHOWN_MEMBERS: Final = 15
_SHOWN_REASONS: Final = 3
_POINTS: Final = 60


def card(news: News, audience: Audience, catalog: Catalog, trend: list[float | None]) -> Reply:
    """Render an incident as it stands."""
    if news.incident.state == "resolved":
        return _resolved(news, trend)
    assert news.finding is not None  # noqa: S101 - only what was found can be firing
    return _firing(news, news.finding, (audience, catalog), trend)


def again(news: News, audience: Audience) -> Reply:
    """Say in the card's thread what an edit of the card would not tell anybody: Slack rings nobody for one."""
    incident = news.incident
    parts = (*_now(news), *_until_now(news), *mentions(incident.severity, audience))
    title = f"{RINGS[news.kind]}: {named(news)}"
    return Reply(title=title, level=LEVELS[incident.severity], parts=parts)


def _until_now(news: News) -> list[Part]:
    """Say what kept it quiet until this tick: which silence is over, whose it was and why."""
    return [Text.of(f"Until now: {news.was_muted}")] if news.was_muted else []


def _now(news: News) -> list[Part]:
    """Say how each of those that share the card stands."""
    incident, finding = news.incident, news.finding
    if finding is None:
        return []
    if len(news.members) < 2:  # noqa: PLR2004 - one needs no list
        now = line(incident.alert, finding.rule, "Now")
        return [now if incident.calm_since is None else now.model_copy(update={"level": Level.OK})]
    lines: list[Part] = [_member(one, incident) for one in news.members[:_SHOWN_MEMBERS]]
    more = len(news.members) - _SHOWN_MEMBERS
    notes = [f"and {more:,} more: {_listing(news.members)}"] if more > 0 else []
    if not incident.muted:  # else the whole card says why
        why = list(dict.fromkeys(one.muted for one in news.members if one.muted))
        notes += [f"Muted: {words}" for words in why[:_SHOWN_REASONS]]
        notes += [f"and for {len(why) - _SHOWN_REASONS} more reasons"] if len(why) > _SHOWN_REASONS else []
    return [*lines, *(Note.of(words) for words in notes)]


def _listing(members: Sequence[Finding]) -> str:
    """Return what lists every one of those that share the card."""
    names = sorted({one.alert.labels.get("alert", "") for one in members})
    return f"/alerts alert={'~' if len(names) > 1 else ''}{'|'.join(names)}"


def _member(finding: Finding, incident: Incident) -> Line:
    """Say how one of those that share the card stands, and that it rings nobody where the others do."""
    shows = line(finding.alert, finding.rule, finding.alert.summary)
    is_alone = bool(finding.muted) and not incident.muted
    return shows.model_copy(update={"value": f"{shows.value}, muted"}) if is_alone else shows


def named(news: News) -> str:
    """Return what an incident is called, with how many more share its card."""
    heard = [one for one in news.members if not one.muted]
    others = len(heard or news.members) - 1
    return f"{news.incident.alert.summary}, and {others:,} more" if others > 0 else news.incident.alert.summary


def _firing(news: News, finding: Finding, known: tuple[Audience, Catalog], trend: list[float | None]) -> Reply:
    incident, (audience, catalog) = news.incident, known
    alert, rule = incident.alert, finding.rule
    parts: list[Part] = [*_now(news), *_unknown(finding)]
    since = "Firing since " if finding.state.unknown_since else "Since "
    parts.append(Text.of(since, When(at=alert.since), *_peak(incident, rule, ", ")))
    parts += [Text.of(news.ahead)] if news.ahead else []
    parts += [
        *_standing(incident, audience.policy),
        *_until_now(news),
        *_chart(rule, trend),
        *mentions(incident.severity, audience),
    ]
    steps = next_steps(rule.next_steps, alert.labels, catalog)
    buttons = (*_own_buttons(incident, finding.silence, catalog), *steps, *_what_changed(catalog))
    if buttons:
        parts.append(Buttons(buttons=buttons))
    parts += _source(finding)
    word = incident.severity.capitalize()
    return Reply(
        title=named(news),
        level=LEVELS[incident.severity] if alert.value is not None else Level.UNKNOWN,
        parts=tuple(parts),
        summary=f"{word}: {named(news)}, {value_of(alert, rule)}{f'. {news.ahead}' if news.ahead else ''}",
    )


def _standing(incident: Incident, policy: Policy) -> list[Part]:
    """Say who has it in hand, why it rings nobody, and that it is on and off."""
    parts: list[Part] = []
    if incident.flapping:
        rules = policy.flapping
        words = f"On and off: it began {rules.openings} times or more within {elapsed(rules.within)}."
        parts.append(Text.of(f"{words} This card stays open until it has been calm for {elapsed(rules.calm)}."))
    if incident.calm_since is not None:
        parts.append(Text.of("Within its limit since ", When(at=incident.calm_since)))
    if incident.acknowledged_at is not None:
        parts.append(Text.of(f"Acknowledged by {incident.acknowledged_by} at ", When(at=incident.acknowledged_at)))
    if incident.called:
        parts.append(Text.of(as_it_is(incident)))
    if incident.muted:
        parts.append(Text.of(f"Muted: {incident.muted}"))
    return parts


def _own_buttons(incident: Incident, silence: str, catalog: Catalog) -> tuple[Button, ...]:
    """Return what can be done about an incident whatever it is; ``silence`` is the id of the one that mutes it."""
    acknowledge = Button(label="Acknowledge", action="run", value=f"/ack {incident.id}", style="primary")
    quiet = Button(label="Silence…", action="form", value=f"/silence {incident.id}")
    loud = Button(label="End silence", action="run", value=f"/silence end {silence}")
    wanted = [] if incident.acknowledged_at else [acknowledge]
    wanted += [] if incident.muted else [quiet]
    wanted += [loud] if incident.muted and silence else []
    return tuple(button for button in wanted if button.value.split()[0] in catalog.commands)


def _what_changed(catalog: Catalog) -> tuple[Button, ...]:
    return tuple(
        Button(label="What changed?", action="run", value=name) for name in (CHANGES,) if name in catalog.commands
    )


def _resolved(news: News, trend: list[float | None]) -> Reply:
    incident, rule = news.incident, news.finding.rule if news.finding else None
    took = elapsed((incident.resolved_at or incident.opened_at) - incident.alert.since)
    if rule is None:
        text = Text.of(f"Closed after {took}: nothing watches this any longer.")
        return Reply(title=f"Closed: {incident.alert.summary}", level=Level.UNKNOWN, parts=(text,))
    peak = "".join(str(span) for span in _peak(incident, rule, ", "))
    was = incident.alert.summary
    words = filled(rule.resolved, rule, incident.alert.labels) if rule.resolved else f'it was "{was}"'
    return Reply(
        title=f"Resolved after {took}{peak}: {words}",
        level=Level.OK,
        parts=(Text(spans=_from_to(incident)), *_chart(rule, trend)),
    )


def _from_to(incident: Incident) -> tuple[Span, ...]:
    """Say from when to when it was; times are shown to the minute, so that within one there is only one."""
    began, ended = incident.alert.since, incident.resolved_at or incident.opened_at
    if began.replace(second=0, microsecond=0) == ended.replace(second=0, microsecond=0):
        return ("It began ", When(at=began))
    return ("From ", When(at=began), " to ", When(at=ended))


def _unknown(finding: Finding) -> list[Part]:
    state = finding.state
    if state.unknown_since is None:
        return []
    last = "" if state.value is None else f" It was {shown(state.value, finding.rule)} before."
    reason = sentence(state.detail or "no reason given")
    return [Text.of("Unknown since ", When(at=state.unknown_since), f": {reason}{last}")]


def _peak(incident: Incident, rule: AlertRule, before: str) -> list[Span]:
    if incident.peak is None or yes_or_no(rule):
        return []
    return [f"{before}{'lowest' if rule.below else 'peak'} {measured(incident.peak, rule)}"]


def _chart(rule: AlertRule, trend: list[float | None]) -> list[Part]:
    if yes_or_no(rule) or sum(value is not None for value in trend) < 2:  # noqa: PLR2004 - one value is no trend
        return []
    return [Chart(label=f"Trend ({rule.unit})" if rule.unit else "Trend", values=tuple(thin(trend, rule)))]


def thin(values: list[float | None], rule: AlertRule) -> list[float | None]:
    """Keep at most 60 values, of equally many each the worst, so that a short outage is seen; the newest stays."""
    step = -(-len(values) // _POINTS) or 1
    if step == 1:
        return values
    parts = (values[max(0, end - step) : end] for end in range(len(values) - 1, 0, -step))
    return [*[_worst(part, rule) for part in parts][::-1][1 - _POINTS :], values[-1]]


def _worst(values: list[float | None], rule: AlertRule) -> float | None:
    known = [value for value in values if value is not None]
    return (min if rule.below else max)(known, default=None)


def mentions(severity: Severity, audience: Audience) -> list[Part]:
    """Return the line that rings whoever is on call; nothing for less than critical."""
    if severity != "critical" or not audience.on_call:
        return []
    return [Text.of("On call: ", *people(audience.policy, audience.on_call))]


def _source(finding: Finding) -> list[Part]:
    rule, state = finding.rule, finding.state
    spans: list[Span] = []
    if rule.runbook:
        spans.append(Link(text=f"Runbook: {rule.section or rule.name}", key="", url=rule.runbook))
    elif rule.section:
        spans.append(f"Runbook: {rule.section}")
    if state.detail and not state.unknown_since and state.detail not in finding.alert.summary:
        spans.append(f"{' · ' if spans else ''}{state.detail}")
    return [Note(spans=tuple(spans))] if spans else []
