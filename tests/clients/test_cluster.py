from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from bot.clients.cluster import POD_LIMIT, Cluster
from bot.clients.cluster_rights import Right, rights_needed
from bot.errors import (
    Forbidden,
    NotConfigured,
    PermanentError,
    TemporaryError,
    TimedOut,
    Unavailable,
    UsageError,
    UserError,
)
from bot.plan import kind_of
from bot.settings import PlatformSettings
from tests.clients.kubernetes_server import (
    DEPLOYMENTS,
    HPAS,
    PODS,
    REVIEWS,
    SCALED_OBJECTS,
    Asked,
    KubernetesServer,
    deployment,
    kubernetes_server,
    pod,
    status,
)

WORKER = f"GET {DEPLOYMENTS}/novapulse-worker"
SCALE = f"PATCH {DEPLOYMENTS}/novapulse-worker/scale"
EARLY, LATER = "2026-07-01T08:00:00Z", "2026-07-01T08:30:00Z"


@pytest.fixture
async def server() -> AsyncIterator[KubernetesServer]:
    async with kubernetes_server() as running:
        running.answers[WORKER] = deployment()
        running.answers[f"GET {PODS}"] = {"kind": "PodList", "items": [pod("worker-a"), pod("worker-b")]}
        yield running


@pytest.fixture
async def cluster(server: KubernetesServer, tmp_path: Path) -> AsyncIterator[Cluster]:
    client = Cluster(PlatformSettings(kubeconfig=server.kubeconfig(tmp_path)))
    yield client
    await client.close()


# Reading


async def test_reads_the_version_of_the_api_server(server: KubernetesServer, cluster: Cluster) -> None:
    server.answers["GET /version/"] = {"gitVersion": "v1.33.1"}
    assert await cluster.reachable() == "v1.33.1"


async def test_reads_a_deployment(cluster: Cluster) -> None:
    state = await cluster.deployment("worker")
    assert (state.name, state.uid, state.resource_version) == ("novapulse-worker", "uid-1", "100")
    assert (state.replicas, state.total, state.ready, state.updated, state.available) == (2, 2, 2, 2, 2)
    assert (state.generation, state.observed_generation, state.revision) == (3, 3, 7)
    assert state.image == "novapulse/worker:1.4.2"
    assert not state.paused
    assert state.conditions[0].reason == "NewReplicaSetAvailable"


async def test_masks_secrets_in_a_conditions_message(server: KubernetesServer, cluster: Cluster) -> None:
    condition = {"type": "ReplicaFailure", "status": "True", "message": "mongodb://u:hunter2secret@db/x"}
    server.answers[WORKER] = deployment(status={"conditions": [condition]})
    state = await cluster.deployment("worker")
    assert "hunter2secret" not in repr(state)


async def test_a_deployment_without_a_usable_revision_has_none(server: KubernetesServer, cluster: Cluster) -> None:
    server.answers[WORKER] = deployment(metadata={"annotations": {"deployment.kubernetes.io/revision": "x"}})
    assert (await cluster.deployment("worker")).revision is None


async def test_an_unknown_workload_is_answered_with_those_that_exist(cluster: Cluster) -> None:
    with pytest.raises(UsageError, match="api and worker") as error:
        await cluster.deployment("workr")
    assert error.value.nearest == "worker"


async def test_a_deployment_that_does_not_exist_names_the_variable(cluster: Cluster) -> None:
    with pytest.raises(Unavailable, match=r"no deployment novapulse-api .* API_DEPLOYMENT"):
        await cluster.deployment("api")


async def test_asks_for_the_configured_deployment(server: KubernetesServer, tmp_path: Path) -> None:
    settings = PlatformSettings(
        kubeconfig=server.kubeconfig(tmp_path), kube_namespace="staging", worker_deployment="jobs"
    )
    server.answers["GET /apis/apps/v1/namespaces/staging/deployments/jobs"] = deployment("jobs")
    cluster = Cluster(settings)
    assert (await cluster.deployment("worker")).name == "jobs"
    await cluster.close()


