"""Which pod works on how many jobs, as far as that can be known.

BullMQ writes into a job the name of the worker that has it. It is a pod's where the workers are named after their pods.
Otherwise the worker's connection to Redis may tell: its address is the pod's, unless something stands in between.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.attempt import attempt, why
from bot.clients.cluster_usage import ListedPod
from bot.clients.connected_workers import Connection
from bot.clients.working_jobs import Working, WorkingJob, WorkingJobs
from bot.errors import BotError


@dataclass(frozen=True, slots=True)
class Busy:
    """How many jobs each pod works on, by its name; ``unknown`` says why that cannot be told, and then nothing can."""

    jobs: Mapping[str, int]
    unknown: str = ""


async def busy_pods(working_jobs: WorkingJobs, pods: Sequence[ListedPod], app: str) -> Busy:
    """Return which of the namespace's pods work on jobs; ``app`` is the label of those that are the workers."""
    working = await attempt(working_jobs.read())
    if isinstance(working, BotError):
        return Busy({}, why(working).removesuffix("."))
    if unknown := _unknown(working):
        return Busy({}, unknown)
    names = {pod.name for pod in pods}
    told = all(job.worker in names for job in working.jobs)
    connections = {} if told else await attempt(working_jobs.connections())
    if isinstance(connections, BotError):
        return Busy({}, why(connections).removesuffix("."))
    where = [(job, _pod_of(job, pods, connections.get(job.queue, []), app)) for job in working.jobs]
    for job, pod in where:
        if not pod:
            return Busy({}, f"no pod is called {job.worker} as a worker of {job.queue} is, nor does its address tell")
    return Busy(Counter(pod for _, pod in where))


def _unknown(working: Working) -> str:
    """Say why the jobs as they were read do not tell; empty where they may."""
    if working.unknown:
        return "; ".join(f"{queue}: {reason}" for queue, reason in working.unknown.items())
    if working.more:
        return "there are more jobs in work than are read"
    nameless = next((job for job in working.jobs if not job.worker), None)
    return f"the workers of {nameless.queue} have no name" if nameless else ""


def _pod_of(job: WorkingJob, pods: Sequence[ListedPod], connections: Sequence[Connection], app: str) -> str:
    """Return the name of the pod that works on a job, or the empty string."""
    if any(pod.name == job.worker for pod in pods):
        return job.worker
    # An address tells only where every worker comes from its own pod's: else one name may be that of several, of
    # which the others cannot be seen, or of all that come through a proxy.
    seen = {connection.address for connection in connections}
    if not all(seen & set(pod.addresses) for pod in pods if pod.app == app and pod.state == "ready"):
        return ""
    own = {connection.address for connection in connections if connection.worker == job.worker}
    there = [pod.name for pod in pods if own & set(pod.addresses)]
    return there[0] if len(own) == len(there) == 1 else ""
