"""Many incidents that began or ended in one tick, as one message: the critical ones first, none left out silently."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from bot.alert_rule import SEVERITIES
from bot.alerting.audience import Audience
from bot.alerting.card import LEVELS, line, mentions
from bot.alerting.dedupe import News
from bot.catalog import Catalog
from bot.next_steps import next_steps
from bot.reply import Buttons, Level, Line, Note, Part, Reply, Text, When

# A message holds about so many lines; the rest is one button away.
SHOWN: Final = 40
ALERTS: Final = "/alerts"


def digest(news: list[News], audience: Audience, catalog: Catalog, now: datetime) -> Reply:
    """Render what began, or what ended, each incident a line."""
    ordered = sorted(news, key=lambda one: (-SEVERITIES.index(one.incident.severity), one.incident.opened_at))
    lines = [_line(one) for one in ordered[:SHOWN]]
    more = len(ordered) - SHOWN
    notes: list[Part] = [Note.of(f"and {more:,} more: {ALERTS} lists what fires.")] if more > 0 else []
    buttons = next_steps((ALERTS,), {}, catalog)
    rest: list[Part] = [*lines, *notes, *([Buttons(buttons=buttons)] if buttons else [])]
    if news[0].kind == "resolved":
        parts = [Text.of(f"{len(news):,} alerts were over at ", When(at=now), "."), *rest]
        return Reply(title=f"{len(news):,} alerts are resolved", level=Level.OK, parts=tuple(parts))
    worst = ordered[0].incident.severity
    began = Text.of(f"{_counted(ordered)} began at ", When(at=now), ".")
    parts = [began, *mentions(worst, audience), *rest]
    return Reply(title=f"{len(news):,} new alerts at once", level=LEVELS[worst], parts=tuple(parts))


def _counted(news: Iterable[News]) -> str:
    """Say how many there are of each severity, the worst first."""
    found = Counter(one.incident.severity for one in news)
    warnings = f"{found['warning']:,} warning{'' if found['warning'] == 1 else 's'}"
    counted = (f"{found['critical']:,} critical" if found["critical"] else "", warnings if found["warning"] else "")
    return " and ".join(words for words in counted if words)


def _line(news: News) -> Line:
    summary = news.incident.alert.summary
    if news.kind == "resolved" or news.finding is None:
        return Line(level=Level.OK, label=summary, value="resolved")
    return line(news.incident, news.finding.rule, summary)
