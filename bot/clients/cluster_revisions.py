"""What a deployment was before: its ReplicaSets' revisions, what differs between them, and the way back to one.

Kubernetes has no rollback call: as ``kubectl rollout undo`` does, the template of the wanted revision's ReplicaSet
is put back into the deployment, which makes it the newest revision.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from kubernetes.aio import client
from pydantic import AliasPath, Field, JsonValue

from bot.clients.cluster_connection import SYSTEM
from bot.clients.cluster_objects import Anything, ListMetadata, Metadata, Object, Selector
from bot.clients.cluster_workloads import MANAGER, PodTemplate, WorkloadObject, Workloads
from bot.errors import PermanentError, TemporaryError, Unavailable
from bot.masking import cut, mask
from bot.plan import operation

JSON_PATCH: Final = "application/json-patch+json"
REVISION: Final = "deployment.kubernetes.io/revision"
CHANGE_CAUSE: Final = "kubernetes.io/change-cause"
_HASH: Final = "pod-template-hash"
_LIMIT: Final = 500
_ATTEMPTS: Final = 5
_CAUSE_LIMIT: Final = 200


class _SetSpec(Object):
    replicas: int = 1
    template: PodTemplate
    whole_template: dict[str, JsonValue] = Field(validation_alias=AliasPath("template"), repr=False)


class _Reference(Object):
    uid: str = ""
    controller: bool = False


class _SetMetadata(Metadata):
    creation_timestamp: datetime | None = None
    owner_references: list[_Reference] = Field(default_factory=list)


class _Set(Object):
    metadata: _SetMetadata
    spec: _SetSpec


class _Sets(Object):
    metadata: ListMetadata = ListMetadata()
    items: list[_Set]


class _Selecting(Object):
    selector: Selector


class _Selects(Object):
    spec: _Selecting


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """One revision of a deployment: ``template`` is whole, without the label that tells ReplicaSets apart."""

    number: int
    replica_set: str
    uid: str
    image: str
    created_at: datetime | None
    cause: str
    replicas: int
    is_current: bool
    template: dict[str, JsonValue] = field(repr=False)
    change_cause: str | None = field(repr=False)


class Revisions:
    """Reads a deployment's revisions and goes back to one."""

    def __init__(self, workloads: Workloads) -> None:
        self._workloads = workloads

    async def history(self, role: str) -> list[Revision]:
        """Return the revisions that Kubernetes still keeps, newest first; raises as ``Workloads`` does."""
        found = await self._workloads.read(role)
        current = _without_hash(found.spec.whole_template)
        revisions = [_revision(each, role, current) for each in await self._sets(role, found.metadata.uid)]
        return sorted((each for each in revisions if each.number), key=lambda each: each.number, reverse=True)

    @operation
    async def roll_back(self, role: str, replica_set: str, expect_uid: str) -> dict[str, JsonValue]:
        """Put a ReplicaSet's template back into its deployment; does nothing where it is the present one.

        PermanentError where the ReplicaSet is gone, the deployment was made anew or somebody else released meanwhile,
        TemporaryError where others keep scaling the deployment.
        """
        released: dict[str, JsonValue] | None = None
        for _ in range(_ATTEMPTS):
            found = await self._workloads.read(role)
            if found.metadata.uid != expect_uid:
                raise PermanentError(f"{found.metadata.name} was deleted and made anew since: nothing was done.")
            sets = {each.replica_set: each for each in await self.history(role)}
            if replica_set not in sets:
                raise PermanentError(f"Kubernetes no longer keeps {replica_set}: nothing was done.")
            if sets[replica_set].is_current:
                return {"changed": False}
            if released not in (None, template := _without_hash(found.spec.whole_template)):
                raise PermanentError(f"Somebody else released {found.metadata.name} meanwhile: nothing was done.")
            released = template
            if await self._put_back(role, found, sets[replica_set]):
                return {"changed": True, "message": f"the template of {replica_set} is put back"}
        raise TemporaryError(f"{self._workloads.name(role)} kept changing while it was rolled back: nothing was done.")

    async def _put_back(self, role: str, found: WorkloadObject, revision: Revision) -> bool:
        """Replace the template of exactly the generation that was read; False where it has moved on."""
        path = f"/metadata/annotations/{CHANGE_CAUSE.replace('/', '~1')}"
        body: list[dict[str, Any]] = [
            {"op": "test", "path": "/metadata/uid", "value": found.metadata.uid},
            {"op": "test", "path": "/metadata/generation", "value": found.metadata.generation},
            {"op": "replace", "path": "/spec/template", "value": revision.template},
        ]
        if revision.change_cause is not None and found.metadata.annotations:
            body.append({"op": "add", "path": path, "value": revision.change_cause})
        elif CHANGE_CAUSE in found.metadata.annotations:
            body.append({"op": "remove", "path": path})
        try:
            await self._workloads.connection.ask(
                Anything,
                lambda api: client.AppsV1Api(api).patch_namespaced_deployment_without_preload_content(
                    found.metadata.name,
                    self._workloads.namespace,
                    body,
                    field_manager=MANAGER,
                    _content_type=JSON_PATCH,
                ),
                self._workloads.seconds,
            )
        except PermanentError:
            # A failed test has the status of everything that is invalid, and Kubernetes does not say that it was one.
            now = (await self._workloads.read(role)).metadata
            if (now.uid, now.generation) == (found.metadata.uid, found.metadata.generation):
                raise
            return False
        return True

    async def _sets(self, role: str, uid: str) -> list[_Set]:
        """Return the ReplicaSets that the deployment controls; its selector alone may select others' too."""
        workloads = self._workloads
        selects = await workloads.connection.ask(
            _Selects,
            lambda api: client.AppsV1Api(api).read_namespaced_deployment_without_preload_content(
                workloads.name(role), workloads.namespace
            ),
            workloads.seconds,
        )
        found = await workloads.connection.ask(
            _Sets,
            lambda api: client.AppsV1Api(api).list_namespaced_replica_set_without_preload_content(
                workloads.namespace, label_selector=selects.spec.selector.query(), limit=_LIMIT
            ),
            workloads.seconds,
        )
        if found.metadata.continue_:
            raise Unavailable(SYSTEM, f"there are more than {_LIMIT} ReplicaSets")
        return [each for each in found.items if uid in {owner.uid for owner in each.metadata.owner_references}]


