"""An incident as a card: what is wrong, how bad, since when, and the runbook's next step as buttons."""

from datetime import datetime, timedelta
from typing import Final

from bot.alert import Alert, Severity
from bot.alert_rule import SEVERITIES, AlertRule
from bot.alerting.evaluate import Finding, filled
from bot.alerting.stages import Kind, News
from bot.catalog import Catalog
from bot.clients.queue_layout import FAILED_KEPT
from bot.elapsed import elapsed
from bot.next_steps import next_steps
from bot.policy import Policy
from bot.reply import Button, Buttons, Chart, Level, Line, Link, Note, Part, Person, Reply, Span, Text, When
from bot.stores.incidents import Incident

ONCALL: Final = "oncall"
LEVELS: Final[dict[Severity, Level]] = {"warning": Level.WARNING, "critical": Level.CRITICAL}
# What rings besides a card that is new, and in which words.
RINGS: Final[dict[Kind, str]] = {"worsened": "Now critical", "unmuted": "No longer muted and still firing"}
_POINTS: Final = 60
# What the values of a metric that is yes or no are called, 0 first.
_YES_OR_NO: Final = {"up": ("failing", "working"), "readable": ("not readable", "readable")}


def card(news: News, policy: Policy, catalog: Catalog, trend: list[float | None], ahead: str = "") -> Reply:
    """Render an incident as it stands; ``ahead`` says where its trend leads."""
    if news.incident.state == "resolved":
        return _resolved(news, trend)
    assert news.finding is not None  # noqa: S101 - only what was found can be firing
    return _firing(news.incident, news.finding, (policy, catalog), trend, ahead)


def again(kind: Kind, incident: Incident, finding: Finding, policy: Policy) -> Reply:
    """Say in the card's thread what an edit of the card would not tell anybody: Slack rings nobody for one."""
    parts = (_line(incident, finding.rule, "Now"), *_mentions(incident.severity, policy))
    title = f"{RINGS[kind]}: {incident.alert.summary}"
    return Reply(title=title, level=LEVELS[incident.severity], parts=parts)


def digest(news: list[News], policy: Policy, now: datetime) -> Reply:
    """Render many incidents that opened in one tick as one message, every one of them a line."""
    worst = max((one.incident.severity for one in news), key=SEVERITIES.index)
    lines = [_line(one.incident, one.finding.rule, one.incident.alert.summary) for one in news if one.finding]
    parts: list[Part] = [Text.of(f"{len(news)} alerts began at ", When(at=now), ".")]
    title = f"{len(news)} new alerts at once"
    return Reply(title=title, level=LEVELS[worst], parts=(*parts, *_mentions(worst, policy), *lines))


def shown(value: float, rule: AlertRule) -> str:
    """Say a value with its unit: ``1,431 jobs``, ``7 min 20 s``, ``down``."""
    if words := _words(rule):
        return words[bool(value)]
    return _measured(value, rule) if rule.unit in ("s", "ms") else f"{_measured(value, rule)} {rule.unit}".strip()


def _measured(value: float, rule: AlertRule) -> str:
    """Say a number; workers keep so many failed jobs and no more, so that these are "that many or more"."""
    if rule.unit == "s":
        return elapsed(timedelta(seconds=value))
    if rule.unit == "ms":
        return f"{_number(value)} ms"
    is_capped = rule.metric == "queue_failed" and value >= FAILED_KEPT
    return f"{_number(value)} or more" if is_capped else _number(value)


def _words(rule: AlertRule) -> tuple[str, str] | None:
    """Return what 0 and 1 are called where the metric knows nothing else."""
    return _YES_OR_NO.get(rule.metric.rpartition("_")[2])


