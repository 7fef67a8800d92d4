"""The steps with which several plans end: a rollout watched to its end, the API healthy, the queues worked on again."""

from typing import Final

from pydantic import JsonValue

from bot.clients.platform_words import KUBERNETES, Words
from bot.plan import Step

ROLLOUT_TIMEOUT: Final = 900.0
# Docker Compose is done only when the last container has had its time to stop; Kubernetes answers at once.
CHANGE_TIMEOUT: Final = 300.0
CONNECT_TIMEOUT: Final = 120.0
HEALTH_TIMEOUT: Final = 120.0


def baseline(stamp: str, *roles: str) -> Step:
    """Read workloads before they are changed, to be compared with what ``watched`` sees."""
    arguments: dict[str, JsonValue] = {"stamp": stamp, "roles": list(roles)}
    return Step(title="Read how things are before", operation="effects.baseline", arguments=arguments, timeout=60.0)


def watched(role: str, name: str, seconds: float, stamp: str) -> Step:
    """Compare a workload with its baseline until so many seconds after its newest pod has started."""
    return Step(
        title=f"Watch {name} for {seconds / 60:g} minutes",
        kind="wait",
        operation="effects.seen",
        arguments={"role": role, "seconds": seconds, "stamp": stamp},
        timeout=seconds * 3,
        interval=5.0,
        watches=True,
    )


def restarted(role: str, name: str, uid: str, stamp: str, at: str, words: Words = KUBERNETES) -> tuple[Step, ...]:
    """Restart a deployment under this stamp and watch it; ``at`` is the moment, ISO 8601."""
    arguments: dict[str, JsonValue] = {"role": role, "stamp": stamp, "at": at, "expect_uid": uid}
    restart = Step(title=f"Restart {name}", operation="restarts.restart", arguments=arguments, timeout=CHANGE_TIMEOUT)
    return (restart, rolled_out(role, name, words))


def taken_up(role: str, name: str, uid: str, stamp: str, at: str, words: Words = KUBERNETES) -> tuple[Step, ...]:
    """Have a workload start with a setting that was changed; where that replaced its pods at once, only watch it."""
    if words.replaces_at_once:
        return (rolled_out(role, name, words),)
    return restarted(role, name, uid, stamp, at, words)


def rolled_out(role: str, name: str, words: Words = KUBERNETES) -> Step:
    """Wait until a deployment is rolled out."""
    return Step(
        title=f"Wait for the {words.rollout} of {name}",
        kind="wait",
        operation="cluster.rollout_done",
        arguments={"role": role},
        timeout=ROLLOUT_TIMEOUT,
    )


def healthy() -> Step:
    """Wait until the API calls itself healthy: pods that are ready may be without their database."""
    return Step(title="See that the API is healthy", kind="wait", operation="api.healthy", timeout=HEALTH_TIMEOUT)


def connected(replicas: int) -> Step:
    """Wait until so many workers are connected to every queue."""
    return Step(
        title="See that workers are connected to the queues",
        kind="wait",
        operation="queues.workers_connected",
        arguments={"minimum": replicas},
        timeout=CONNECT_TIMEOUT,
    )
