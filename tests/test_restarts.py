"""How often a pod restarted, as a table says it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.clients.cluster_objects import Pod
from bot.clients.cluster_pods import pod_state
from bot.clients.cluster_state import PodState
from bot.restarts import restarts, restarts_of
from tests.clients.kubernetes_server import pod

NOW = datetime(2026, 7, 1, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("count", "reason", "at", "said"),
    [
        (0, "", None, "0"),
        (0, "", NOW, "0"),
        (3, "OOMKilled", NOW - timedelta(days=15, hours=2), "3 (OOMKilled 15 d 2 h ago)"),
        (3, "OOMKilled", None, "3 (OOMKilled)"),
        (1, "", NOW - timedelta(minutes=2), "1 (2 min ago)"),
    ],
)
def test_the_last_one_is_said_with_how_long_ago_it_was(count: int, reason: str, at: datetime | None, said: str) -> None:
    assert restarts(count, reason, at, NOW) == said


def _pod(name: str, restarts_: int, reason: str, at: datetime | None) -> PodState:
    state = pod_state(Pod.model_validate(pod(name)), "worker")
    return replace(state, restarts=restarts_, last_restart_reason=reason, last_restart_at=at)


def test_of_several_the_last_is_said() -> None:
    old, newer = NOW - timedelta(days=15), NOW - timedelta(hours=3)
    assert restarts_of([_pod("a", 0, "", None)], NOW) == ""
    assert restarts_of([_pod("a", 2, "", None)], NOW) == ""
    found = [_pod("a", 2, "OOMKilled", old), _pod("b", 1, "Error", newer)]
    assert restarts_of(found, NOW) == " (Error, OOMKilled, the last 3 h ago)"
