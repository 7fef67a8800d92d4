"""`make test-cluster` itself, against a cluster that has nothing but its API."""

import asyncio
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.clients.cluster_with_namespaces import ClusterWithNamespaces, cluster_with_namespaces

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[ClusterWithNamespaces]:
    async with cluster_with_namespaces(tmp_path) as running:
        yield running


async def target(kubeconfig: str, *words: str) -> tuple[int, str]:
    """Run the target as it stands in the Makefile, with more words for pytest, and return its code and output."""
    environment = os.environ | {"PYTEST_ADDOPTS": " ".join(("-p no:cacheprovider", *words))}
    environment.pop("PYTEST_XDIST_WORKER", None)
    # What the target needs first is there already: this runs in it.
    child = await asyncio.create_subprocess_exec(
        "make",
        "-o",
        ".venv/ready",
        "test-cluster",
        f"KUBECONFIG={kubeconfig}",
        cwd=ROOT,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await child.communicate()
    assert child.returncode is not None
    return child.returncode, said.decode()


async def test_it_runs_all_that_a_real_cluster_can_do_and_leaves_nothing(cluster: ClusterWithNamespaces) -> None:
    code, said = await target(str(cluster.kubeconfig))
    assert code == 0, said
    passed, skipped = (int(found[1]) if (found := re.search(rf"(\d+) {word}", said)) else 0 for word in WORDS)
    assert passed >= 26, said
    assert skipped <= 10, said  # they need the sandbox to break something
    assert set(re.findall(r"SKIPPED \[\d+\] \S+ (.*)", said)) <= {WHY_SKIPPED}
    assert len(cluster.made) == len(set(cluster.made)) >= passed - 2  # two need no cluster
    assert cluster.removed == cluster.made
    assert all(re.fullmatch(r"novapulse-test-[0-9a-f]{8}", name) for name in cluster.made)


@pytest.mark.slow
async def test_its_namespace_is_removed_when_something_fails(cluster: ClusterWithNamespaces) -> None:
    cluster.refuse = "deployments"
    code, said = await target(str(cluster.kubeconfig), "-k", "test_scales_up")
    assert code != 0
    assert "exceeded quota" in said
    assert cluster.removed == cluster.made != []


async def test_without_a_kubeconfig_it_says_what_is_missing() -> None:
    code, said = await target("")
    assert code == 2
    assert "Say which cluster: make test-cluster KUBECONFIG=path" in said


WORDS = ("passed", "skipped")
WHY_SKIPPED = "a real cluster cannot be told to do this: it needs the sandbox's"