async def test_reads_pods_with_restarts_and_reasons(server: KubernetesServer, cluster: Cluster) -> None:
    containers = [
        {"name": "proxy", "restartCount": 1},
        {
            "name": "worker",
            "restartCount": 4,
            "state": {"waiting": {"reason": "CrashLoopBackOff"}},
            "lastState": {"terminated": {"reason": "OOMKilled", "exitCode": 137}},
        },
    ]
    metadata = {"annotations": {"controller.kubernetes.io/pod-deletion-cost": "-5"}}
    server.answers[f"GET {PODS}"] = {
        "items": [
            pod(
                "worker-a",
                ready=False,
                status={"containerStatuses": containers, "conditions": []},
                metadata={"name": "worker-a", **metadata},
            )
        ]
    }
    (found,) = await cluster.pods("worker")
    assert (found.restarts, found.last_restart_reason, found.waiting) == (5, "OOMKilled", "CrashLoopBackOff")
    assert (found.ready, found.phase, found.node, found.deletion_cost) == (False, "Running", "node-a", -5)
    assert found.started_at is not None
    assert found.started_at.isoformat() == "2026-07-01T08:00:00+00:00"
    assert server.asked[-1].query == {"labelSelector": "app=novapulse-worker", "limit": str(POD_LIMIT)}


async def test_selects_pods_by_expressions_too(server: KubernetesServer, cluster: Cluster) -> None:
    expressions = [
        {"key": "tier", "operator": "In", "values": ["a", "b"]},
        {"key": "old", "operator": "DoesNotExist"},
        {"key": "new", "operator": "Exists"},
        {"key": "zone", "operator": "NotIn", "values": ["x"]},
    ]
    server.answers[WORKER] = deployment(spec={"selector": {"matchExpressions": expressions}})
    await cluster.pods("worker")
    assert server.asked[-1].query["labelSelector"] == "tier in (a,b),!old,new,zone notin (x)"


@pytest.mark.parametrize("selector", [{}, {"matchExpressions": [{"key": "a", "operator": "Gt"}]}])
async def test_a_selector_that_says_nothing_never_selects_every_pod(
    server: KubernetesServer, cluster: Cluster, selector: dict[str, Any]
) -> None:
    server.answers[WORKER] = deployment(spec={"selector": selector})
    with pytest.raises(Unavailable):
        await cluster.pods("worker")


async def test_more_pods_than_were_asked_for_is_said(server: KubernetesServer, cluster: Cluster) -> None:
    server.answers[f"GET {PODS}"] = {"metadata": {"continue": "next"}, "items": [pod("worker-a")]}
    with pytest.raises(Unavailable, match="more than 500 pods"):
        await cluster.pods("worker")


async def test_an_answer_that_is_no_pod_list_is_not_no_pods(server: KubernetesServer, cluster: Cluster) -> None:
    answers: list[dict[str, Any] | web.Response] = [
        {},
        web.Response(text="<html>log in</html>", content_type="text/html"),
    ]
    for answer in answers:
        server.answers[f"GET {PODS}"] = answer
        with pytest.raises(Unavailable, match="something else than a PodList"):
            await cluster.pods("worker")


# Who else scales it


async def test_finds_every_owner_of_the_replicas(server: KubernetesServer, cluster: Cluster) -> None:
    other = {
        "metadata": {"name": "other"},
        "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "x"}, "maxReplicas": 3},
    }
    target = {"kind": "Deployment", "name": "novapulse-worker"}
    hpa = {"metadata": {"name": "worker-hpa"}, "spec": {"scaleTargetRef": target, "minReplicas": 3, "maxReplicas": 10}}
    keda = {"metadata": {"name": "worker-keda"}, "spec": {"scaleTargetRef": {"name": "novapulse-worker"}}}
    server.answers[f"GET {HPAS}"] = {"items": [other, hpa]}
    server.answers[f"GET {SCALED_OBJECTS}"] = {"items": [keda]}
    server.answers[WORKER] = deployment(
        metadata={"annotations": {"argocd.argoproj.io/tracking-id": "nova:apps/Deployment:novapulse/worker"}}
    )
    found = await cluster.autoscalers("worker")
    assert [(owner.kind, owner.name, owner.minimum, owner.maximum) for owner in found] == [
        ("HPA", "worker-hpa", 3, 10),
        ("KEDA", "worker-keda", 0, 100),
        ("GitOps", "Argo CD nova", None, None),
    ]
    assert found[0].sentence() == "HPA worker-hpa keeps it between 3 and 10 and reverts a manual scale."
    assert "Argo CD nova" in found[2].sentence()


