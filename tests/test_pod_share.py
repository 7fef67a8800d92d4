"""A pod is as near to its limit as its worst container: the kernel kills by container."""

from typing import Any

import pytest

from bot.clients.cluster_usage import ListedPod, PodUsage
from bot.clients.platform_words import KUBERNETES
from bot.pod_share import Share, is_limited, worst_share
from bot.reply import Level, Reply, Table
from commands.high_memory_usage.top_pods import top_pods

MIB = 1024.0**2


def pod(containers: dict[str, tuple[float | None, float | None]], **more: Any) -> ListedPod:
    """A pod of containers with limits of memory (MiB) and CPU."""
    limits = {name: {"memory": mib and mib * MIB, "cpu": cpu} for name, (mib, cpu) in containers.items()}
    values: dict[str, Any] = {
        "name": "a",
        "uid": "u",
        "app": "novapulse-api",
        "ready": 1,
        "containers": len(containers),
    }
    values |= {"state": "ready", "restarts": 0, "reason": "", "created_at": None, "started_at": None}
    values |= {"node": "n", "image": "i", "requested": {"memory": None, "cpu": None}}
    values |= {"limits": {"memory": None, "cpu": None}, "container_limits": limits}
    return ListedPod(**(values | more))


def uses(containers: dict[str, tuple[float | None, float | None]]) -> PodUsage:
    each = {name: {"memory": mib and mib * MIB, "cpu": cpu} for name, (mib, cpu) in containers.items()}
    total = {kind: sum(one[kind] or 0 for one in each.values()) for kind in ("memory", "cpu")}
    return PodUsage(pod="a", cpu=total["cpu"], memory=total["memory"], at=None, containers=each)


def test_one_at_its_limit_is_not_hidden_by_another_beside_it() -> None:
    there = pod({"api": (512, 1.0), "proxy": (1024, 1.0)})
    share = worst_share("memory", there, uses({"api": (505, 0.1), "proxy": (20, 0.9)}))
    assert share == Share("api", 505 * MIB, 512 * MIB)
    assert worst_share("cpu", there, uses({"api": (505, 0.1), "proxy": (20, 0.9)})) == Share("proxy", 0.9, 1.0)


def test_one_without_a_limit_leaves_the_other_its_own() -> None:
    there = pod({"api": (512, None), "proxy": (None, None)})
    assert worst_share("memory", there, uses({"api": (256, 0.1), "proxy": (900, 0.1)})) == Share(
        "api", 256 * MIB, 512 * MIB
    )
    assert is_limited("memory", there)
    assert not is_limited("cpu", there)
    assert worst_share("cpu", there, uses({"api": (256, 0.1)})) is None


def test_what_is_not_told_apart_is_one() -> None:
    there = pod({}, limits={"memory": 100.0, "cpu": None})
    assert worst_share("memory", there, PodUsage(pod="a", cpu=None, memory=90.0, at=None)) == Share("", 90.0, 100.0)
    assert worst_share("memory", there, None) is None
    assert worst_share("memory", None, PodUsage(pod="a", cpu=None, memory=90.0, at=None)) is None


class Reading:
    """A platform with one pod."""

    def __init__(self, there: ListedPod, used: PodUsage) -> None:
        self.words = KUBERNETES
        self._there, self._used = there, used

    async def pods(self) -> list[ListedPod]:
        return [self._there]

    async def usage(self) -> list[PodUsage]:
        return [self._used]


async def asked(reading: Reading) -> Reply:
    reply = await top_pods.handler(pod_metrics=reading)
    assert isinstance(reply, Reply)
    return reply


@pytest.mark.parametrize(
    ("mib", "cpu", "marks"),
    [(85, 0.80, ""), (85.1, 0.80, "memory high"), (85, 0.801, "cpu high"), (86, 0.81, "memory high, cpu high")],
)
async def test_the_runbooks_marks_are_beyond_85_and_80_percent(mib: float, cpu: float, marks: str) -> None:
    reading = Reading(pod({"api": (100, 1.0), "proxy": (1000, 9.0)}), uses({"api": (mib, cpu), "proxy": (1, 0.01)}))
    reply = await asked(reading)
    (row,) = (row for part in reply.parts if isinstance(part, Table) for row in part.rows)
    assert row[-1] == marks
    assert reply.level is (Level.WARNING if marks else Level.OK)
    assert f"({mib:.0f}% in api)" in row[1]


async def test_a_pod_without_a_limit_is_named() -> None:
    reading = Reading(pod({"api": (None, 1.0)}), uses({"api": (100, 0.1)}))
    reply = await asked(reading)
    assert "Without a limit of memory, so of no share: a." in str(reply.parts)
