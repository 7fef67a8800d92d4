"""How an alert stands, as one line: its value, and beyond which one it is."""

from typing import Final

from bot.alert import Alert, Severity
from bot.alert_rule import AlertRule
from bot.alerting.values import number, shown, yes_or_no
from bot.reply import Level, Line

LEVELS: Final[dict[Severity, Level]] = {"warning": Level.WARNING, "critical": Level.CRITICAL}


def line(alert: Alert, rule: AlertRule, label: str) -> Line:
    """Say how an alert of this rule stands; what could not be read is unknown."""
    threshold = rule.threshold(alert.severity)
    limit = ""
    if threshold is not None and not yes_or_no(rule):
        limit = f", {alert.severity} {'below' if rule.below else 'above'} {number(threshold)}"
    level = LEVELS[alert.severity] if alert.value is not None else Level.UNKNOWN
    return Line(level=level, label=label, value=f"{value_of(alert, rule)}{limit}")


def value_of(alert: Alert, rule: AlertRule) -> str:
    """Return its value as people write it."""
    return "unknown" if alert.value is None else shown(alert.value, rule)
