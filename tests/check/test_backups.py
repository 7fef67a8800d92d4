from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.backup import BackupRule
from bot.check.backups import backup_lines
from bot.clients.cluster_connection import ClusterConnection
from bot.clients.cluster_cronjobs import CronJobs
from bot.clients.cluster_workloads import Workloads
from bot.clients.compose_cronjobs import ComposeCronJobs
from bot.reply import Level
from bot.settings import PlatformSettings
from tests.clients.kubernetes_server import CRONJOBS, JOBS, KubernetesServer, cronjob, kubernetes_server, status

NAMED = {"mongodb": BackupRule(cronjob="mongo-backup")}


@pytest.fixture
async def server() -> AsyncIterator[KubernetesServer]:
    async with kubernetes_server() as running:
        running.answers[f"GET {CRONJOBS}/mongo-backup"] = cronjob("mongo-backup")
        running.answers[f"GET {JOBS}"] = {"kind": "JobList", "items": []}
        yield running


async def said(server: KubernetesServer, directory: Path, rules: dict[str, BackupRule]) -> list[str]:
    settings = PlatformSettings(kubeconfig=server.kubeconfig(directory))
    connection = ClusterConnection(settings)
    lines = await backup_lines(rules, CronJobs(Workloads(settings, connection)))
    await connection.close()
    return [f"{line.level} {line.label}: {line.value}" for line in lines]


async def test_a_backup_that_is_there(server: KubernetesServer, tmp_path: Path) -> None:
    there = "CronJob mongo-backup is there (0 2 * * *), last succeeded: 2026-06-30 02:04 UTC"
    assert await said(server, tmp_path, NAMED) == [f"ok Backup of MongoDB: {there}"]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (status(404, "no"), "there is no CronJob mongo-backup in namespace novapulse. Name the CronJob that makes it"),
        (status(403, "cronjobs.batch is forbidden"), "cronjobs.batch is forbidden. Apply deploy/kubernetes/rbac.yaml"),
    ],
)
async def test_a_backup_that_cannot_be_read_says_how_to_mend_it(
    server: KubernetesServer, tmp_path: Path, answer: Any, words: str
) -> None:
    server.answers[f"GET {CRONJOBS}/mongo-backup"] = answer
    (line,) = await said(server, tmp_path, NAMED)
    assert line.startswith("critical Backup of MongoDB: ")
    assert words in line


async def test_what_nobody_watches_is_said(server: KubernetesServer, tmp_path: Path) -> None:
    mend = "Name its CronJob under [backups.mongodb] in the policy, or set watched = false there."
    assert await said(server, tmp_path, {}) == [f"warning Backup of MongoDB: nothing says what makes it. {mend}"]
    assert await said(server, tmp_path, {"mongodb": BackupRule(watched=False)}) == [
        "info Backup of MongoDB: not watched, as the policy says"
    ]


async def test_on_docker_compose_a_cronjob_cannot_be_read() -> None:
    (line,) = await backup_lines(NAMED, ComposeCronJobs())
    assert line.level is Level.WARNING
    assert "Docker Compose has no CronJobs" in line.value
    assert "watched = false" in line.value
