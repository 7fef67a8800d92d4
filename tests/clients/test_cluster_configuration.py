"""What is said of a variable's value where the cluster refuses it: nothing. And which change would not arrive."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from bot.clients.cluster_configuration import CONFIG_MAP, Configuration, overriding, why_ineffective
from bot.clients.cluster_connection import ClusterConnection
from bot.clients.cluster_workloads import WorkloadObject, Workloads
from bot.errors import PermanentError, Unavailable
from bot.masking import mask
from bot.settings import PlatformSettings
from tests.clients.kubernetes_server import DEPLOYMENTS, KubernetesServer, deployment, kubernetes_server, status

WORKER = f"{DEPLOYMENTS}/novapulse-worker"


class OneSecret:
    """A vault with one value."""

    def __init__(self, secret: str) -> None:
        self.secret = SecretStr(secret)

    async def value(self, reference: str) -> SecretStr:
        assert reference == "kept:1"
        return self.secret


@pytest.fixture
async def server() -> AsyncIterator[KubernetesServer]:
    async with kubernetes_server() as running:
        running.answers[f"GET {WORKER}"] = deployment()
        yield running


async def refused(server: KubernetesServer, directory: Path, secret: str, code: int, words: str) -> str:
    """Return what is raised where the API answers the patch so."""
    server.answers[f"PATCH {WORKER}"] = status(code, words)
    settings = PlatformSettings(kubeconfig=server.kubeconfig(directory))
    connection = ClusterConnection(settings)
    configuration = Configuration(Workloads(settings, connection), OneSecret(secret))
    try:
        with pytest.raises(PermanentError if code in (400, 422) else Unavailable) as raised:
            await configuration.set_variable("worker", "SMTP_LOGIN", "kept:1", "uid-1")
    finally:
        await connection.close()
    return str(raised.value)


@pytest.mark.parametrize("code", [400, 403, 422, 500])
@pytest.mark.parametrize(
    "secret", ["hunter2-ribbon", 'hunter2 "ribbon"\n\\é', "mongodb://nova:ribbon@hunter2/novapulse"]
)
async def test_a_refusal_that_quotes_the_value_does_not_show_it(
    server: KubernetesServer, tmp_path: Path, code: int, secret: str
) -> None:
    for quoted in (secret, json.dumps(secret), json.dumps(secret, ensure_ascii=False)):
        words = f"env[3].value: Invalid value: {quoted}: denied by the admission policy"
        said = await refused(server, tmp_path, secret, code, words)
        assert "env[3].value: Invalid value: " in said
        assert "***" in said
        assert said.endswith("denied by the admission policy")
        assert not [part for part in ("hunter2", "ribbon") if part in said]
    (patch, *_) = server.patches()
    assert patch.body["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"] == secret


@pytest.mark.parametrize("before", range(200, 300, 9))
async def test_a_value_at_which_the_words_are_cut_off_is_not_shown_either(
    server: KubernetesServer, tmp_path: Path, before: int
) -> None:
    said = await refused(server, tmp_path, "hunter2-ribbon" * 30, 422, "x" * before + " " + "hunter2-ribbon" * 30)
    assert "hun" not in said
    assert said.endswith("characters in all)")


async def test_what_quotes_no_value_is_said_as_it_is(server: KubernetesServer, tmp_path: Path) -> None:
    assert (await refused(server, tmp_path, "hunter2", 422, "exceeded quota: small")).endswith("exceeded quota: small")
    assert (await refused(server, tmp_path, "", 422, "exceeded quota: small")).endswith("exceeded quota: small")


OURS: dict[str, Any] = {"configMapRef": {"name": CONFIG_MAP}}
SECRET: dict[str, Any] = {"secretRef": {"name": "novapulse-secrets"}}


def reading(*sources: dict[str, Any], key: str = "") -> WorkloadObject:
    """A worker that reads these sources, and QUEUE_CONCURRENCY from a key of the ConfigMap where one is given."""
    found = deployment()
    reference = {"configMapKeyRef": {"name": CONFIG_MAP, "key": key}}
    container = {"name": "worker", "image": "novapulse/worker:1", "envFrom": list(sources)}
    container["env"] = [{"name": "QUEUE_CONCURRENCY", "valueFrom": reference}] if key else []
    found["spec"]["template"] = {"spec": {"containers": [container]}}
    return WorkloadObject.model_validate(found)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (reading(OURS), ""),
        (reading(key="QUEUE_CONCURRENCY"), ""),
        (reading(OURS, key="worker-concurrency"), "from the key worker-concurrency of ConfigMap"),
        (reading(OURS | {"prefix": "APP_"}), "does not read QUEUE_CONCURRENCY from the ConfigMap"),
        (reading(SECRET), "does not read QUEUE_CONCURRENCY from the ConfigMap"),
    ],
)
def test_a_change_that_would_not_arrive_is_known_before_anything_is_restarted(found: WorkloadObject, said: str) -> None:
    why = why_ineffective(found, "worker", "QUEUE_CONCURRENCY")
    assert said in why
    assert bool(said) is bool(why)


@pytest.mark.parametrize(
    ("found", "sources"),
    [
        (reading(OURS, SECRET), ("Secret novapulse-secrets",)),
        (reading(SECRET, OURS), ()),
        (reading(OURS, SECRET | {"prefix": "APP_"}), ()),
        (reading(OURS, {"configMapRef": {"name": "another"}}), ("ConfigMap another",)),
        (reading(OURS, SECRET, key="QUEUE_CONCURRENCY"), ()),
    ],
)
def test_what_is_read_later_may_count_in_its_place(found: WorkloadObject, sources: tuple[str, ...]) -> None:
    assert overriding(found.spec.template.container("worker"), "QUEUE_CONCURRENCY") == sources


async def test_a_plan_says_what_may_count_in_its_place(server: KubernetesServer, tmp_path: Path) -> None:
    settings = PlatformSettings(kubeconfig=server.kubeconfig(tmp_path))
    connection = ClusterConnection(settings)
    configuration = Configuration(Workloads(settings, connection), OneSecret("x"))
    (said,) = configuration.doubts(reading(OURS, SECRET), "worker", "QUEUE_CONCURRENCY")
    await connection.close()
    assert said.endswith(
        "reads Secret novapulse-secrets, after the ConfigMap: where that has QUEUE_CONCURRENCY too, its value counts."
    )
    assert mask(said) == said