def _revision(found: _Set, role: str, current: Mapping[str, JsonValue]) -> Revision:
    template = _without_hash(found.spec.whole_template)
    number = found.metadata.annotations.get(REVISION, "")
    cause = found.metadata.annotations.get(CHANGE_CAUSE)
    return Revision(
        number=int(number) if number.isdecimal() else 0,
        replica_set=found.metadata.name,
        uid=found.metadata.uid,
        image=found.spec.template.container(role).image,
        created_at=found.metadata.creation_timestamp,
        cause=cut(mask(cause or ""), _CAUSE_LIMIT),
        replicas=found.spec.replicas,
        is_current=template == current,
        template=template,
        change_cause=cause,
    )


def _without_hash(template: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """Return a template without the label that the deployment controller adds, in a canonical form."""
    plain: dict[str, Any] = json.loads(json.dumps(template))
    metadata = plain.get("metadata") or {}
    metadata.pop("creationTimestamp", None)
    (metadata.get("labels") or {}).pop(_HASH, None)
    return plain


def differences(before: Mapping[str, JsonValue], after: Mapping[str, JsonValue]) -> list[tuple[str, str, str]]:
    """Return what differs between two templates as (what, before, after).

    The value of a variable may be a secret, so only numbers are shown, for others that they differ.
    """
    old, new = dict(_leaves(before, "", {})), dict(_leaves(after, "", {}))
    paths = sorted(old.keys() | new.keys())
    return [(path, *_shown(path, old.get(path), new.get(path))) for path in paths if old.get(path) != new.get(path)]


def _leaves(value: JsonValue | Mapping[str, JsonValue], path: str, found: dict[str, str]) -> dict[str, str]:
    """Flatten a template; the elements of a list are called by their names where they have some."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            _leaves(inner, f"{path}.{name}" if path else name, found)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            called = inner.get("name", index) if isinstance(inner, dict) else index
            _leaves(inner, f"{path}[{called}]", found)
    elif value is not None and not path.endswith("].name"):
        found[path.removeprefix("spec.").removeprefix("metadata.")] = str(value)
    return found


def _shown(path: str, before: str | None, after: str | None) -> tuple[str, str]:
    # Where a variable comes from (valueFrom) names a ConfigMap or a Secret and is no secret itself.
    is_private = (".env[" in path and path.endswith("].value")) or path.startswith("annotations")
    old, new = (_value(value, is_private=is_private) for value in (before, after))
    return (old, new) if old != new else (old, f"{new}, another one")


def _value(value: str | None, *, is_private: bool) -> str:
    if value is None:
        return "not set"
    return "a value" if is_private and not value.isdecimal() else cut(mask(value), 120)