@pytest.mark.parametrize(
    ("labels", "name"),
    [
        ({"kustomize.toolkit.fluxcd.io/name": "apps"}, "Flux apps"),
        ({"helm.toolkit.fluxcd.io/name": "nova"}, "Flux nova"),
        ({"argocd.argoproj.io/instance": "nova"}, "Argo CD nova"),
        ({"app.kubernetes.io/managed-by": "Flux"}, "Flux"),
    ],
)
async def test_knows_what_git_controllers_leave(
    server: KubernetesServer, cluster: Cluster, labels: dict[str, str], name: str
) -> None:
    server.answers[f"GET {HPAS}"] = {"items": []}
    server.answers[WORKER] = deployment(metadata={"labels": labels})
    assert [(owner.kind, owner.name) for owner in await cluster.autoscalers("worker")] == [("GitOps", name)]


async def test_nobody_owns_a_deployment_without_keda_or_marks(server: KubernetesServer, cluster: Cluster) -> None:
    server.answers[f"GET {HPAS}"] = {"items": []}
    server.answers[WORKER] = deployment(metadata={"labels": {"app.kubernetes.io/managed-by": "Helm"}})
    assert await cluster.autoscalers("worker") == []


async def test_owners_that_cannot_be_read_are_unknown_not_none(server: KubernetesServer, cluster: Cluster) -> None:
    server.answers[f"GET {HPAS}"] = status(403, 'cannot list resource "horizontalpodautoscalers"')
    server.answers[f"GET {SCALED_OBJECTS}"] = status(400, "odd")
    found = await cluster.autoscalers("worker")
    assert [(owner.kind, owner.name) for owner in found] == [("HPA", ""), ("KEDA", "")]
    assert "unknown" in found[0].sentence()
    assert "cannot list resource" in found[0].sentence()


# Scaling


def _scales(server: KubernetesServer, *, then: int) -> None:
    """Let the patch take effect."""

    def answer(asked: Asked) -> dict[str, Any]:
        server.answers[WORKER] = deployment(spec={"replicas": asked.body["spec"]["replicas"]})
        return {"kind": "Scale", "spec": {"replicas": then}}

    server.answers[SCALE] = answer


async def test_scales_exactly_the_version_it_read(server: KubernetesServer, cluster: Cluster) -> None:
    _scales(server, then=5)
    assert await cluster.scale("worker", 5) == {"changed": True, "before": 2, "after": 5}
    (patch,) = server.patches()
    assert patch.body == {"metadata": {"resourceVersion": "100"}, "spec": {"replicas": 5}}
    assert patch.content_type == "application/merge-patch+json"
    assert patch.query["fieldManager"] == "novapulse-bot"


async def test_scaling_again_to_the_same_end_changes_nothing(server: KubernetesServer, cluster: Cluster) -> None:
    _scales(server, then=0)
    await cluster.scale("worker", 0)
    assert await cluster.scale("worker", 0) == {"changed": False, "before": 0, "after": 0}
    assert len(server.patches()) == 1


async def test_reads_again_when_the_deployment_moved_meanwhile(server: KubernetesServer, cluster: Cluster) -> None:
    def answer(_: Asked) -> web.Response | dict[str, Any]:
        if len(server.patches()) == 1:
            server.answers[WORKER] = deployment(metadata={"resourceVersion": "101"}, spec={"replicas": 3})
            return status(409, "the object has been modified")
        return {"kind": "Scale"}

    server.answers[SCALE] = answer
    assert await cluster.scale("worker", 5) == {"changed": True, "before": 3, "after": 5}
    assert [patch.body["metadata"]["resourceVersion"] for patch in server.patches()] == ["100", "101"]


async def test_gives_up_for_now_when_the_deployment_never_rests(server: KubernetesServer, cluster: Cluster) -> None:
    server.answers[SCALE] = status(409, "the object has been modified")
    with pytest.raises(TemporaryError, match="nothing was done"):
        await cluster.scale("worker", 5)


async def test_leaves_a_deployment_alone_that_was_made_anew(server: KubernetesServer, cluster: Cluster) -> None:
    with pytest.raises(PermanentError, match="made anew"):
        await cluster.scale("worker", 5, expect_uid="uid-0")
    assert server.patches() == []


@pytest.mark.parametrize("replicas", [-1, True, "5", 2.5, None])
async def test_a_wrong_number_of_replicas_is_refused_unasked(
    server: KubernetesServer, cluster: Cluster, replicas: Any
) -> None:
    with pytest.raises(UsageError):
        await cluster.scale("worker", replicas)
    assert server.asked == []


async def test_a_refused_change_is_not_tried_again(server: KubernetesServer, cluster: Cluster) -> None:
    server.answers[SCALE] = status(422, "spec.replicas: Invalid value")
    with pytest.raises(PermanentError, match="Invalid value"):
        await cluster.scale("worker", 5)


