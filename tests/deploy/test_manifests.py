import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes.aio import client
from pydantic import BaseModel

from bot import catalog
from bot.clients.cluster_rights import Right, rights_needed
from bot.policy_file import read
from bot.settings import PlatformSettings

ROOT = Path(__file__).resolve().parents[2]
MANIFESTS = ROOT / "deploy" / "kubernetes"
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text()
MODELS: dict[str, type[BaseModel]] = {
    "ConfigMap": client.V1ConfigMap,
    "Deployment": client.V1Deployment,
    "NetworkPolicy": client.V1NetworkPolicy,
    "PersistentVolumeClaim": client.V1PersistentVolumeClaim,
    "Role": client.V1Role,
    "RoleBinding": client.V1RoleBinding,
    "Secret": client.V1Secret,
    "Service": client.V1Service,
    "ServiceAccount": client.V1ServiceAccount,
}


def _load(path: Path) -> list[dict[str, Any]]:
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


def _objects() -> Iterator[dict[str, Any]]:
    for path in sorted(MANIFESTS.glob("*.yaml")):
        if path.name != "kustomization.yaml":
            yield from _load(path)


OBJECTS = {f"{found['kind']}/{found['metadata']['name']}": found for found in _objects()}
POD = OBJECTS["Deployment/novapulse-bot"]["spec"]["template"]["spec"]
(CONTAINER,) = POD["containers"]


@pytest.mark.parametrize("name", OBJECTS)
def test_every_field_is_one_that_kubernetes_knows(name: str) -> None:
    found = OBJECTS[name]
    read_back = MODELS[found["kind"]].model_validate(found)
    assert read_back.model_dump(by_alias=True, exclude_none=True) == found


@pytest.mark.parametrize("name", OBJECTS)
def test_everything_is_in_the_namespace_of_the_settings(name: str) -> None:
    assert OBJECTS[name]["metadata"]["namespace"] == PlatformSettings().kube_namespace


def test_the_role_grants_exactly_the_rights_the_bot_needs() -> None:
    granted = [
        Right(verb, group, *_split(resource), name=name)
        for rule in OBJECTS["Role/novapulse-bot"]["rules"]
        for verb in rule["verbs"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for name in rule.get("resourceNames", [""])
    ]
    assert sorted(map(str, granted)) == sorted(map(str, rights_needed(PlatformSettings())))


def _split(resource: str) -> tuple[str, str]:
    name, _, subresource = resource.partition("/")
    return name, subresource


def test_nothing_is_granted_beyond_the_namespace() -> None:
    assert not [name for name in OBJECTS if name.startswith("Cluster")]
    assert "*" not in str(OBJECTS["Role/novapulse-bot"]["rules"])


def test_the_role_is_bound_to_the_account_the_pod_runs_as() -> None:
    binding = OBJECTS["RoleBinding/novapulse-bot"]
    assert binding["roleRef"]["name"] == "novapulse-bot"
    account = f"{binding['subjects'][0]['kind']}/{binding['subjects'][0]['name']}"
    assert account in OBJECTS
    assert POD["serviceAccountName"] == binding["subjects"][0]["name"]


def test_one_pod_at_a_time_writes_the_state() -> None:
    spec = OBJECTS["Deployment/novapulse-bot"]["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
    mounts = {mount["name"]: mount["mountPath"] for mount in CONTAINER["volumeMounts"]}
    assert _environment()["STATE_URL"]["value"].startswith(f"sqlite:///{mounts['state']}/")
    assert "PersistentVolumeClaim/novapulse-bot-state" in OBJECTS


def test_it_runs_without_any_privilege() -> None:
    assert POD["securityContext"]["runAsNonRoot"] is True
    assert POD["securityContext"]["runAsUser"] > 0
    assert CONTAINER["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_it_is_watched_at_its_life_and_bounded() -> None:
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        # Not /healthz, which is unwell while Slack is: a restart would mend nothing, and deaf it would hear nothing.
        assert CONTAINER[probe]["httpGet"] == {"path": "/livez", "port": "http"}
    assert CONTAINER["resources"]["limits"].keys() == {"cpu", "memory"}
    assert str(CONTAINER["ports"][0]["containerPort"]) == _environment()["PORT"]["value"]


def _environment() -> dict[str, dict[str, Any]]:
    return {entry["name"]: entry for entry in CONTAINER["env"]}


def test_the_example_secret_holds_no_secret() -> None:
    assert set(OBJECTS["Secret/novapulse-bot"]["stringData"].values()) == {"replace-me"}


def test_the_policy_is_one_the_bot_starts_with() -> None:
    text = OBJECTS["ConfigMap/novapulse-bot-policy"]["data"]["policy.toml"]
    assert read(text, catalog.load()).roles
    mounts = {mount["name"]: mount["mountPath"] for mount in CONTAINER["volumeMounts"]}
    assert _environment()["POLICY_FILE"]["value"] == f"{mounts['policy']}/policy.toml"


def test_the_service_and_the_network_policy_reach_the_pod() -> None:
    labels = OBJECTS["Deployment/novapulse-bot"]["spec"]["template"]["metadata"]["labels"]
    assert OBJECTS["Service/novapulse-bot"]["spec"]["selector"] == labels
    assert OBJECTS["NetworkPolicy/novapulse-bot"]["spec"]["podSelector"]["matchLabels"] == labels


def test_kustomize_applies_all_but_the_examples() -> None:
    (kustomization,) = _load(MANIFESTS / "kustomization.yaml")
    left_out = {"kustomization.yaml", "secret.example.yaml", "network-policy.yaml"}
    assert set(kustomization["resources"]) == {path.name for path in MANIFESTS.glob("*.yaml")} - left_out
    assert kustomization["images"][0]["name"] == CONTAINER["image"]


def test_the_image_runs_as_the_user_of_the_manifest() -> None:
    users = re.findall(r"^USER (\S+)$", DOCKERFILE, re.MULTILINE)
    assert users == [f"{POD['securityContext']['runAsUser']}:{POD['securityContext']['runAsGroup']}"]


def test_the_image_is_built_from_the_lock_with_its_hashes() -> None:
    assert re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE) == ["python:3.11-slim-bookworm"] * 2
    assert "--require-hashes --constraint requirements.lock" in DOCKERFILE
    pinned = re.search(r"uv==(\S+)", DOCKERFILE)
    assert pinned is not None
    assert pinned[0] in (ROOT / "Makefile").read_text()


def test_everything_the_image_copies_exists_and_is_sent_to_the_builder() -> None:
    copied = {
        name for line in re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE) for name in line.split()
    }
    assert copied == {"bot", "commands", "schedules", "policy.toml", "pyproject.toml", "requirements.lock"}
    assert all((ROOT / name).exists() for name in copied)
    ignore = (ROOT / "deploy" / "Dockerfile.dockerignore").read_text().splitlines()
    assert {line[1:] for line in ignore if line.startswith("!")} == copied


def test_the_procfile_and_the_image_start_the_same() -> None:
    assert (ROOT / "Procfile").read_text() == "bot: python -m bot serve\n"
    assert 'ENTRYPOINT ["python", "-m", "bot"]\nCMD ["serve"]\n' in DOCKERFILE


def test_the_policy_it_starts_with_is_the_projects() -> None:
    [stored] = yaml.safe_load_all((ROOT / "deploy/kubernetes/policy.yaml").read_text(encoding="utf-8"))
    assert stored["data"]["policy.toml"] == (ROOT / "policy.toml").read_text(encoding="utf-8")
