"""What is news about an incident, asked of each stage directly."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.alert import Alert
from bot.alert_rule import AlertRule, Flapping, Inhibition, Notifications
from bot.alert_state import Machine
from bot.alerting.dedupe import EDIT_EVERY, News, dedupe
from bot.alerting.escalate import wants_somebody
from bot.alerting.evaluate import AlertState, Finding
from bot.alerting.group import group
from bot.alerting.stages import UNUSED, inhibit, matching, over, silence
from bot.request import Actor
from bot.silence import Silence
from bot.stores.incidents import Incident

NOW = datetime(2026, 7, 1, 9, tzinfo=UTC)
LABELS = {"rule": "email-queue", "queue": "email"}
VALUES = {"name": "email-queue", "metric": "queue_waiting", "warning": 500, "critical": 1000, "summary": "Email queue"}
RULE = AlertRule.model_validate(VALUES)
FALLING = AlertRule.model_validate(VALUES | {"warning": 2, "critical": 1, "below": True})


def found(rule: AlertRule = RULE, **changes: Any) -> Finding:
    values = {"labels": LABELS, "severity": "warning", "state": "firing", "summary": "Email queue", "since": NOW}
    alert = Alert.model_validate(values | {"value": 600.0} | changes)
    return Finding(alert, rule, AlertState(rule=rule.name, labels=alert.labels, value=alert.value))


def told(
    findings: list[Finding],
    *firing: Incident,
    now: datetime = NOW,
    rules: Notifications = Notifications(),  # noqa: B008 - frozen
    openings: int = 0,
) -> list[News]:
    groups = group(findings, lambda _: rules)
    before = {incident.fingerprint: incident for incident in firing}
    often = {each.key: openings for each in groups}
    return dedupe(groups, before, now, flapping=Flapping(), openings=often)


def kind(news: list[News]) -> str:
    """What is new about the only incident; nothing at all is quiet."""
    return news[0].kind if news else "quiet"


def opened(**changes: Any) -> Incident:
    (news,) = told([found(**changes)])
    return replace(news.incident, notified_at=NOW)


def test_what_fires_for_the_first_time_opens_an_incident_that_is_named_after_alert_and_moment() -> None:
    finding = found()
    (news,) = told([finding])
    assert (news.kind, news.finding) == ("opened", finding)
    assert news.incident.id == f"{finding.alert.fingerprint}-{int(NOW.timestamp())}"
    assert (news.incident.state, news.incident.peak, news.incident.opened_at) == ("firing", 600.0, NOW)
    assert news.incident.notified_at is None


@pytest.mark.parametrize("state", ["pending", "resolved"])
def test_what_does_not_fire_and_has_no_incident_is_no_news(state: str) -> None:
    assert told([found(state=state)]) == []


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        ({}, {"severity": "critical", "value": 1200.0}, "worsened"),
        ({"severity": "critical"}, {"severity": "warning"}, "changed"),
        ({}, {"value": None}, "changed"),
        ({"value": None}, {"value": 600.0}, "changed"),
        ({"value": None}, {"value": None}, "quiet"),
        ({}, {}, "quiet"),
        # It waits until a moved value may be shown again.
        ({}, {"value": 601.0}, "quiet"),
    ],
)
def test_what_is_new_about_an_incident_that_goes_on(before: dict[str, Any], now: dict[str, Any], expected: str) -> None:
    news = told([found(**now)], opened(**before))
    assert kind(news) == expected
    assert all(one.incident.opened_at == NOW for one in news)


@pytest.mark.parametrize(("seconds", "expected"), [(-1, "quiet"), (0, "moved"), (1, "moved")])
@pytest.mark.parametrize("change", [{"value": 601.0}, {"summary": "Email queue: stuck"}])
def test_a_moved_value_is_shown_when_its_time_has_come(change: dict[str, Any], seconds: int, expected: str) -> None:
    later = NOW + EDIT_EVERY + timedelta(seconds=seconds)
    assert kind(told([found(**change)], opened(), now=later)) == expected


def test_a_value_that_stands_still_is_never_shown_again() -> None:
    assert kind(told([found()], opened(), now=NOW + timedelta(hours=3))) == "quiet"


def test_without_a_card_of_its_own_a_moved_value_makes_none() -> None:
    before = replace(opened(), notified_at=None)
    assert kind(told([found(value=900.0)], before, now=NOW + timedelta(hours=3))) == "quiet"


@pytest.mark.parametrize(
    ("rule", "values", "peak"),
    [
        (RULE, (600.0, 900.0, 700.0), 900.0),
        (FALLING, (1.0, 0.0, 1.0), 0.0),
        (RULE, (None, 700.0, None), 700.0),
        (RULE, (None, None), None),
    ],
)
def test_the_worst_value_is_kept_whichever_way_the_rule_looks(
    rule: AlertRule, values: tuple[float | None, ...], peak: float | None
) -> None:
    incident = opened(value=values[0])
    for value in values[1:]:
        incident = next((news.incident for news in told([found(rule, value=value)], incident)), incident)
    assert incident.peak == peak


@pytest.mark.parametrize("state", ["resolved", "pending"])
def test_what_no_longer_fires_is_resolved_with_its_last_value(state: str) -> None:
    (news,) = told([found(state=state, value=3.0)], opened(), now=NOW + timedelta(minutes=1))
    assert (news.kind, news.incident.state, news.incident.alert.state) == ("resolved", "resolved", "resolved")
    assert (news.incident.alert.value, news.incident.resolved_at) == (3.0, NOW + timedelta(minutes=1))


def test_what_nothing_watches_any_longer_is_resolved_without_a_value() -> None:
    (news,) = told([], opened())
    assert (news.kind, news.finding, news.incident.alert.value) == ("resolved", None, None)


def test_two_alerts_are_two_incidents_each_with_its_own_news() -> None:
    other = found(labels=LABELS | {"queue": "report"})
    news = told([found(severity="critical"), other], opened())
    assert [one.kind for one in news] == ["worsened", "opened"]
    assert len({one.incident.fingerprint for one in news}) == 2


def system(name: str, **changes: Any) -> Finding:
    return found(labels={"alert": f"{name}-down", "system": name}, severity="critical", **changes)


DOWN = Inhibition.model_validate({"source": ["alert=redis-down"], "target": ["queue=~.+"]})
WORSE = Inhibition.model_validate({"source": ["severity=critical"], "target": ["severity=warning"], "equal": ["queue"]})


def muted(findings: list[Finding]) -> list[str]:
    return [finding.muted for finding in findings]


def test_what_fires_mutes_what_it_explains_and_nothing_else() -> None:
    other = system("api")
    assert muted(inhibit([system("redis"), found(), other], [DOWN])) == ["", 'explained by "Email queue"', ""]
    assert muted(inhibit([system("redis", state="pending"), found()], [DOWN])) == ["", ""]


def test_a_worse_alert_mutes_those_about_the_same_thing() -> None:
    worse = found(severity="critical", labels=LABELS | {"rule": "stalled"})
    others = [found(), found(labels=LABELS | {"queue": "report"})]
    assert [bool(one.muted) for one in inhibit([worse, *others], [WORSE])] == [False, True, False]


def test_what_is_source_and_target_at_once_is_not_muted_by_its_like() -> None:
    every = Inhibition.model_validate({"source": ["queue=~.+"], "target": ["queue=~.+"]})
    assert muted(inhibit([found(), found(labels=LABELS | {"queue": "report"})], [every])) == ["", ""]


def quiet(**changes: Any) -> Silence:
    values = {"id": "s1", "matchers": ["queue=email"], "owner": Actor(id="U1", name="Otto"), "reason": "known"}
    times = {"since": NOW, "until": NOW + timedelta(hours=1)}
    return Silence.model_validate(values | times | changes)


def test_a_silence_mutes_what_it_matches_and_says_who_and_why() -> None:
    findings = [found(), found(labels=LABELS | {"queue": "report"})]
    assert muted(silence(findings, [quiet()])) == [
        "silenced by Otto until 2026-07-01 10:00 UTC: known (silence s1)",
        "",
    ]


def test_a_maintenance_does_not_hide_what_fired_before_it() -> None:
    before, after = found(since=NOW - timedelta(seconds=1)), found(since=NOW)
    assert [bool(one.muted) for one in silence([before, after], [quiet(only_new=True)])] == [False, True]


def test_a_silence_until_resolved_is_over_when_nothing_fires_that_it_matches() -> None:
    lasting, waiting = quiet(), quiet(id="s2", until_resolved=True)
    assert matching([lasting, waiting], [found()]) == {"s1", "s2"}
    assert over([lasting, waiting], {"s1", "s2"}, NOW)["resolved"] == []
    assert matching([lasting, waiting], [found(state="resolved")]) == set()
    assert over([lasting, waiting], set(), NOW)["resolved"] == [waiting]


@pytest.mark.parametrize(
    ("changes", "is_over"),
    [
        ({"matched_at": NOW}, True),
        ({"matched_at": NOW + timedelta(seconds=1)}, False),  # not yet
        ({}, False),  # made ahead: what it is about has not begun
        ({"matched_at": NOW, "only_new": True}, False),  # a maintenance lasts
    ],
)
def test_a_silence_that_mutes_nothing_any_longer_ends(changes: dict[str, Any], is_over: bool) -> None:
    one = quiet(**changes)
    ended = over([one], set(), NOW + UNUSED)
    assert ended["nothing matches it any longer"] == ([one] if is_over else [])
    assert over([one], {one.id}, NOW + UNUSED)["nothing matches it any longer"] == []


def test_what_is_muted_from_the_beginning_is_on_record_and_heard_of_when_it_is_muted_no_longer() -> None:
    (silent,) = told([replace(found(), muted="silenced")])
    assert (silent.kind, silent.incident.muted, silent.incident.rung_at) == ("quiet", "silenced", None)
    (worse,) = told([replace(found(severity="critical"), muted="silenced")], silent.incident)
    assert (worse.kind, worse.incident.severity) == ("quiet", "critical")
    (heard,) = told([found()], silent.incident, now=NOW + timedelta(minutes=5))
    assert (heard.kind, heard.incident.id) == ("opened", silent.incident.id)
    assert heard.incident.rung_at == NOW + timedelta(minutes=5)


def test_what_was_muted_from_its_beginning_to_its_end_is_told_to_nobody() -> None:
    (silent,) = told([replace(found(), muted="silenced")])
    (over_now,) = told([found(state="resolved")], silent.incident)
    assert (over_now.kind, over_now.incident.state) == ("quiet", "resolved")


def test_what_is_within_its_limit_and_only_kept_says_so_and_nobody_is_called_for_it() -> None:
    calm = found(severity="critical")
    machine = Machine(since=NOW, clear_since=NOW + timedelta(minutes=1), firing=True)
    kept = replace(calm, state=calm.state.model_copy(update={"machines": {"critical": machine}}))
    (news,) = told([kept], opened(severity="critical"))
    assert (news.kind, news.incident.calm_since) == ("changed", NOW + timedelta(minutes=1))
    assert not wants_somebody(news.incident)
    (beyond,) = told([calm], news.incident)
    assert (beyond.kind, beyond.incident.calm_since) == ("changed", None)
    assert wants_somebody(beyond.incident)


def test_what_is_muted_stays_on_its_card_and_rings_when_that_ends() -> None:
    (now_muted,) = told([replace(found(), muted="silenced")], opened())
    assert (now_muted.kind, now_muted.incident.muted) == ("changed", "silenced")
    (worse,) = told([replace(found(severity="critical"), muted="silenced")], now_muted.incident)
    assert worse.kind == "changed"
    (loud,) = told([found(severity="critical")], worse.incident)
    assert (loud.kind, loud.incident.muted) == ("unmuted", "")


def test_an_acknowledgement_is_shown_at_once_and_is_void_when_it_gets_worse() -> None:
    later = NOW + timedelta(seconds=5)
    held = replace(opened(), acknowledged_by="Otto", acknowledged_at=later)
    (news,) = told([found()], held, now=later)
    assert (news.kind, news.incident.acknowledged_by) == ("changed", "Otto")
    (worse,) = told([found(severity="critical")], replace(held, notified_at=later), now=later)
    assert (worse.kind, worse.incident.acknowledged_by) == ("worsened", "")


def test_every_alert_has_a_card_of_its_own_unless_the_policy_groups_them() -> None:
    findings = [found(), found(labels=LABELS | {"queue": "report"})]
    assert len(told(findings)) == 2
    (together,) = told(findings, rules=BY_RULE)
    assert (together.kind, together.members) == ("opened", tuple(findings))


BY_RULE = Notifications.model_validate({"group_by": ["rule"], "group_interval": "5m", "repeat_interval": "4h"})
WEBHOOK = LABELS | {"queue": "webhook"}


def test_the_worst_of_a_group_stands_for_it_and_it_lasts_until_the_last_is_over() -> None:
    warning, critical = found(), found(labels=WEBHOOK, severity="critical", value=1200.0)
    (news,) = told([warning, critical], rules=BY_RULE)
    assert (news.finding, news.incident.severity) == (critical, "critical")
    before = replace(news.incident, notified_at=NOW)
    (left,) = told(
        [warning, replace(critical, alert=found(labels=WEBHOOK, state="resolved").alert)], before, rules=BY_RULE
    )
    assert (left.kind, left.incident.severity, left.finding) == ("changed", "warning", warning)
    (ended,) = told([found(state="resolved"), found(labels=WEBHOOK, state="resolved")], left.incident, rules=BY_RULE)
    assert ended.kind == "resolved"


@pytest.mark.parametrize(("minutes", "expected"), [(4, "changed"), (5, "joined"), (6, "joined")])
def test_who_joins_a_group_is_shown_at_once_and_heard_at_most_every_interval(minutes: int, expected: str) -> None:
    (news,) = told([found()], rules=BY_RULE)
    before, later = replace(news.incident, notified_at=NOW), NOW + timedelta(minutes=minutes)
    (joined,) = told([found(), found(labels=WEBHOOK)], before, rules=BY_RULE, now=later)
    assert (joined.kind, len(joined.members)) == (expected, 2)
    again = told([found(), found(labels=WEBHOOK)], joined.incident, rules=BY_RULE, now=later)
    assert "joined" not in {one.kind for one in again}


def test_a_group_is_muted_only_when_all_of_it_is() -> None:
    silent = replace(found(labels=WEBHOOK, severity="critical"), muted="silenced")
    (news,) = told([found(), silent], rules=BY_RULE)
    assert (news.kind, news.incident.severity, news.incident.muted) == ("opened", "warning", "")
    before = replace(news.incident, notified_at=NOW)
    (muted_now,) = told([replace(found(), muted="known"), silent], before, rules=BY_RULE)
    assert (muted_now.kind, muted_now.incident.muted) == ("changed", "silenced")


@pytest.mark.parametrize(
    ("hours", "changes", "expected"),
    [
        (3, {}, "quiet"),
        (4, {}, "repeated"),
        (4, {"acknowledged_by": "Otto", "acknowledged_at": NOW}, "quiet"),
        (4, {"muted": "silenced"}, "quiet"),
        (4, {"rung_at": NOW + timedelta(hours=1)}, "quiet"),
    ],
)
def test_what_goes_on_and_nobody_has_rings_again(hours: int, changes: dict[str, Any], expected: str) -> None:
    before = replace(opened(), **changes)
    finding = replace(found(), muted=before.muted)
    assert kind(told([finding], before, now=NOW + timedelta(hours=hours))) == expected


def test_what_is_on_and_off_keeps_its_card_until_it_has_been_calm() -> None:
    (news,) = told([found()], openings=2)
    assert news.incident.flapping
    before, minute = replace(news.incident, notified_at=NOW), timedelta(minutes=1)
    (calm,) = told([found(state="resolved")], before, now=NOW + minute)
    assert (calm.kind, calm.incident.state, calm.incident.calm_since) == ("changed", "firing", NOW + minute)
    assert kind(told([found(state="resolved")], calm.incident, now=NOW + 5 * minute)) == "quiet"
    (back,) = told([found()], calm.incident, now=NOW + 6 * minute)
    assert (back.kind, back.incident.calm_since) == ("changed", None)
    (ended,) = told([found(state="resolved")], calm.incident, now=NOW + 11 * minute)
    assert (ended.kind, ended.incident.resolved_at) == ("resolved", NOW + 11 * minute)


def test_twice_is_not_yet_on_and_off() -> None:
    (news,) = told([found()], openings=1)
    assert not news.incident.flapping