async def test_a_lost_answer_may_be_repeated(server: KubernetesServer, tmp_path: Path) -> None:
    async def scale_and_hang(asked: Asked) -> web.Response:
        server.answers[WORKER] = deployment(spec={"replicas": asked.body["spec"]["replicas"]})
        return await server.hang(asked)

    server.answers[SCALE] = scale_and_hang
    cluster = Cluster(PlatformSettings(kubeconfig=server.kubeconfig(tmp_path)), seconds=0.3)
    with pytest.raises(TimedOut):
        await cluster.scale("worker", 5)
    assert (await cluster.scale("worker", 5))["changed"] is False
    assert len(server.patches()) == 1
    await cluster.close()


# Waiting


async def test_a_finished_rollout_is_done(cluster: Cluster) -> None:
    progress = await cluster.rollout_done("worker")
    assert (progress.done, progress.failed) == (True, False)


async def test_a_rollout_past_its_deadline_has_failed(server: KubernetesServer, cluster: Cluster) -> None:
    conditions = [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]
    server.answers[WORKER] = deployment(status={"conditions": conditions, "updatedReplicas": 1})
    progress = await cluster.rollout_done("worker")
    assert (progress.done, progress.failed) == (False, True)
    assert "progress deadline" in progress.message


async def test_counts_ready_pods_and_says_why_others_are_not(server: KubernetesServer, cluster: Cluster) -> None:
    stuck = pod("worker-b", ready=False)
    stuck["status"]["containerStatuses"] = [{"name": "worker", "state": {"waiting": {"reason": "ImagePullBackOff"}}}]
    leaving = pod("worker-c", metadata={"name": "worker-c", "deletionTimestamp": "2026-07-01T09:00:00Z"})
    server.answers[f"GET {PODS}"] = {"items": [pod("worker-a"), stuck, leaving]}
    progress = await cluster.pods_ready("worker", 2)
    assert not progress.done
    assert progress.message == "1 of 2 pods ready (ImagePullBackOff)"


@pytest.mark.parametrize("phase", ["Failed", "Succeeded"])
async def test_pods_that_ended_and_were_left_in_the_list_do_not_count(
    server: KubernetesServer, cluster: Cluster, phase: str
) -> None:
    ended = pod("worker-z", ready=False)
    ended["status"] |= {"phase": phase, "reason": "Evicted"}
    server.answers[f"GET {PODS}"] = {"items": [pod("worker-a"), ended]}
    progress = await cluster.pods_ready("worker", 1)
    assert (progress.done, progress.message) == (True, "1 of 1 pods ready")


@pytest.mark.parametrize(
    ("status", "ending"),
    [
        ({"phase": "Running"}, None),
        ({"phase": "Failed", "reason": "Evicted"}, (None, "Evicted")),
        (
            {
                "phase": "Failed",
                "containerStatuses": [{"name": "worker", "state": {"terminated": {"finishedAt": EARLY}}}],
            },
            (EARLY, "failed"),
        ),
        (
            {
                "phase": "Failed",
                "reason": "Evicted",
                "containerStatuses": [{"name": "worker", "state": {"terminated": {"finishedAt": EARLY}}}],
                "conditions": [{"type": "DisruptionTarget", "status": "True", "lastTransitionTime": LATER}],
            },
            (LATER, "Evicted"),
        ),
    ],
)
async def test_a_pod_that_has_ended_says_how_and_when(
    server: KubernetesServer, cluster: Cluster, status: dict[str, Any], ending: tuple[str | None, str] | None
) -> None:
    ended = pod("worker-z")
    ended["status"] |= status
    server.answers[f"GET {PODS}"] = {"items": [ended]}
    (found,) = await cluster.pods("worker")
    at = found.ending.at if found.ending else None
    seen = (f"{at:%Y-%m-%dT%H:%M:%SZ}" if at else None, found.ending.reason) if found.ending else None
    assert (seen, found.is_present) == (ending, ending is None)


async def test_pods_are_ready_when_exactly_that_many_are(server: KubernetesServer, cluster: Cluster) -> None:
    assert (await cluster.pods_ready("worker", 2)).done
    too_many = await cluster.pods_ready("worker", 1)
    assert not too_many.done
    assert too_many.message.endswith("1 more than wanted")
    server.answers[f"GET {PODS}"] = {"items": []}
    assert (await cluster.pods_ready("worker", 0)).done


