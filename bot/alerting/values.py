"""The value of an alert in words: with its unit, or what yes and no are called where it can be nothing else."""

from datetime import timedelta
from typing import Final

from bot.alert_rule import AlertRule
from bot.clients.failed_cap import is_at_cap
from bot.elapsed import elapsed

# What the values of a metric that is yes or no are called, 0 first.
_YES_OR_NO: Final = {
    "up": ("failing", "working"),
    "readable": ("not readable", "readable"),
    "ok": ("a failed run", "a good run"),
}


def shown(value: float, rule: AlertRule) -> str:
    """Say a value with its unit: ``1,431 jobs``, ``7 min 20 s``, ``down``."""
    if words := yes_or_no(rule):
        return words[bool(value)]
    return measured(value, rule) if rule.unit in ("s", "ms") else f"{measured(value, rule)} {rule.unit}".strip()


def measured(value: float, rule: AlertRule) -> str:
    """Say a number; as many failed jobs as workers keep are "that many or more"."""
    if rule.unit == "s":
        return elapsed(timedelta(seconds=value))
    if rule.unit == "ms":
        return f"{number(value)} ms"
    is_capped = rule.metric == "queue_failed" and is_at_cap(value)
    return f"{number(value)} or more" if is_capped else number(value)


def yes_or_no(rule: AlertRule) -> tuple[str, str] | None:
    """Return what 0 and 1 are called where the metric knows nothing else."""
    return _YES_OR_NO.get(rule.metric.rpartition("_")[2])


def number(value: float) -> str:
    """Say a bare number."""
    return f"{value:,.0f}" if value == round(value) else f"{value:,.1f}"
