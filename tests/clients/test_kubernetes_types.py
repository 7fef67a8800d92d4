"""The check of requests itself: what is wrong is found."""

from typing import Any

import pytest
from pydantic import BaseModel, Field, ValidationError

from tests.clients.kubernetes_types import JSON_PATCH, answer_of, check, holds, reads

DEPLOYMENT = "/apis/apps/v1/namespaces/novapulse/deployments/novapulse-worker"
MERGE = "application/merge-patch+json"


def test_what_the_api_describes_passes() -> None:
    check("GET", DEPLOYMENT, {}, "", None)
    check("PATCH", DEPLOYMENT, {"fieldManager": "x"}, MERGE, {"spec": {"replicas": 3, "template": {"spec": None}}})
    check("PATCH", DEPLOYMENT, {}, JSON_PATCH, [{"op": "test", "path": "/metadata/annotations/a~1b", "value": "c"}])
    check("PATCH", f"{DEPLOYMENT}/scale", {}, MERGE, {"spec": {"replicas": 3}})


@pytest.mark.parametrize(
    ("method", "path", "query", "content_type", "body"),
    [
        ("POST", DEPLOYMENT, {}, "", None),
        ("GET", DEPLOYMENT + "/logs", {}, "", None),
        ("GET", DEPLOYMENT, {"labels": "a"}, "", None),
        ("PATCH", DEPLOYMENT, {}, "application/json", {"spec": {}}),
        ("PATCH", DEPLOYMENT, {}, MERGE, {"spec": {"replica": 3}}),
        ("PATCH", DEPLOYMENT, {}, MERGE, {"spec": {"replicas": "3"}}),
        ("PATCH", f"{DEPLOYMENT}/scale", {}, MERGE, {"spec": {"template": {}}}),
        ("PATCH", DEPLOYMENT, {}, JSON_PATCH, [{"op": "set", "path": "/spec"}]),
        ("PATCH", DEPLOYMENT, {}, JSON_PATCH, [{"op": "add", "path": "/spec/templates", "value": {}}]),
        ("DELETE", "/api/v1/namespaces/novapulse/pods/a", {}, "", {"precondition": {"uid": "b"}}),
    ],
)
def test_what_it_does_not_describe_is_found(
    method: str, path: str, query: dict[str, str], content_type: str, body: object
) -> None:
    with pytest.raises(AssertionError):
        check(method, path, query, content_type, body)


def condition(**more: Any) -> dict[str, Any]:
    return {"status": {"conditions": [{"type": "Ready", "status": "True", **more}]}}


def test_what_the_api_answers_passes() -> None:
    assert answer_of("GET", DEPLOYMENT) == "V1Deployment"
    assert answer_of("GET", "/api/v1/namespaces/novapulse/pods") == "V1PodList"
    holds(condition(lastTransitionTime="2026-07-01T09:00:00Z"), "V1Pod")


@pytest.mark.parametrize(
    "answer",
    [
        condition(since="2026-07-01T09:00:00Z"),
        condition(status=True),
        condition(type=None),
        {"state": {}},
        {"spec": {}},
    ],
)
def test_what_the_api_never_answers_is_found(answer: dict[str, Any]) -> None:
    with pytest.raises((AssertionError, ValidationError)):
        holds(answer, "V1Pod")


class Ports(BaseModel):
    """A field of a container's port, which a service's calls otherwise."""

    port: int = Field(alias="containerPort")


class Reads(BaseModel):
    """A field of deployments, and one of stateful sets."""

    paused: bool = False
    strategy: dict[str, Any] = Field(alias="updateStrategy")


def test_what_the_bot_reads_and_no_type_has_is_found() -> None:
    reads(Ports, {"V1ContainerPort"}, "")
    reads(Reads, {"V1DeploymentSpec", "V1StatefulSetSpec"}, "")
    for model, kinds in ((Ports, {"V1ServicePort"}), (Reads, {"V1DeploymentSpec"}), (Reads, {"V1StatefulSetSpec"})):
        with pytest.raises(AssertionError, match="have no field"):
            reads(model, kinds, "")