def _firing(
    incident: Incident, finding: Finding, known: tuple[Policy, Catalog], trend: list[float | None], ahead: str
) -> Reply:
    policy, catalog = known
    alert, rule = finding.alert, finding.rule
    parts: list[Part] = [_line(incident, rule, "Now"), *_unknown(finding)]
    parts.append(Text.of("Since ", When(at=alert.since), *_peak(incident, rule, ", ")))
    parts += [Text.of(ahead)] if ahead else []
    parts += [*_standing(incident), *_chart(rule, trend), *_mentions(incident.severity, policy)]
    buttons = (*_own_buttons(incident, catalog), *next_steps(rule.next_steps, alert.labels, catalog))
    if buttons:
        parts.append(Buttons(buttons=buttons))
    parts += _source(finding)
    word = incident.severity.capitalize()
    return Reply(
        title=alert.summary,
        level=LEVELS[incident.severity] if alert.value is not None else Level.UNKNOWN,
        parts=tuple(parts),
        summary=f"{word}: {alert.summary}, {_value(alert, rule)}{f'. {ahead}' if ahead else ''}",
    )


def _standing(incident: Incident) -> list[Part]:
    """Say who has it in hand and why it rings nobody."""
    parts: list[Part] = []
    if incident.acknowledged_at is not None:
        parts.append(Text.of(f"Acknowledged by {incident.acknowledged_by} at ", When(at=incident.acknowledged_at)))
    if incident.muted:
        parts.append(Text.of(f"Muted: {incident.muted}"))
    return parts


def _own_buttons(incident: Incident, catalog: Catalog) -> tuple[Button, ...]:
    """Return what can be done about an incident whatever it is."""
    acknowledge = Button(label="Acknowledge", action="run", value=f"/ack {incident.id}", style="primary")
    silence = Button(label="Silence…", action="form", value=f"/silence {incident.id}")
    wanted = [] if incident.acknowledged_at else [acknowledge]
    wanted += [] if incident.muted else [silence]
    return tuple(button for button in wanted if button.value.split()[0] in catalog.commands)


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


def _line(incident: Incident, rule: AlertRule, label: str) -> Line:
    alert = incident.alert
    threshold = rule.threshold(incident.severity)
    limit = ""
    if threshold is not None and not _words(rule):
        limit = f", {incident.severity} {'below' if rule.below else 'above'} {_number(threshold)}"
    level = LEVELS[incident.severity] if alert.value is not None else Level.UNKNOWN
    return Line(level=level, label=label, value=f"{_value(alert, rule)}{limit}")


def _value(alert: Alert, rule: AlertRule) -> str:
    return "unknown" if alert.value is None else shown(alert.value, rule)


def _unknown(finding: Finding) -> list[Part]:
    state = finding.state
    if state.unknown_since is None:
        return []
    last = "" if state.value is None else f" It was {shown(state.value, finding.rule)} before."
    return [Text.of("Unknown since ", When(at=state.unknown_since), f": {state.detail or 'no reason given'}.{last}")]


def _peak(incident: Incident, rule: AlertRule, before: str) -> list[Span]:
    if incident.peak is None or _words(rule):
        return []
    return [f"{before}{'lowest' if rule.below else 'peak'} {_measured(incident.peak, rule)}"]


def _chart(rule: AlertRule, trend: list[float | None]) -> list[Part]:
    if sum(value is not None for value in trend) < 2:  # noqa: PLR2004 - one value is no trend
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


def _mentions(severity: Severity, policy: Policy) -> list[Part]:
    if severity != "critical" or ONCALL not in policy.roles:
        return []
    people = [Person(id=person, name=policy.name(person), notify=True) for person in policy.members((ONCALL,))]
    spans: list[Span] = ["On call: "]
    for number, person in enumerate(people):
        spans += [", ", person] if number else [person]
    return [Text(spans=tuple(spans))] if people else []


def _source(finding: Finding) -> list[Part]:
    rule, state = finding.rule, finding.state
    spans: list[Span] = []
    if rule.runbook:
        spans.append(Link(text=f"Runbook: {rule.section or rule.name}", key="", url=rule.runbook))
    elif rule.section:
        spans.append(f"Runbook: {rule.section}")
    if state.detail and not state.unknown_since:
        spans.append(f"{' · ' if spans else ''}{state.detail}")
    return [Note(spans=tuple(spans))] if spans else []


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == round(value) else f"{value:,.1f}"
