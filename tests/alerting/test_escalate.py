"""Who is called in which window, by an injected clock: what Alertmanager's acceptance tests do for its receivers."""

from datetime import UTC, datetime, timedelta
from typing import Any

from bot.alert import Alert
from bot.alerting.escalate import called, escalate
from bot.oncall import Escalation, OnCall
from bot.policy import Policy
from bot.request import Actor
from bot.rota import Override, Rota
from bot.stores.escalations import Call
from bot.stores.incidents import Incident

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
RULES: dict[str, Any] = {"after": ["10m", "20m", "30m"], "repeat": "30m"}
FOUR: list[dict[str, Any]] = [{"title": str(level), "people": [f"U{level}"]} for level in range(1, 5)]


def incident(**more: Any) -> Incident:
    labels = {"alert": "redis-down"}
    alert = Alert(labels=labels, severity="critical", state="firing", summary="Redis is away", value=0, since=NOON)
    values: dict[str, Any] = {
        "id": "i1",
        "fingerprint": "f1",
        "alert": alert,
        "severity": "critical",
        "state": "firing",
        "peak": 0,
    }
    return Incident(**values | {"opened_at": NOON} | more)


def rota(levels: list[dict[str, Any]] | None = None, *overrides: Override) -> Rota:
    return Rota(OnCall.model_validate({"levels": FOUR if levels is None else levels}), overrides)


def play(until: int, *, who: Rota | None = None, **more: Any) -> list[tuple[int, int, tuple[str, ...]]]:
    """Let minutes pass; return who was called in which: the minute, the level, the people."""
    made: list[Call] = []
    for minute in range(until + 1):
        rules = Escalation.model_validate(RULES | more)
        made += escalate([incident()], {"i1": made} if made else {}, who or rota(), rules, NOON + minute * MINUTE)
    return [(int((call.at - NOON) / MINUTE), call.level, call.people) for call in made]


def test_each_level_in_its_window_and_the_last_one_again() -> None:
    assert play(95) == [
        (0, 1, ("U1",)),
        (10, 2, ("U2",)),
        (20, 3, ("U3",)),
        (30, 4, ("U4",)),
        (60, 4, ("U4",)),
        (90, 4, ("U4",)),
    ]


def test_without_a_repeat_the_last_level_is_called_once() -> None:
    assert [minute for minute, _, _ in play(200, repeat="0s")] == [0, 10, 20, 30]


def test_a_policy_without_escalation_calls_level_one_only() -> None:
    assert play(60, after=[], repeat="0s") == [(0, 1, ("U1",))]


def test_after_a_level_with_nobody_the_next_one_is_called_at_once() -> None:
    empty: list[dict[str, Any]] = [FOUR[0], {"title": "2"}, FOUR[2], FOUR[3]]
    assert play(30, who=rota(empty)) == [(0, 1, ("U1",)), (10, 2, ()), (10, 3, ("U3",)), (30, 4, ("U4",))]
    nobody_first: list[dict[str, Any]] = [{"title": "1"}, *FOUR[1:]]
    assert play(5, who=rota(nobody_first)) == [(0, 1, ()), (0, 2, ("U2",))]
    nobody_last: list[dict[str, Any]] = [*FOUR[:3], {"title": "4"}]
    assert play(60, who=rota(nobody_last))[3:] == [(30, 4, ()), (60, 3, ("U3",))]
    nobody = [{"title": str(level)} for level in range(1, 5)]
    assert play(90, who=rota(nobody)) == [(0, level, ()) for level in range(1, 5)]


def test_whoever_stands_in_at_that_moment_is_called() -> None:
    times = {"since": NOON + 5 * MINUTE, "until": NOON + 15 * MINUTE}
    by = Actor(id="U1", name="Ann")
    instead = Override(id="o1", level=2, person="U9", by=by, made_at=NOON, **times)
    assert play(10, who=rota(None, instead))[1] == (10, 2, ("U9",))


def test_what_somebody_has_or_rings_nobody_or_is_no_longer_critical_calls_nobody() -> None:
    rules = Escalation.model_validate(RULES)
    for changed in (
        {"acknowledged_by": "Ann", "acknowledged_at": NOON},
        {"muted": "silenced"},
        {"severity": "warning"},
        {"state": "resolved"},
    ):
        assert escalate([incident(**changed)], {}, rota(), rules, NOON) == []


def test_levels_missed_while_the_bot_was_away_are_called_when_it_is_back() -> None:
    made = [Call("i1", NOON, 1, 1, NOON, ("U1",))]
    due = escalate([incident()], {"i1": made}, rota(), Escalation.model_validate(RULES), NOON + 25 * MINUTE)
    assert [(call.number, call.level) for call in due] == [(2, 2), (3, 3)]


def test_the_card_says_how_far_it_has_come() -> None:
    people = {"U1": {"name": "Ann"}, "U2": {"name": "Bob"}}
    empty: dict[str, Any] = {"roles": {}, "approvals": {}, "limits": {}, "schedules": {}, "alerts": []}
    policy = Policy.model_validate(empty | {"people": people})
    first, nobody = Call("i1", NOON, 1, 1, NOON, ("U1",)), Call("i1", NOON, 2, 2, NOON + 10 * MINUTE, ())
    assert called([first], policy) == ""
    words = called([first, nobody, Call("i1", NOON, 3, 3, NOON + 10 * MINUTE, ("U2", "U1"))], policy)
    assert words == (
        "Called, and not acknowledged: level 1 (Ann) at 12:00 UTC; "
        "level 2 skipped, nobody is known to be on call; level 3 (Bob, Ann) at 12:10 UTC"
    )
