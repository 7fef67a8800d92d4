"""What pods use of their limits: per pod, without those that have none, and unknown where nobody measures."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from bot.clients.cluster_usage import ListedPod, PodUsage
from bot.errors import BotError, NotConfigured, Unavailable
from bot.schedule import Observation
from bot.stores.database import Database
from bot.stores.samples import Samples
from schedules.usage_watch import usage_watch
from tests.own_database import with_tables
from tests.schedules.conftest import as_declared

NOW = datetime(2026, 7, 1, 8, tzinfo=UTC)


def pod(name: str, **limits: float | None) -> ListedPod:
    return ListedPod(
        name=name,
        uid=name,
        app="novapulse-api",
        ready=1,
        containers=1,
        state="ready",
        restarts=0,
        reason="",
        created_at=NOW,
        started_at=NOW,
        node="n",
        image="i",
        requested={},
        limits=limits,
    )


@dataclass
class Pods:
    """Pods and their usage as a test says."""

    there: list[ListedPod] = field(default_factory=list)
    used: list[PodUsage] | BotError = field(default_factory=list)

    async def pods(self) -> list[ListedPod]:
        return self.there

    async def usage(self) -> list[PodUsage]:
        if isinstance(self.used, BotError):
            raise self.used
        return self.used


async def observe(tmp_path: Path, pods: Pods) -> list[Observation]:
    database = Database(f"sqlite:///{tmp_path / 'state.db'}")
    await with_tables(database)
    try:
        return as_declared(usage_watch, await usage_watch.handler(pods, Samples(database), NOW))
    finally:
        await database.close()


async def test_each_pod_with_a_limit_has_its_share(tmp_path: Path) -> None:
    there = [pod("a", memory=1000, cpu=0.5), pod("b", memory=None, cpu=None), pod("c", memory=1000, cpu=0.5)]
    found = await observe(tmp_path, Pods(there, [PodUsage(pod="a", cpu=0.42, memory=870, at=NOW)]))
    shares = {(one.metric, one.labels["pod"]): (one.value, one.is_expected) for one in found}
    assert shares == {
        ("pod_memory_percent", "a"): (87, True),
        ("pod_cpu_percent", "a"): (84, True),
        ("pod_memory_percent", "c"): (None, False),
        ("pod_cpu_percent", "c"): (None, False),
    }


async def test_without_a_metrics_server_nothing_is_known_and_it_is_said(tmp_path: Path) -> None:
    found = await observe(
        tmp_path, Pods([pod("a", memory=1000)], Unavailable("The cluster", "it has no metrics server"))
    )
    assert [(one.value, one.is_expected) for one in found] == [(None, True)] * 2
    assert "no metrics server" in found[0].reason


async def test_without_a_cluster_nobody_expects_to_know(tmp_path: Path) -> None:
    found = await observe(tmp_path, Pods([], NotConfigured("The cluster", "KUBECONFIG")))
    assert [(one.value, one.is_expected) for one in found] == [(None, False)] * 2
