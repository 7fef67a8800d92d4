"""The Kubernetes API of the pretend cluster over HTTP: who may, which object, which verb."""

import json
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from aiohttp import web

from sandbox.cluster import streams
from sandbox.cluster.asked import Asked, address_of, page_of, resource_of, selector_of, verb_of
from sandbox.cluster.kubelet import Kubelet
from sandbox.cluster.managed import sign
from sandbox.cluster.patches import MERGE, patched
from sandbox.cluster.resources import RESOURCES
from sandbox.cluster.store import ApiError, Object, ObjectStore, labels_fit, stamp
from sandbox.http_part import LARGEST_BODY

TOKEN = "sandbox-cluster-token"  # noqa: S105 - opens nothing but the pretend cluster
WHO = 'User "system:serviceaccount:novapulse:novapulse-bot"'
REMEMBERED = 1000


@dataclass(frozen=True)
class Change:
    """One request that changed the cluster: its verb, what it was about, its body and who sent it."""

    verb: str
    resource: str
    subresource: str
    namespace: str
    name: str
    body: Any
    user_agent: str
    at: str

    def plain(self) -> dict[str, Any]:
        """Return it as plain data."""
        return asdict(self)


class ClusterServer:
    """Answers requests from the store.

    ``changes`` are the requests of outsiders that changed something, ``asked`` the last of all that were allowed.
    """

    def __init__(self, store: ObjectStore, kubelet: Kubelet, namespace: str) -> None:
        self.changes: list[Change] = []
        self.asked: deque[Asked] = deque(maxlen=REMEMBERED)
        self.forbidden = False
        self.has_metrics = True
        self._store = store
        self._kubelet = kubelet
        self._namespace = namespace

    def application(self) -> web.Application:
        """Return the application; it can be asked for again after the address went away."""
        app = web.Application(middlewares=[self._errors], client_max_size=LARGEST_BODY)
        app.router.add_get("/version{slash:/?}", self._version)
        app.router.add_get("/{probe:healthz|livez|readyz}", self._probe)
        app.router.add_post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", self._review)
        usage = "/apis/metrics.k8s.io/v1beta1/namespaces/{namespace}/pods"
        app.router.add_get(usage, self._usage)
        for prefix in ("/api/{version}", "/apis/{group}/{version}"):
            app.router.add_get(prefix + "/{resource}", self._list)
            inside = prefix + "/namespaces/{namespace}/{resource}"
            app.router.add_get(inside, self._list)
            app.router.add_post(inside, self._create)
            app.router.add_delete(inside, self._delete_all)
            app.router.add_get(inside + "/{name}/proxy/{path:.*}", self._proxy)
            for path in (inside + "/{name}", inside + "/{name}/{subresource}"):
                app.router.add_get(path, self._read)
                app.router.add_put(path, self._update)
                app.router.add_patch(path, self._patch)
                app.router.add_delete(path, self._delete)
        return app

    @web.middleware
    async def _errors(self, request: web.Request, handler: Callable[[web.Request], Any]) -> web.StreamResponse:
        try:
            self._authorize(request)
            text = await request.text()
            body = json.loads(text) if text else None
            self.asked.append(Asked(request.method, request.path, dict(request.query), request.content_type, body))
            answer: web.StreamResponse = await handler(request)
        except ApiError as error:
            return _failure(error)
        except web.HTTPNotFound:
            return _failure(ApiError(404, "NotFound", "the server could not find the requested resource"))
        except json.JSONDecodeError as error:
            return _failure(ApiError(400, "BadRequest", f"the body is not JSON: {error}"))
        return answer

    def _authorize(self, request: web.Request) -> None:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            raise ApiError(401, "Unauthorized", "Unauthorized")
        if request.match_info.get("probe") or request.path.rstrip("/").endswith(
            ("/version", "/selfsubjectaccessreviews")
        ):
            return
        namespace = request.match_info.get("namespace", "")
        if self.forbidden or namespace != self._namespace:
            where = f'in the namespace "{namespace}"' if namespace else "at the cluster scope"
            what = f'cannot {verb_of(request)} resource "{request.match_info.get("resource", "")}"'
            raise ApiError(403, "Forbidden", f"{request.match_info.get('resource')} is forbidden: {WHO} {what} {where}")

    async def _proxy(self, request: web.Request) -> web.Response:
        """Refuse, as a cluster does whose role for the bot is the one in deploy/."""
        name, where = request.match_info["name"], f'in the namespace "{request.match_info["namespace"]}"'
        what = f'cannot get resource "pods/proxy" in API group "" {where}'
        raise ApiError(403, "Forbidden", f'pods "{name}" is forbidden: {WHO} {what}')

    async def _version(self, _request: web.Request) -> web.Response:
        return web.json_response({"major": "1", "minor": "31", "gitVersion": "v1.31.2", "platform": "linux/amd64"})

    async def _probe(self, _request: web.Request) -> web.Response:
        return web.Response(text="ok")

    async def _review(self, request: web.Request) -> web.Response:
        review = await request.json()
        asked = review["spec"].get("resourceAttributes") or {}
        allowed = not self.forbidden and asked.get("namespace") == self._namespace
        reason = 'RBAC: allowed by RoleBinding "novapulse-bot/novapulse"' if allowed else ""
        return web.json_response(review | {"status": {"allowed": allowed, "reason": reason}}, status=201)

    async def _usage(self, request: web.Request) -> web.Response:
        if not self.has_metrics:
            raise web.HTTPNotFound
        selector = request.query.get("labelSelector", "")
        pods = [pod for pod in self._store.list("pods", self._namespace) if labels_fit(pod, selector)]
        at = stamp(self._store.now())
        items = [streams.usage(pod, self._kubelet.processes.get(pod["metadata"]["name"]), at) for pod in pods]
        return web.json_response({"kind": "PodMetricsList", "apiVersion": "metrics.k8s.io/v1beta1", "items": items})

    async def _list(self, request: web.Request) -> web.StreamResponse:
        resource, fits = resource_of(request), selector_of(request)
        if request.query.get("watch") in ("true", "1"):
            return await streams.watch(request, self._store, resource, fits)
        kind, namespace = RESOURCES[resource], request.match_info.get("namespace")
        every = [each for each in self._store.list(resource, namespace) if fits(each)]
        found, more = page_of(request, every)
        metadata = {"resourceVersion": str(self._store.version)} | more
        body = {"kind": f"{kind.kind}List", "apiVersion": kind.api_version, "metadata": metadata, "items": found}
        return web.json_response(body)

    async def _read(self, request: web.Request) -> web.StreamResponse:
        found = self._store.get(*address_of(request))
        subresource = request.match_info.get("subresource", "")
        if subresource == "log":
            return await streams.log(request, self._kubelet.logs[request.match_info["name"]])
        return web.json_response(_scale_of(found) if subresource == "scale" else found)

    async def _create(self, request: web.Request) -> web.Response:
        body, (resource, namespace, _) = await request.json(), address_of(request)
        new = self._store.create(resource, namespace, body)
        self._note(request, body, new["metadata"]["name"])
        return web.json_response(new, status=201)

    async def _update(self, request: web.Request) -> web.Response:
        body = await request.json()
        return self._write(request, body, body)

    async def _patch(self, request: web.Request) -> web.Response:
        body = await request.json()
        kind = MERGE if request.content_type == "application/json" else request.content_type
        found = self._store.get(*address_of(request))
        before = _scale_of(found) if request.match_info.get("subresource") == "scale" else found
        before["metadata"].pop("resourceVersion", None)  # only a version in the patch itself is a condition
        return self._write(request, patched(before, body, kind), body)

    def _write(self, request: web.Request, new: Object, body: Any) -> web.Response:
        resource, namespace, name = address_of(request)
        subresource = request.match_info.get("subresource", "")
        if subresource == "scale":
            found = self._store.get(resource, namespace, name)
            found["spec"]["replicas"] = _replicas(new)
            found["metadata"] |= {"resourceVersion": new["metadata"].get("resourceVersion")}
            new = found
        sign(new, self._store.get(resource, namespace, name), request, at=stamp(self._store.now()))
        if "All" not in request.query.getall("dryRun", []):
            new = self._store.replace(resource, namespace, name, new, status=subresource == "status")
            self._note(request, body, name)
        return web.json_response(_scale_of(new) if subresource == "scale" else new)

    async def _delete(self, request: web.Request) -> web.Response:
        options = await _options(request)
        found = self._end(*address_of(request), options)
        self._note(request, options, found["metadata"]["name"])
        return web.json_response(found)

    async def _delete_all(self, request: web.Request) -> web.Response:
        options = await _options(request)
        resource, namespace, _ = address_of(request)
        fits = selector_of(request)
        ended = [found["metadata"]["name"] for found in self._store.list(resource, namespace) if fits(found)]
        for name in ended:
            self._end(resource, namespace, name, options)
        self._note(request, options | {"selector": request.query.get("labelSelector", "")}, ",".join(ended))
        return web.json_response({"kind": "Status", "apiVersion": "v1", "status": "Success"})

    def _end(self, resource: str, namespace: str, name: str, options: Object) -> Object:
        found = self._store.get(resource, namespace, name)
        uid = (options.get("preconditions") or {}).get("uid")
        if uid not in (None, found["metadata"]["uid"]):
            text = f"the UID in the precondition ({uid}) does not match the UID in record ({found['metadata']['uid']})"
            raise ApiError(409, "Conflict", f'Operation cannot be fulfilled on {resource} "{name}": {text}')
        if resource == "pods":
            return self._store.mark_deleted(resource, namespace, name, options.get("gracePeriodSeconds", 30))
        self._store.remove(resource, namespace, name)
        return found

    def _note(self, request: web.Request, body: Any, name: str) -> None:
        resource, namespace, _ = address_of(request)
        about = (verb_of(request), resource, request.match_info.get("subresource", ""), namespace, name)
        agent = request.headers.get("User-Agent", "")
        self.changes.append(Change(*about, body, agent, self._store.now().isoformat()))


