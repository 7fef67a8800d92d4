"""What a policy may say, piece by piece."""

import re
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from bot.alert_rule import AlertRule
from bot.policy import ApprovalRule, Policy, ScheduleRule


def policy(**more: Any) -> Policy:
    data: dict[str, Any] = {
        "people": {"U1": {"name": "ann"}, "U2": {"name": "bob"}, "U3": {"name": "cyn"}},
        "roles": {
            "viewer": {"permissions": ["queues:read"], "members": ["U3"]},
            "operator": {"includes": ["viewer"], "permissions": ["workers:scale"], "members": ["U1"]},
            "lead": {"includes": ["operator"], "members": ["U2"]},
        },
        "approvals": {"default": {"approvers": ["lead"]}, "/scale": {"approvers": ["lead"], "needed": 2}},
        "limits": {"worker": {"maximum": 10, "step": 3}},
        "schedules": {},
        "alerts": [],
    }
    return Policy.model_validate(data | more)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0s", timedelta(0)), ("30s", timedelta(seconds=30)), ("5 m", timedelta(minutes=5)), ("7d", timedelta(days=7))],
)
def test_a_duration_is_a_number_and_a_unit(text: str, expected: timedelta) -> None:
    rule = ApprovalRule.model_validate({"approvers": ["lead"], "approve_within": text})
    assert rule.approve_within == expected


@pytest.mark.parametrize("text", ["5", "", "5 minutes", "-5m", "1.5h", 5, None, ["5m"]])
def test_anything_else_is_no_duration(text: object) -> None:
    with pytest.raises(ValidationError, match="a number and a unit"):
        ApprovalRule.model_validate({"approvers": ["lead"], "approve_within": text})


@pytest.mark.parametrize(
    "cron",
    [
        "0 8 * * *",
        "*/5 0-6,22 1,15 jan-mar mon-fri",
        "59 23 31 12 7",
        "0 8 * * MON",
        "05 8 1-9/2 jan-6/2 fri-mon",
        "0 8 * * mon-5",
        "0/59 0-23/23 * * *",
    ],
)
def test_a_cron_line_is_five_fields(cron: str) -> None:
    assert ScheduleRule.model_validate({"cron": cron}).cron == cron


@pytest.mark.parametrize("cron", ["0 8 * *", "0 8 * * * *", " "])
def test_a_cron_line_of_other_than_five_fields_is_refused(cron: str) -> None:
    with pytest.raises(ValidationError, match="five fields: minute, hour"):
        ScheduleRule.model_validate({"cron": cron})


@pytest.mark.parametrize(
    ("cron", "said"),
    [
        ("60 8 * * *", "minute cannot be 60"),
        ("*/60 8 * * *", "minute cannot be"),
        ("0 24 * * *", "hour cannot be 24"),
        ("jan 8 * * *", "minute cannot be jan"),
        ("0 mon * * *", "hour cannot be mon"),
        ("0 8 0 * *", "day of month cannot be 0"),
        ("0 8 mon * *", "day of month cannot be mon"),
        ("0 8 10-5 * *", "day of month cannot be 10-5"),
        ("0 8 1-5/9 * *", "day of month cannot be 1-5/9"),
        ("0 8 */0 * *", "day of month cannot be"),
        ("0 8 1, * *", "day of month cannot be 1,"),
        ("0 8 * 13 *", "month cannot be 13"),
        ("0 8 * nov-feb *", "month cannot be nov-feb"),
        ("0 8 * * funday", "day of week cannot be funday"),
        ("0 8 * * 8", "day of week cannot be 8"),
    ],
)
def test_a_wrong_cron_line_is_refused_naming_the_field(cron: str, said: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(said)):
        ScheduleRule.model_validate({"cron": cron})


@pytest.mark.parametrize("rule", [{}, {"cron": "0 8 * * *", "every": "30s"}])
def test_a_schedule_has_one_clock(rule: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="either cron or every"):
        ScheduleRule.model_validate(rule)


