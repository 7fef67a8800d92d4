"""Many incidents of which one tick has the same to say, as one message: the critical first, none left out silently."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from bot.alert_rule import SEVERITIES
from bot.alerting.alert_line import LEVELS, line
from bot.alerting.audience import Audience
from bot.alerting.calling import SUMMARY
from bot.alerting.card import mentions, named
from bot.alerting.dedupe import Kind, News
from bot.catalog import Catalog
from bot.next_steps import next_steps
from bot.plain_text import shortened
from bot.reply import Buttons, Level, Line, Note, Part, Reply, Text, When
from bot.sentence import sentence
from bot.stores.incidents import Incident

# A message holds about so many lines; the rest is counted, and one button away.
SHOWN: Final = 40
ALERTS: Final = "/alerts"
OVER: Final = "/alerts resolved"
_REASONS: Final = 3
_WORDS: Final[dict[Kind, str]] = {"opened": "began at ", "worsened": "since "}
_TITLES: Final[dict[Kind, str]] = {
    "opened": "{} new alerts at once",
    "worsened": "{} alerts are now critical",
    "unmuted": "{} alerts are no longer muted and still fire",
    "joined": "{} cards have more alerts",
    "repeated": "{} alerts still fire",
    "resolved": "{} alerts are resolved",
}


def digest(news: list[News], audience: Audience, catalog: Catalog, now: datetime) -> Reply:
    """Render what is new about many, each incident a line; of several kinds of news only that they fire."""
    kinds = {one.kind for one in news}
    kind = news[0].kind if len(kinds) == 1 else "changed"
    ordered = sorted(news, key=_urgency)
    is_over = kind == "resolved"
    worst, words = ordered[0].incident.severity, "were over at " if is_over else _WORDS.get(kind, "as of ")
    parts: list[Part] = [Text.of(f"{_counted(one.incident for one in ordered)} {words}", When(at=now), ".")]
    parts += [] if is_over else [*_until_now(ordered), *mentions(worst, audience)]
    parts += [_line(one) for one in ordered[:SHOWN]]
    parts += _more([one.incident for one in ordered[SHOWN:]], is_over=is_over)
    steps = next_steps((OVER if is_over else ALERTS,), {}, catalog)
    parts += [Buttons(buttons=steps)] if steps else []
    title = _TITLES.get(kind, "{} alerts fire").format(f"{len(news):,}")
    return Reply(title=title, level=Level.OK if is_over else LEVELS[worst], parts=tuple(parts))


def _urgency(news: News) -> tuple[int, datetime, float]:
    """Order the critical ones first, of each kind the oldest, of those that began together what is furthest beyond."""
    incident = news.incident
    return -SEVERITIES.index(incident.severity), incident.opened_at, -_excess(news)


def _excess(news: News) -> float:
    value, rule = news.incident.alert.value, news.finding.rule if news.finding else None
    limit = rule.threshold(news.incident.severity) if rule else None
    if value is None or rule is None or not limit:
        return 0.0
    return (limit - value if rule.below else value - limit) / abs(limit)


def _more(rest: list[Incident], *, is_over: bool) -> list[Part]:
    """Say how many no line is about, how bad they are, and what lists them."""
    if not rest:
        return []
    found = sum(one.severity == "critical" for one in rest)
    critical = f", {found:,} of them critical" if found else ""
    lists = f"{OVER} lists what is over" if is_over else f"{ALERTS} lists all that fires"
    return [Note.of(f"and {len(rest):,} more{critical}: {lists}.")]


def _until_now(news: list[News]) -> list[Part]:
    """Say what muted them up to this tick, what muted most of them first."""
    reasons = Counter(one.was_muted for one in news if one.was_muted)
    parts: list[Part] = [Text.of(f"Until now: {sentence(why)}") for why, _ in reasons.most_common(_REASONS)]
    more = len(reasons) - _REASONS
    return [*parts, *([Note.of(f"and for {more:,} more {'reason' if more == 1 else 'reasons'}")] if more > 0 else [])]


def _counted(incidents: Iterable[Incident]) -> str:
    """Say how many there are of each severity, the worst first."""
    found = Counter(one.severity for one in incidents)
    warnings = f"{found['warning']:,} warning{'' if found['warning'] == 1 else 's'}"
    counted = (f"{found['critical']:,} critical" if found["critical"] else "", warnings if found["warning"] else "")
    return " and ".join(words for words in counted if words)


def _line(news: News) -> Line:
    summary = shortened(named(news), SUMMARY)
    if news.kind == "resolved" or news.finding is None:
        return Line(level=Level.OK, label=summary, value="resolved")
    return line(news.incident.alert, news.finding.rule, summary)
