from datetime import UTC, datetime, timedelta

import pytest

from bot.alert import Alert, Severity
from bot.alerting.audience import Audience
from bot.alerting.dedupe import Kind, News
from bot.alerting.digest import digest
from bot.catalog import Catalog
from bot.policy import Policy
from bot.reply import Level
from bot.stores.incidents import Incident

NOW = datetime(2026, 7, 1, 9, tzinfo=UTC)
SECTIONS = ("people", "roles", "approvals", "limits", "schedules")
CALLED = Audience(Policy.model_validate({name: {} for name in SECTIONS} | {"alerts": []}), ("U1",))


def news(kind: Kind, number: int, severity: Severity = "warning", was_muted: str = "") -> News:
    about = {"severity": severity, "state": "firing", "summary": f"A{number}", "since": NOW}
    alert = Alert.model_validate({"labels": {}, "value": 1, **about})
    incident = Incident(f"i{number}", f"f{number}", alert, severity, "firing", 1, NOW)
    return News(kind, incident, None, was_muted=was_muted)


@pytest.mark.parametrize(
    ("kinds", "title", "level"),
    [
        (("opened", "opened"), "2 new alerts at once", Level.WARNING),
        (("joined", "joined"), "2 cards have more alerts", Level.WARNING),
        (("resolved", "resolved"), "2 alerts are resolved", Level.OK),
        (("resolved", "opened"), "2 alerts fire", Level.WARNING),
        (("quiet", "changed"), "2 alerts fire", Level.WARNING),
    ],
)
def test_the_title_says_what_is_new_of_all_of_them(kinds: tuple[Kind, ...], title: str, level: Level) -> None:
    reply = digest([news(kind, number) for number, kind in enumerate(kinds)], CALLED, Catalog({}, {}), NOW)
    assert (reply.title, reply.level) == (title, level)


def test_of_many_reasons_the_most_frequent_are_said_and_the_others_counted() -> None:
    reasons = ("a", "b", "b", "c", "c", "d", "e", "c")
    several = [news("unmuted", number, "critical", why) for number, why in enumerate(reasons)]
    reply = digest(several, CALLED, Catalog({}, {}), NOW + timedelta(minutes=1))
    assert [str(part) for part in reply.parts if "Until now" in str(part)] == [
        f"kind='text' spans=('Until now: {why}.',)" for why in ("c", "b", "a")
    ]
    assert "and for 2 more reasons" in str(reply.parts)
    assert "id='U1', name='U1', notify=True" in str(reply.parts), "on-call is mentioned for what is critical"