def test_marks_what_a_step_may_call() -> None:
    kinds = {name: kind_of(getattr(Cluster, name)) for name in dir(Cluster) if not name.startswith("_")}
    assert {name: kind for name, kind in kinds.items() if kind} == {
        "scale": "do",
        "rollout_done": "wait",
        "pods_ready": "wait",
    }


# Rights


async def test_says_which_rights_are_missing(server: KubernetesServer, cluster: Cluster) -> None:
    def answer(asked: Asked) -> dict[str, Any]:
        return {"status": {"allowed": asked.body["spec"]["resourceAttributes"].get("subresource") != "scale"}}

    server.answers[f"POST {REVIEWS}"] = answer
    missing = await cluster.access_review(rights_needed(PlatformSettings()))
    assert [str(right) for right in missing] == [
        "patch deployments/scale.apps novapulse-api",
        "patch deployments/scale.apps novapulse-worker",
    ]
    assert server.asked[0].body["spec"]["resourceAttributes"] == {
        "namespace": "novapulse",
        "verb": "get",
        "group": "apps",
        "resource": "deployments",
        "subresource": "",
        "name": "novapulse-api",
    }


async def test_rights_that_cannot_be_asked_for_are_not_given(server: KubernetesServer, cluster: Cluster) -> None:
    server.answers[f"POST {REVIEWS}"] = {"status": {}}
    with pytest.raises(Unavailable):
        await cluster.access_review([Right("list", "", "pods")])


# Trouble


async def test_a_missing_right_is_named(server: KubernetesServer, cluster: Cluster) -> None:
    server.answers[WORKER] = status(403, 'cannot get resource "deployments" in API group "apps"')
    with pytest.raises(Forbidden, match='cannot get resource "deployments"'):
        await cluster.deployment("worker")


@pytest.mark.parametrize("code", [429, 500, 503])
async def test_a_cluster_in_trouble_is_unavailable(server: KubernetesServer, cluster: Cluster, code: int) -> None:
    server.answers[WORKER] = web.Response(status=code, text="<html>token=hunter2secret</html>")
    with pytest.raises(Unavailable, match=f"HTTP {code}") as error:
        await cluster.deployment("worker")
    assert "hunter2secret" not in str(error.value)


async def test_a_cluster_that_does_not_answer_times_out(server: KubernetesServer, tmp_path: Path) -> None:
    server.answers[WORKER] = server.hang
    cluster = Cluster(PlatformSettings(kubeconfig=server.kubeconfig(tmp_path)), seconds=0.2)
    for reading in (cluster.deployment, cluster.rollout, cluster.pods):
        with pytest.raises(TimedOut, match=r"0\.2 s"):
            await reading("worker")
    await cluster.close()


async def test_nothing_connects_before_the_first_call_and_a_dead_cluster_is_named(
    server: KubernetesServer, tmp_path: Path
) -> None:
    kubeconfig = server.kubeconfig(tmp_path)
    kubeconfig.write_text(kubeconfig.read_text().replace(server.url, "http://127.0.0.1:9"))
    cluster = Cluster(PlatformSettings(kubeconfig=kubeconfig))
    with pytest.raises(Unavailable, match="The cluster: connection refused"):
        await cluster.reachable()
    await cluster.close()


async def test_comes_back_after_the_cluster_was_away(server: KubernetesServer, cluster: Cluster) -> None:
    server.answers[WORKER] = status(503, "away")
    with pytest.raises(Unavailable):
        await cluster.deployment("worker")
    server.answers[WORKER] = deployment()
    assert (await cluster.deployment("worker")).ready == 2


async def test_credentials_are_read_again_when_they_expired(server: KubernetesServer, tmp_path: Path) -> None:
    def answer(asked: Asked) -> web.Response | dict[str, Any]:
        return deployment() if asked.token == "Bearer fresh" else status(401, "Unauthorized")

    server.answers[WORKER] = answer
    cluster = Cluster(PlatformSettings(kubeconfig=server.kubeconfig(tmp_path, token="stale")))
    with pytest.raises(Forbidden, match="credentials are not accepted"):
        await cluster.deployment("worker")
    server.kubeconfig(tmp_path, token="fresh")
    assert (await cluster.deployment("worker")).ready == 2
    await cluster.close()


