"""The cases of kubectl's own rollout_status_test.go, in its order of questions."""

import pytest

from bot.clients.cluster_rollout import rollout_of
from bot.clients.cluster_state import Condition, DeploymentState


def _deployment(
    *,
    generation: int = 1,
    observed: int = 1,
    replicas: int = 1,
    counts: tuple[int, int, int] = (1, 1, 1),
    conditions: tuple[Condition, ...] = (),
    paused: bool = False,
) -> DeploymentState:
    total, updated, available = counts
    return DeploymentState(
        name="foo",
        uid="8764ae47-9092-11e4-8393-42010af018ff",
        resource_version="1",
        replicas=replicas,
        total=total,
        ready=available,
        updated=updated,
        available=available,
        unavailable=total - available,
        generation=generation,
        observed_generation=observed,
        revision=1,
        image="",
        paused=paused,
        conditions=conditions,
    )


@pytest.mark.parametrize(
    ("deployment", "done", "words"),
    [
        (_deployment(generation=0, observed=1, counts=(1, 0, 0)), False, "0 of 1 new replicas have been updated"),
        (_deployment(counts=(2, 1, 2)), False, "1 old replicas are pending termination"),
        (_deployment(replicas=2, counts=(2, 2, 1)), False, "1 of 2 updated replicas are available"),
        (_deployment(replicas=2, counts=(2, 2, 2)), True, "is rolled out"),
        (_deployment(generation=2, replicas=2, counts=(2, 2, 2)), False, "waiting for the change to be observed"),
        (_deployment(replicas=0, counts=(0, 0, 0)), True, "is rolled out"),
    ],
)
def test_judges_as_kubectl_does(deployment: DeploymentState, done: bool, words: str) -> None:
    rollout = rollout_of(deployment)
    assert rollout.done is done
    assert not rollout.stalled
    assert words in rollout.message


def _condition(kind: str, reason: str, message: str = "") -> Condition:
    return Condition(type=kind, status="True", reason=reason, message=message)


def test_a_passed_deadline_is_a_stall_even_when_the_counts_fit() -> None:
    rollout = rollout_of(_deployment(conditions=(_condition("Progressing", "ProgressDeadlineExceeded"),)))
    assert (rollout.done, rollout.stalled) == (False, True)


def test_a_passed_deadline_of_an_older_generation_says_nothing() -> None:
    stale = _deployment(generation=2, conditions=(_condition("Progressing", "ProgressDeadlineExceeded"),))
    rollout = rollout_of(stale)
    assert (rollout.done, rollout.stalled) == (False, False)


def test_says_why_no_pod_can_be_made() -> None:
    quota = _condition("ReplicaFailure", "FailedCreate", "exceeded quota: compute")
    assert "exceeded quota" in rollout_of(_deployment(counts=(0, 0, 0), conditions=(quota,))).message


def test_says_that_the_deployment_is_paused() -> None:
    assert "paused" in rollout_of(_deployment(counts=(1, 0, 1), paused=True)).message


def test_counts_what_a_card_shows() -> None:
    rollout = rollout_of(_deployment(replicas=3, counts=(4, 2, 1)))
    assert (rollout.ready, rollout.updated, rollout.total) == (1, 2, 3)
