import base64
from datetime import UTC, datetime
from typing import Any

import pytest
from kubernetes import aio
from kubernetes.aio.client.exceptions import ApiException

from sandbox.cluster.cluster import API, NAMESPACE, WORKER, Cluster
from sandbox.cluster.kubelet import PodLog

client: Any = aio.client  # a dictionary serves as a body, and what is asked for is there
RESTART = {"spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "now"}}}}}


async def test_it_holds_what_the_field_notes_say(kubernetes: aio.client.ApiClient) -> None:
    apps, core = client.AppsV1Api(kubernetes), client.CoreV1Api(kubernetes)
    api = await apps.read_namespaced_deployment(API, NAMESPACE)
    assert (api.spec.replicas, api.spec.template.spec.containers[0].name) == (3, "api")
    assert api.spec.template.spec.containers[0].resources.limits == {"memory": "512Mi", "cpu": "500m"}
    settings = await core.read_namespaced_config_map("novapulse-config", NAMESPACE)
    assert settings.data["QUEUE_CONCURRENCY"] == "5"
    secret = await core.read_namespaced_secret("novapulse-secrets", NAMESPACE)
    assert base64.b64decode(secret.data["REDIS_URL"]) == b"redis://redis"
    scaler = (await client.AutoscalingV2Api(kubernetes).list_namespaced_horizontal_pod_autoscaler(NAMESPACE)).items[0]
    assert (scaler.metadata.name, scaler.spec.min_replicas, scaler.spec.max_replicas) == (f"{API}-hpa", 3, 10)
    assert (await apps.read_namespaced_stateful_set("redis", NAMESPACE)).spec.replicas == 1


async def test_scaling_makes_pods_and_is_counted_once(cluster: Cluster, kubernetes: aio.client.ApiClient) -> None:
    apps = client.AppsV1Api(kubernetes)
    scaled = await apps.patch_namespaced_deployment_scale(WORKER, NAMESPACE, {"spec": {"replicas": 5}})
    assert scaled.spec.replicas == 5
    await cluster.wait_ready(WORKER, 5)
    assert [(change["verb"], change["resource"], change["subresource"]) for change in cluster.changes()] == [
        ("patch", "deployments", "scale")
    ]
    assert cluster.changes()[0]["body"] == {"spec": {"replicas": 5}}
    await apps.patch_namespaced_deployment_scale(WORKER, NAMESPACE, {"spec": {"replicas": 0}})
    await cluster.wait_ready(WORKER, 0)
    status = (await apps.read_namespaced_deployment(WORKER, NAMESPACE)).status
    assert status.ready_replicas is None  # the real one leaves out zeros


async def test_a_restart_replaces_every_pod_and_never_has_too_few(
    cluster: Cluster, kubernetes: aio.client.ApiClient
) -> None:
    apps = client.AppsV1Api(kubernetes)
    before = set(cluster.ready_pods(API))
    fewest = len(before)
    await apps.patch_namespaced_deployment(API, NAMESPACE, RESTART)
    events = cluster.store.listen()
    while before & set(cluster.ready_pods(API)) or len(cluster.ready_pods(API)) != 3:
        await events.get()
        fewest = min(fewest, len(cluster.ready_pods(API)))
    assert fewest == 3
    sets = await apps.list_namespaced_replica_set(NAMESPACE, label_selector=f"app={API}")
    revisions = {
        found.metadata.annotations["deployment.kubernetes.io/revision"]: found.spec.replicas for found in sets.items
    }
    assert set(revisions) == {"1", "2"}


async def test_the_status_says_when_a_rollout_is_done(cluster: Cluster, kubernetes: aio.client.ApiClient) -> None:
    apps = client.AppsV1Api(kubernetes)
    changed = await apps.patch_namespaced_deployment(WORKER, NAMESPACE, RESTART)
    assert changed.metadata.generation == 2
    events = cluster.store.listen()
    while (status := (await apps.read_namespaced_deployment(WORKER, NAMESPACE)).status).observed_generation != 2 or (
        status.conditions[1].reason != "NewReplicaSetAvailable"
    ):
        await events.get()
    assert (status.updated_replicas, status.ready_replicas, status.replicas) == (2, 2, 2)
    assert status.unavailable_replicas is None


async def test_an_image_that_cannot_be_had_stops_the_rollout_and_the_old_pods_stay(
    cluster: Cluster, kubernetes: aio.client.ApiClient
) -> None:
    apps, core = client.AppsV1Api(kubernetes), client.CoreV1Api(kubernetes)
    broken = {
        "spec": {
            "progressDeadlineSeconds": 10,
            "template": {"spec": {"containers": [{"name": "worker", "image": "worker:broken"}]}},
        }
    }
    await apps.patch_namespaced_deployment(
        WORKER, NAMESPACE, broken, _content_type="application/strategic-merge-patch+json"
    )
    events = cluster.store.listen()
    while (status := (await apps.read_namespaced_deployment(WORKER, NAMESPACE)).status).conditions[
        1
    ].reason != "ProgressDeadlineExceeded":
        await events.get()
    assert status.ready_replicas == 2
    reasons: set[str] = set()
    while "ImagePullBackOff" not in reasons:
        pods = await core.list_namespaced_pod(NAMESPACE, label_selector=f"app={WORKER}")
        waiting = [pod.status.container_statuses[0].state.waiting for pod in pods.items]
        reasons = {found.reason for found in waiting if found}


async def test_a_deleted_pod_is_made_again_and_only_the_right_one_is_deleted(
    cluster: Cluster, kubernetes: aio.client.ApiClient
) -> None:
    core = client.CoreV1Api(kubernetes)
    name = cluster.ready_pods(WORKER)[0]
    with pytest.raises(ApiException) as caught:
        await core.delete_namespaced_pod(name, NAMESPACE, body={"preconditions": {"uid": "another"}})
    assert caught.value.status == 409
    uid = (await core.read_namespaced_pod(name, NAMESPACE)).metadata.uid
    await core.delete_namespaced_pod(name, NAMESPACE, body={"preconditions": {"uid": uid}})
    events = cluster.store.listen()
    while name in cluster.ready_pods(WORKER) or len(cluster.ready_pods(WORKER)) != 2:
        await events.get()
    assert len(cluster.changes()) == 1


async def test_an_old_version_is_a_conflict(kubernetes: aio.client.ApiClient) -> None:
    core = client.CoreV1Api(kubernetes)
    settings = await core.read_namespaced_config_map("novapulse-config", NAMESPACE)
    await core.patch_namespaced_config_map("novapulse-config", NAMESPACE, {"data": {"QUEUE_CONCURRENCY": "9"}})
    with pytest.raises(ApiException) as caught:
        await core.replace_namespaced_config_map("novapulse-config", NAMESPACE, settings)
    assert (caught.value.status, "Conflict" in str(caught.value.body)) == (409, True)


async def test_a_dry_run_changes_and_counts_nothing(cluster: Cluster, kubernetes: aio.client.ApiClient) -> None:
    apps = client.AppsV1Api(kubernetes)
    shown = await apps.patch_namespaced_deployment_scale(WORKER, NAMESPACE, {"spec": {"replicas": 9}}, dry_run="All")
    assert shown.spec.replicas == 9
    assert (await apps.read_namespaced_deployment(WORKER, NAMESPACE)).spec.replicas == 2
    assert cluster.changes() == []


async def test_the_autoscaler_takes_back_what_was_scaled_by_hand(
    cluster: Cluster, kubernetes: aio.client.ApiClient
) -> None:
    await client.AppsV1Api(kubernetes).patch_namespaced_deployment_scale(API, NAMESPACE, {"spec": {"replicas": 5}})
    await cluster.wait_ready(API, 5)
    await cluster.wait_ready(API, 3)
    assert len(cluster.changes()) == 1  # the autoscaler's is nobody's request


async def test_logs_are_cut_as_asked(cluster: Cluster, kubernetes: aio.client.ApiClient) -> None:
    core = client.CoreV1Api(kubernetes)
    cluster.log(API, 0, ["one", "two", "three"])
    name = cluster.ready_pods(API)[0]
    assert await core.read_namespaced_pod_log(name, NAMESPACE, tail_lines=2) == "two\nthree\n"
    stamped = await core.read_namespaced_pod_log(name, NAMESPACE, tail_lines=1, timestamps=True)
    assert stamped.endswith("Z three\n")
    with pytest.raises(ApiException) as caught:
        await core.read_namespaced_pod_log(name, NAMESPACE, previous=True)
    assert caught.value.status == 400
    assert f'in pod \\"{name}\\" not found' in str(caught.value.body)


async def test_a_container_that_was_killed_leaves_its_log_until_the_next_one_is(
    cluster: Cluster, kubernetes: aio.client.ApiClient
) -> None:
    core, name = client.CoreV1Api(kubernetes), cluster.ready_pods(API)[0]
    for number in (1, 2):
        cluster.kubelet.log(name, f"life {number}")
        cluster.kubelet.kill(name, "OOMKilled")
        await cluster.wait_restarted(name, number)
        assert await core.read_namespaced_pod_log(name, NAMESPACE, previous=True) == f"life {number}\n"
        assert await core.read_namespaced_pod_log(name, NAMESPACE) == ""
    ended = (await core.read_namespaced_pod(name, NAMESPACE)).status.container_statuses[0].last_state.terminated
    assert (ended.reason, ended.exit_code) == ("OOMKilled", 137)


def test_until_the_next_container_runs_both_logs_are_that_of_the_last() -> None:
    log, at = PodLog(), datetime(2026, 7, 1, tzinfo=UTC)
    log.add(at, "first")
    assert log.terminated is None
    log.ended = True
    assert log.terminated is log.lines
    log.restart()
    log.add(at, "second")
    assert log.terminated is log.previous
    assert (list(log.previous or ()), list(log.lines)) == ([(at, "first")], [(at, "second")])


async def test_who_may_not_is_told_so(cluster: Cluster, kubernetes: aio.client.ApiClient) -> None:
    apps, core = client.AppsV1Api(kubernetes), client.CoreV1Api(kubernetes)
    with pytest.raises(ApiException) as caught:
        await core.list_node()
    assert caught.value.status == 403
    asked = {"spec": {"resourceAttributes": {"namespace": NAMESPACE, "verb": "patch", "resource": "deployments"}}}
    reviews = client.AuthorizationV1Api(kubernetes)
    assert (await reviews.create_self_subject_access_review(asked)).status.allowed
    cluster.forbid(on=True)
    assert not (await reviews.create_self_subject_access_review(asked)).status.allowed
    with pytest.raises(ApiException) as caught:
        await apps.read_namespaced_deployment(WORKER, NAMESPACE)
    assert caught.value.status == 403
    cluster.forbid(on=False)
    await apps.read_namespaced_deployment(WORKER, NAMESPACE)


async def test_an_unknown_resource_and_an_unknown_object_are_not_found(kubernetes: aio.client.ApiClient) -> None:
    custom = client.CustomObjectsApi(kubernetes)
    for attempt in (
        custom.list_namespaced_custom_object("keda.sh", "v1alpha1", NAMESPACE, "scaledobjects"),
        client.AppsV1Api(kubernetes).read_namespaced_deployment("nope", NAMESPACE),
    ):
        with pytest.raises(ApiException) as caught:
            await attempt
        assert caught.value.status == 404


async def test_the_use_of_memory_is_told(kubernetes: aio.client.ApiClient) -> None:
    custom = client.CustomObjectsApi(kubernetes)
    found = await custom.list_namespaced_custom_object(
        "metrics.k8s.io", "v1beta1", NAMESPACE, "pods", label_selector=f"app={API}"
    )
    assert len(found["items"]) == 3
    assert found["items"][0]["containers"][0]["usage"]["memory"].endswith("Ki")


async def test_a_cluster_that_was_down_comes_back_where_it_was(
    cluster: Cluster, kubernetes: aio.client.ApiClient
) -> None:
    apps = client.AppsV1Api(kubernetes)
    address = cluster.url
    await cluster.down(on=True)
    with pytest.raises(OSError, match="Cannot connect"):
        await apps.read_namespaced_deployment(WORKER, NAMESPACE)
    await cluster.down(on=False)
    assert cluster.url == address
    assert (await apps.read_namespaced_deployment(WORKER, NAMESPACE)).status.ready_replicas == 2