async def test_without_a_kubeconfig_outside_a_cluster_nothing_is_configured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.delenv("KUBECONFIG", raising=False)
    cluster = Cluster(PlatformSettings())
    with pytest.raises(NotConfigured, match="KUBECONFIG"):
        await cluster.reachable()


@pytest.mark.parametrize("content", ["", "- a list", "token: [broken", "users: [{user: {token: hunter2secret}}]"])
async def test_a_broken_kubeconfig_is_said_without_its_content(tmp_path: Path, content: str) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(content)
    with pytest.raises(Unavailable, match="KUBECONFIG names cannot be used") as error:
        await Cluster(PlatformSettings(kubeconfig=kubeconfig)).reachable()
    assert "hunter2secret" not in str(error.value)


async def test_a_kubeconfig_that_does_not_exist_is_said(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="does not exist"):
        await Cluster(PlatformSettings(kubeconfig=tmp_path / "none")).reachable()


# Logs


def _logs(server: KubernetesServer, name: str, answer: Any) -> None:
    server.answers[f"GET {PODS}/{name}/log"] = answer


async def test_reads_the_logs_of_all_pods(server: KubernetesServer, cluster: Cluster) -> None:
    _logs(server, "worker-a", web.Response(body=b"one\n\xff\n"))
    _logs(server, "worker-b", web.Response(body=b"two\n"))
    found = await cluster.logs("worker", tail_lines=100, since_seconds=60)
    assert [(log.pod, log.data, log.cut) for log in found] == [
        ("worker-a", b"one\n\xff\n", False),
        ("worker-b", b"two\n", False),
    ]
    assert server.asked[-1].query == {
        "container": "worker",
        "limitBytes": "2097152",
        "sinceSeconds": "60",
        "tailLines": "100",
    }


async def test_one_pod_that_cannot_be_read_holds_up_no_other(server: KubernetesServer, cluster: Cluster) -> None:
    names = ["worker-a", "worker-b", "worker-c", "worker-d"]
    server.answers[f"GET {PODS}"] = {"items": [pod(name) for name in names]}
    _logs(server, "worker-a", server.hang)
    _logs(server, "worker-b", status(400, "container is waiting to start"))
    _logs(server, "worker-c", status(403, "may not"))
    _logs(server, "worker-d", web.Response(body=b"fine"))
    found = await cluster.logs("worker", seconds=0.5)
    assert [log.data for log in found] == [None, None, None, b"fine"]
    assert "0.5 s" in found[0].problem
    assert "waiting to start" in found[1].problem
    assert "may not" in found[2].problem


async def test_a_log_is_cut_at_its_limit_and_says_so(server: KubernetesServer, cluster: Cluster) -> None:
    server.answers[f"GET {PODS}"] = {"items": [pod("worker-a")]}
    _logs(server, "worker-a", web.Response(body=b"x" * 200_000))
    (log,) = await cluster.logs("worker", limit_bytes=1000)
    assert log.data == b"x" * 1000
    assert log.cut


async def test_more_pods_than_are_read_at_once_are_all_read(server: KubernetesServer, cluster: Cluster) -> None:
    names = [f"worker-{number}" for number in range(20)]
    server.answers[f"GET {PODS}"] = {"items": [pod(name) for name in names]}
    for name in names:
        _logs(server, name, web.Response(body=name.encode()))
    assert [log.data for log in await cluster.logs("worker")] == [name.encode() for name in names]


async def test_the_default_container_of_a_pod_is_read(server: KubernetesServer, cluster: Cluster) -> None:
    annotations = {"kubectl.kubernetes.io/default-container": "proxy"}
    server.answers[f"GET {PODS}"] = {
        "items": [pod("worker-a", metadata={"name": "worker-a", "annotations": annotations})]
    }
    _logs(server, "worker-a", web.Response(body=b""))
    await cluster.logs("worker")
    assert server.asked[-1].query["container"] == "proxy"


async def test_another_platform_is_said_and_kubernetes_is_left_alone(server: KubernetesServer, tmp_path: Path) -> None:
    settings = PlatformSettings(platform="compose", kubeconfig=server.kubeconfig(tmp_path))
    cluster = Cluster(settings)
    for call in (cluster.reachable(), cluster.deployment("worker"), cluster.pods("api"), cluster.autoscalers("worker")):
        with pytest.raises(UserError, match="PLATFORM=compose: this works on Kubernetes only"):
            await call
    with pytest.raises(UserError, match="PLATFORM=compose"):
        await cluster.scale("worker", 5, "uid-1")
    assert server.asked == []
    await cluster.close()
