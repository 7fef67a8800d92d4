"""What changed in the cluster lately: releases, scale events, edits and restarts, each from where Kubernetes keeps it.

Events are kept for an hour by default; ReplicaSets as long as the deployment's history, who edited an object last for
as long as the object lives.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, Final

from kubernetes.aio import client
from pydantic import Field

from bot.attempt import attempt, together, why
from bot.clients.cluster_configuration import CONFIG_MAP
from bot.clients.cluster_objects import ListMetadata, Metadata, Object, PodList
from bot.clients.cluster_pods import pod_state
from bot.clients.cluster_revisions import Revisions
from bot.clients.cluster_state import WORKLOADS
from bot.clients.cluster_workloads import Workloads
from bot.clients.platform_changes import LIMIT, SystemChange, SystemChanges
from bot.errors import BotError
from bot.masking import cut, mask

# What the controllers write of a deployment's size, and of the autoscaler's decisions.
_REASONS: Final = ("ScalingReplicaSet", "SuccessfulRescale")
# Whoever keeps the objects in step with their spec is not who changed them.
_CONTROLLERS: Final = frozenset({"kube-controller-manager", "kube-scheduler", "kubelet"})
_FAILED: Final = "Failed"  # what succeeds is a job's pod, which is to end
_SHOWN: Final = 200


class _Edit(Object):
    manager: str = ""
    subresource: str = ""
    time: datetime | None = None


class _EditedMetadata(Metadata):
    managed_fields: list[_Edit] = Field(default_factory=list)


class _Edited(Object):
    metadata: _EditedMetadata


class _Involved(Object):
    name: str = ""


class _Series(Object):
    last_observed_time: datetime | None = None


class _Event(Object):
    involved_object: _Involved = _Involved()
    reason: str = ""
    message: str = ""
    last_timestamp: datetime | None = None
    event_time: datetime | None = None
    series: _Series | None = None

    @property
    def at(self) -> datetime | None:
        """When it happened last; which field says so depends on who wrote it."""
        return (self.series and self.series.last_observed_time) or self.last_timestamp or self.event_time


class _Events(Object):
    metadata: ListMetadata = ListMetadata()
    items: list[_Event]


class ClusterChanges:
    """Reads what changed, each source with its own deadline and at the same time."""

    def __init__(self, workloads: Workloads, revisions: Revisions) -> None:
        self._workloads = workloads
        self._revisions = revisions

    async def since(self, moment: datetime) -> SystemChanges:
        """Return what changed from then on; what could not be read is a problem and no error."""
        readings = (
            *(self._releases(role) for role in WORKLOADS),
            *(self._events(reason) for reason in _REASONS),
            *(self._edits_of(role) for role in WORKLOADS),
            self._edits_of_configuration(),
            self._restarts(),
        )
        answers = await together(*(attempt(reading) for reading in readings))
        problems = dict.fromkeys(why(answer) for answer in answers if isinstance(answer, BotError))
        found = [each for answer in answers if not isinstance(answer, BotError) for each in answer]
        return SystemChanges(found=tuple(each for each in found if each.at >= moment), problems=tuple(problems))

    async def _releases(self, role: str) -> list[SystemChange]:
        name = self._workloads.name(role)
        return [
            SystemChange(
                at=revision.created_at,
                kind="release",
                what=f"{name} revision {revision.number}: {revision.image or 'image unknown'}"
                + (f" ({revision.cause})" if revision.cause else ""),
            )
            for revision in await self._revisions.history(role)
            if revision.created_at is not None
        ]

    async def _events(self, reason: str) -> list[SystemChange]:
        found = await self._workloads.connection.ask(
            _Events,
            lambda api: client.CoreV1Api(api).list_namespaced_event_without_preload_content(
                self._workloads.namespace, field_selector=f"reason={reason}", limit=LIMIT
            ),
            self._workloads.seconds,
        )
        if found.metadata.continue_:
            raise BotError(f"There are more than {LIMIT} {reason} events, and none of them is shown")
        return [_scaled(event, event.at) for event in found.items if event.at is not None]

    async def _edits_of(self, role: str) -> list[SystemChange]:
        name, namespace = self._workloads.name(role), self._workloads.namespace
        return await self._edits(
            f"deployment {name}",
            lambda api: client.AppsV1Api(api).read_namespaced_deployment_without_preload_content(name, namespace),
        )

    async def _edits_of_configuration(self) -> list[SystemChange]:
        namespace = self._workloads.namespace
        return await self._edits(
            f"ConfigMap {CONFIG_MAP}",
            lambda api: client.CoreV1Api(api).read_namespaced_config_map_without_preload_content(CONFIG_MAP, namespace),
        )

    async def _edits(self, what: str, reading: Callable[[Any], Any]) -> list[SystemChange]:
        found = await self._workloads.connection.ask(_Edited, reading, self._workloads.seconds)
        return list(_edits(found, what))

    async def _restarts(self) -> list[SystemChange]:
        workloads = self._workloads
        found: PodList = await workloads.connection.ask(
            PodList,
            lambda api: client.CoreV1Api(api).list_namespaced_pod_without_preload_content(
                workloads.namespace, limit=LIMIT
            ),
            workloads.seconds,
        )
        pods = [pod_state(pod, "") for pod in found.items]
        ended = [(pod, pod.ending) for pod in pods if pod.ending is not None and pod.phase == _FAILED]
        return [
            SystemChange(at=pod.last_restart_at, kind="restart", what=f"{pod.name}: {_ended(pod.last_restart_reason)}")
            for pod in pods
            if pod.last_restart_at is not None
        ] + [
            SystemChange(
                at=end.at, kind="restart", what=f"{pod.name}: it ended ({end.reason}), not to be started again"
            )
            for pod, end in ended
            if end.at is not None
        ]


def _ended(reason: str) -> str:
    return f"its container ended ({reason}) and was started again" if reason else "its container was started again"


def _scaled(event: _Event, at: datetime) -> SystemChange:
    message = cut(mask(event.message), _SHOWN)
    by = "the autoscaler" if event.reason == "SuccessfulRescale" else ""
    return SystemChange(at=at, kind="scale", what=f"{event.involved_object.name}: {message}", by=by)


def _edits(found: _Edited, what: str) -> Iterator[SystemChange]:
    """Say who changed an object's content, or its size, and when each did so last."""
    for edit in found.metadata.managed_fields:
        of_size = edit.subresource == "scale"
        if edit.time is None or edit.manager in _CONTROLLERS or (edit.subresource and not of_size):
            continue
        kind: Any = "scale" if of_size else "configuration"
        said = f"{what} was {'scaled' if of_size else 'edited'}"
        yield SystemChange(at=edit.time, kind=kind, what=said, by=cut(mask(edit.manager), _SHOWN))