def _scale_of(found: Object) -> Object:
    metadata = {name: found["metadata"][name] for name in ("name", "namespace", "uid", "creationTimestamp")}
    metadata["resourceVersion"] = found["metadata"]["resourceVersion"]
    labels = found["spec"]["selector"]["matchLabels"]
    status = {
        "replicas": (found.get("status") or {}).get("replicas", 0),
        "selector": ",".join(f"{name}={value}" for name, value in labels.items()),
    }
    spec = {"replicas": found["spec"]["replicas"]}
    return {"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": metadata, "spec": spec, "status": status}


def _replicas(scale: Object) -> int:
    replicas = (scale.get("spec") or {}).get("replicas", 0)
    if not isinstance(replicas, int) or replicas < 0:
        raise ApiError(422, "Invalid", "spec.replicas: Invalid value: must be greater than or equal to 0")
    return replicas


async def _options(request: web.Request) -> Object:
    text = await request.text()
    options: Object = json.loads(text) if text else {}
    if (grace := request.query.get("gracePeriodSeconds")) is not None:
        options = options | {"gracePeriodSeconds": int(grace)}
    return options


def _failure(error: ApiError) -> web.Response:
    about = {"status": "Failure", "message": error.message, "reason": error.reason, "code": error.status}
    return web.json_response({"kind": "Status", "apiVersion": "v1", "metadata": {}} | about, status=error.status)
