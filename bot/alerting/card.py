"""An incident as a card: what is wrong, how bad, since when, and the runbook's next step as buttons."""

from datetime import datetime, timedelta
from typing import Final

from bot.alert import Alert, Severity
from bot.alerting.evaluate import Finding
from bot.alerting.stages import News
from bot.catalog import Catalog
from bot.next_steps import next_steps
from bot.policy import AlertRule, Policy
from bot.reply import Buttons, Chart, Level, Line, Note, Part, Person, Reply, Span, Text, When
from bot.stores.incidents import Incident

ONCALL: Final = "oncall"
LEVELS: Final[dict[Severity, Level]] = {"warning": Level.WARNING, "critical": Level.CRITICAL}
_POINTS: Final = 60
_SECONDS_A_MINUTE: Final = 60


def card(news: News, policy: Policy, catalog: Catalog, trend: list[float | None]) -> Reply:
    """Render an incident as it stands."""
    if news.incident.state == "resolved":
        return _resolved(news, trend)
    assert news.finding is not None  # noqa: S101 - only what was found can be firing
    return _firing(news.incident, news.finding, (policy, catalog), trend)


def worsened(incident: Incident, finding: Finding, policy: Policy) -> Reply:
    """Say in the card's thread that it has become critical, because Slack rings nobody for an edit."""
    title = f"Now critical: {incident.alert.summary}"
    parts = (_line(incident, finding.rule, "Now"), *_mentions(incident.severity, policy))
    return Reply(title=title, level=Level.CRITICAL, parts=parts)


def digest(news: list[News], policy: Policy, now: datetime) -> Reply:
    """Render many incidents that opened in one tick as one message, every one of them a line."""
    worst = max((one.incident.severity for one in news), key=lambda severity: severity == "critical")
    lines = [_line(one.incident, one.finding.rule, one.incident.alert.summary) for one in news if one.finding]
    parts: list[Part] = [Text.of(f"{len(news)} alerts began at ", When(at=now), ".")]
    title = f"{len(news)} new alerts at once"
    return Reply(title=title, level=LEVELS[worst], parts=(*parts, *_mentions(worst, policy), *lines))


def elapsed(length: timedelta) -> str:
    """Say a length of time exactly: ``45 s``, ``7 min 20 s``, ``2 h 5 min``, ``3 d 4 h``."""
    seconds = max(0, round(length.total_seconds()))
    minutes, seconds = divmod(seconds, _SECONDS_A_MINUTE)
    hours, minutes = divmod(minutes, _SECONDS_A_MINUTE)
    days, hours = divmod(hours, 24)
    for (large, large_unit), (small, small_unit) in (
        ((days, "d"), (hours, "h")),
        ((hours, "h"), (minutes, "min")),
        ((minutes, "min"), (seconds, "s")),
    ):
        if large:
            return f"{large} {large_unit} {small} {small_unit}" if small else f"{large} {large_unit}"
    return f"{seconds} s"


def shown(value: float, rule: AlertRule) -> str:
    """Say a value with its unit: ``1,431 jobs``, ``7 min 20 s``, ``down``."""
    if rule.metric.endswith("_up"):
        return "up" if value else "down"
    if rule.unit == "s":
        return elapsed(timedelta(seconds=value))
    return f"{_number(value)} {rule.unit}".strip()


def _firing(incident: Incident, finding: Finding, known: tuple[Policy, Catalog], trend: list[float | None]) -> Reply:
    policy, catalog = known
    alert, rule = finding.alert, finding.rule
    parts: list[Part] = [_line(incident, rule, "Now"), *_unknown(finding)]
    parts.append(Text.of("Since ", When(at=alert.since), *_peak(incident, rule, ", ")))
    parts += [*_chart(rule, trend), *_mentions(incident.severity, policy)]
    buttons = next_steps(rule.next_steps, alert.labels, catalog)
    if buttons:
        parts.append(Buttons(buttons=buttons))
    parts += _source(finding)
    word = incident.severity.capitalize()
    return Reply(
        title=alert.summary,
        level=LEVELS[incident.severity] if alert.value is not None else Level.UNKNOWN,
        parts=tuple(parts),
        summary=f"{word}: {alert.summary}, {_value(alert, rule)}",
    )


def _resolved(news: News, trend: list[float | None]) -> Reply:
    incident, rule = news.incident, news.finding.rule if news.finding else None
    took = elapsed((incident.resolved_at or incident.opened_at) - incident.alert.since)
    if rule is None:
        text = Text.of(f"Closed after {took}: nothing watches this any longer.")
        return Reply(title=f"Closed: {incident.alert.summary}", level=Level.UNKNOWN, parts=(text,))
    peak = "".join(str(span) for span in _peak(incident, rule, ", "))
    text = Text.of(f"Resolved after {took}{peak}.")
    began = Text.of("From ", When(at=incident.alert.since), " to ", When(at=incident.resolved_at or incident.opened_at))
    return Reply(
        title=f"Resolved: {incident.alert.summary}",
        level=Level.OK,
        parts=(text, began, *_chart(rule, trend)),
        summary=f"Resolved: {incident.alert.summary}, after {took}{peak}",
    )


def _line(incident: Incident, rule: AlertRule, label: str) -> Line:
    alert = incident.alert
    threshold = rule.threshold(incident.severity)
    limit = ""
    if threshold is not None and not rule.metric.endswith("_up"):
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
    if incident.peak is None or rule.metric.endswith("_up"):
        return []
    value = elapsed(timedelta(seconds=incident.peak)) if rule.unit == "s" else _number(incident.peak)
    return [f"{before}{'lowest' if rule.below else 'peak'} {value}"]


def _chart(rule: AlertRule, trend: list[float | None]) -> list[Part]:
    if sum(value is not None for value in trend) < 2:  # noqa: PLR2004 - one value is no trend
        return []
    return [Chart(label=f"Trend ({rule.unit})" if rule.unit else "Trend", values=tuple(thin(trend)))]


def thin(values: list[float | None]) -> list[float | None]:
    """Keep at most 60 values at even distances, the newest among them."""
    step = -(-len(values) // _POINTS) or 1
    return values[::-1][::step][::-1]


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
    words = [f"Runbook: {rule.section}"] if rule.section else []
    words += [state.detail] if state.detail and not state.unknown_since else []
    return [Note.of(" · ".join(words))] if words else []


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == round(value) else f"{value:,.1f}"
