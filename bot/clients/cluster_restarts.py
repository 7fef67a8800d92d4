"""Graceful restarts: a new pod template that differs in two annotations, as ``kubectl rollout restart`` does it."""

from typing import Final

from pydantic import JsonValue

from bot.clients.cluster_workloads import Body, WorkloadObject, Workloads
from bot.plan import Progress, condition, operation

RESTARTED_AT: Final = "kubectl.kubernetes.io/restartedAt"  # kubectl's own, so that its history reads the same
RESTARTED_BY: Final = "novapulse-bot/restarted-by"


class Restarts:
    """Restarts workloads, once a stamp."""

    def __init__(self, workloads: Workloads) -> None:
        self._workloads = workloads

    @operation
    async def restart(self, role: str, stamp: str, at: str, expect_uid: str) -> dict[str, JsonValue]:
        """Have every pod of a workload replaced; does nothing where the restart of this stamp was begun already.

        ``stamp`` names the request, ``at`` is its moment (ISO 8601). PermanentError where the workload was made anew.
        """

        def wanted(found: WorkloadObject) -> Body | None:
            if found.spec.template.metadata.annotations.get(RESTARTED_BY) == stamp:
                return None
            marks = {RESTARTED_AT: at, RESTARTED_BY: stamp}
            return {"spec": {"template": {"metadata": {"annotations": marks}}}}

        return {"changed": await self._workloads.change(role, expect_uid, wanted) is not None}

    @condition
    async def stateful_restarted(self, role: str, stamp: str) -> Progress:
        """Tell whether every pod of a stateful set is of the restart with this stamp, and ready."""
        found = await self._workloads.read(role)
        name, spec, status = found.metadata.name, found.spec, found.status
        if found.spec.template.metadata.annotations.get(RESTARTED_BY) != stamp:
            return Progress(done=False, failed=True, message=f"{name} was changed by somebody else since")
        if spec.update_strategy.type == "OnDelete":
            return Progress(done=False, failed=True, message=f"{name} replaces a pod only when somebody deletes it")
        if status.observed_generation < found.metadata.generation:
            return Progress(done=False, message=f"{name}: waiting for the change to be observed")
        is_new = status.current_revision == status.update_revision or status.updated_replicas == spec.replicas
        done = is_new and status.ready_replicas == spec.replicas == status.replicas
        message = (
            f"{name}: {status.updated_replicas if not is_new else spec.replicas} of {spec.replicas} pods restarted"
        )
        return Progress(done=done, message=f"{message}, {status.ready_replicas} ready")
