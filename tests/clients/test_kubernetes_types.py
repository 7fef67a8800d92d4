"""The check of requests itself: what is wrong is found."""

import pytest

from tests.clients.kubernetes_types import JSON_PATCH, check

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
