from datetime import UTC, datetime
from typing import Any

import pytest

from bot.effect import Reading, compared

AT = datetime(2026, 7, 1, 9, tzinfo=UTC)
QUIET = {"waiting": {"email": 40}, "per_minute": 60.0, "memory": 61.0, "limit": 100.0, "restarts": {"old": 3}}


def reading(**more: Any) -> Reading:
    return Reading.model_validate({"at": AT, **QUIET, **more})


@pytest.mark.parametrize(
    ("now", "verdict"),
    [
        ({}, "nothing speaks for undo; "),
        ({"memory": 88.0}, "memory rose from 61% to 88% of the limit: consider undo; "),
        (
            {"restarts": {"new": 2}, "reasons": ("OOMKilled",)},
            "restarted 2 times since (OOMKilled): consider undo; ",
        ),
        ({"restarts": {"old": 4}}, "restarted 1 time since: consider undo; "),
        ({"per_minute": 40.0}, "jobs that end fell from 60 a minute to 40 a minute while jobs wait: consider undo; "),
        ({"per_minute": 40.0, "waiting": {"email": 0}}, "nothing speaks for undo; "),
        (
            {"per_minute": 0.0, "paused": ("email",)},
            "no job is begun: the queues are paused, which is no reason for undo; nothing else speaks for undo; ",
        ),
        (
            {"per_minute": 2.0, "waiting": {"email": 9, "report": 9}, "paused": ("email",)},
            "jobs that end: 2 a minute, because email is paused, which is no reason for undo; nothing else speaks for",
        ),
        ({"per_minute": 60.0, "paused": ("email",)}, "nothing speaks for undo; "),
        ({"memory": 88.0, "per_minute": 0.0, "paused": ("email",)}, "memory rose from 61% to 88% of the limit: con"),
        (
            {"memory": None, "per_minute": 0.0, "paused": ("email",)},
            (
                "no job is begun: the queues are paused, which is no reason for undo; nothing else that is known speaks"
                " for undo; unknown: memory; "
            ),
        ),
        ({"memory": None}, "nothing that is known speaks for undo; unknown: memory; "),
        ({"waiting": {"email": None}}, "nothing that is known speaks for undo; unknown: queues; "),
    ],
)
def test_the_verdict_comes_first(now: dict[str, Any], verdict: str) -> None:
    assert compared(reading(), reading(restarts={"new": 0}).model_copy(update=now), "worker").startswith(verdict)


def test_what_was_is_beside_what_is() -> None:
    said = compared(reading(), reading(waiting={"email": 5}, per_minute=90.0, restarts={"new": 0}), "worker")
    assert "waiting: email 5 (was 40); jobs that ended: 90 a minute (was 60 a minute)" in said
    assert said.endswith("restarts since: none")


def test_without_a_baseline_nothing_is_compared() -> None:
    said = compared(None, reading(restarts={}), "worker")
    assert "unknown: what was before" in said
    assert "email 40 (was unknown)" in said


def test_the_api_says_its_health_and_its_pool() -> None:
    sick = reading(is_healthy=False, health="the API says that it is not healthy: mongodb down", pool=60.0)
    said = compared(reading(pool=30.0), sick, "api")
    assert said.startswith("the API is not healthy: consider undo; the API says")
    assert "connections to MongoDB: 60 (was 30)" in said
    assert "unknown: health" in compared(reading(), reading(), "api")


def test_many_queues_are_counted_and_not_listed() -> None:
    many = {f"q{number}": number for number in range(100)}
    assert "92 more" in compared(None, reading(waiting=many), "worker")