def test_every_no_time_at_all_is_refused() -> None:
    with pytest.raises(ValidationError, match="longer than 0 s"):
        ScheduleRule.model_validate({"every": "0s"})


def rule(**more: Any) -> AlertRule:
    return AlertRule.model_validate({"name": "a", "metric": "m", "summary": "s"} | more)


def test_an_alert_rule_needs_a_threshold() -> None:
    with pytest.raises(ValidationError, match="warning, critical or both"):
        rule()
    assert rule(warning=5).threshold("critical") is None
    assert rule(warning=5, critical=7).threshold("critical") == 7
    assert rule(warning=5, critical=7).threshold("warning") == 5


@pytest.mark.parametrize(
    "thresholds",
    [
        {"warning": 5, "critical": 4},
        {"warning": 5, "clear": 6},
        {"below": True, "warning": 5, "critical": 6},
        {"below": True, "critical": 1, "clear": 0.5},
    ],
)
def test_thresholds_stand_in_order(thresholds: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="in this order"):
        rule(**thresholds)
    assert rule(below=True, warning=5, critical=4, clear=6).clear == 6


def test_roles_bring_those_they_include_even_in_a_circle() -> None:
    assert policy().roles_of("U2") == {"lead", "operator", "viewer"}
    assert policy().roles_of("U9") == frozenset()
    circle = {"a": {"includes": ["b"], "members": ["U1"]}, "b": {"includes": ["a"]}}
    assert policy(roles=circle).roles_of("U1") == {"a", "b"}


def test_members_come_in_the_order_of_the_file() -> None:
    assert policy().members(("viewer",)) == ("U1", "U2", "U3")
    assert policy().members(("lead", "nothing")) == ("U2",)
    assert policy().members(()) == ()


def test_a_command_has_its_own_approval_rule_or_the_default() -> None:
    assert policy().approval("/scale").needed == 2
    assert policy().approval("/other").needed == 1


def test_people_have_names_and_strangers_keep_their_id() -> None:
    assert policy().name("U1") == "ann"
    assert policy().name("U9") == "U9"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("timezone", "Mars/Olympus"),
        ("timezone", "../etc/passwd"),
        ("limits", {"cron": {"maximum": 1, "step": 1}}),
        ("limits", {"worker": {"maximum": 0, "step": 1}}),
        ("people", {"U1": {"name": "ann", "admin": True}}),
        ("approvals", {"default": {"approvers": []}}),
        ("surprise", 1),
    ],
)
def test_what_the_policy_does_not_know_is_refused(key: str, value: object) -> None:
    with pytest.raises(ValidationError):
        policy(**{key: value})


@pytest.mark.parametrize(
    ("more", "labels", "covered"),
    [
        ({}, {"queue": "email"}, True),
        ({"match": {"queue": "email"}}, {"queue": "email", "pod": "a"}, True),
        ({"match": {"queue": "email"}}, {"queue": "report"}, False),
        ({"match": {"queue": "email"}}, {}, False),
        ({"unless": {"queue": "email"}}, {"queue": "email"}, False),
        ({"unless": {"queue": "email"}}, {"queue": "report"}, True),
        ({"metric": "other"}, {"queue": "email"}, False),
    ],
)
def test_a_rule_is_about_what_it_matches(more: dict[str, Any], labels: dict[str, str], covered: bool) -> None:
    assert rule(warning=5, **more).covers("m", labels) is covered


@pytest.mark.parametrize(
    ("value", "severity"), [(500, None), (500.5, "warning"), (1000, "warning"), (1001, "critical")]
)
def test_the_worst_severity_that_holds(value: float, severity: str | None) -> None:
    assert rule(warning=500, critical=1000).severity_of(value) == severity


@pytest.mark.parametrize(("value", "severity"), [(1, None), (0.5, "critical")])
def test_below_turns_the_comparison_around(value: float, severity: str | None) -> None:
    assert rule(critical=1, below=True).severity_of(value) == severity
