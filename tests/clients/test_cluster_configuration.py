"""What is said of a variable's value where the cluster refuses it: nothing."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from bot.clients.cluster_configuration import Configuration
from bot.clients.cluster_connection import ClusterConnection
from bot.clients.cluster_workloads import Workloads
from bot.errors import PermanentError, Unavailable
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
