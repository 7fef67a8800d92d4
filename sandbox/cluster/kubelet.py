"""The node: starts and stops what the pods say, restarts what crashes, keeps the logs."""

import asyncio
import signal
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime

from sandbox.cluster.pods import container_status
from sandbox.cluster.store import Object, ObjectStore, stamp
from sandbox.processes import Process, StartError

START_SECONDS = 0.8
LONGEST_BACK_OFF = 30.0
KEPT_LINES = 5000
BROKEN_TAG = "broken"

Starter = Callable[[Object, Callable[[str], None]], Awaitable[Process]]
"""Starts the program of a pod, which must end when told to; its lines go to the second argument."""


@dataclass
class PodLog:
    """What a pod's container wrote, with the moment of each line, and what it wrote before its last restart.

    From when a container ended until the next one starts, both are the log of the one that ended.
    """

    lines: deque[tuple[datetime, str]] = field(default_factory=lambda: deque(maxlen=KEPT_LINES))
    previous: deque[tuple[datetime, str]] | None = None
    ended: bool = False
    followers: set[asyncio.Queue[tuple[datetime, str]]] = field(default_factory=set)

    @property
    def terminated(self) -> deque[tuple[datetime, str]] | None:
        """What the last container that ended wrote; None where none ever did."""
        return self.lines if self.ended else self.previous

    def add(self, at: datetime, line: str) -> None:
        """Write one line."""
        self.lines.append((at, line))
        for follower in self.followers:
            follower.put_nowait((at, line))

    def restart(self) -> None:
        """Begin anew."""
        self.previous, self.lines, self.ended = self.lines, deque(maxlen=KEPT_LINES), False


class Kubelet:
    """Runs pods: those whose label ``app`` has a starter as real processes, the others in name only."""

    def __init__(self, store: ObjectStore, namespace: str, starters: dict[str, Starter], pace: float) -> None:
        self.logs: dict[str, PodLog] = {}
        self.processes: dict[str, Process] = {}
        self._store = store
        self._namespace = namespace
        self._starters = starters
        self._pace = pace
        self._lives: dict[str, asyncio.Task[None]] = {}
        self._ends: dict[str, asyncio.Event] = {}
        self._crashing: set[str] = set()
        self._killed: dict[str, str] = {}
        self._kills: dict[str, asyncio.Event] = {}
        self._well = asyncio.Event()

    def crash(self, app: str, on: bool) -> None:
        """Let every pod of an app crash as soon as it starts, until told otherwise."""
        if on:
            self._crashing.add(app)
            self._well.clear()
            for name, process in list(self.processes.items()):
                if self._labels(name).get("app") == app:
                    process.signal(signal.SIGKILL)
        else:
            self._crashing.discard(app)
            self._well.set()

    def kill(self, name: str, reason: str) -> None:
        """End a pod's running container as the kernel does, such as with ``OOMKilled``; it is started again."""
        self._killed[name] = reason
        if name in self.processes:
            self.processes[name].signal(signal.SIGKILL)
        elif name in self._kills:
            self._kills[name].set()

    async def run(self) -> None:
        """Follow the pods until cancelled, then stop every one."""
        events = self._store.listen()
        try:
            while True:
                event = await events.get()
                if event.resource == "pods":
                    self._notice(event.kind, event.object)
        finally:
            self._store.unlisten(events)
            for end in self._ends.values():
                end.set()
            await asyncio.gather(*self._lives.values(), return_exceptions=True)

    def _notice(self, kind: str, pod: Object) -> None:
        name = pod["metadata"]["name"]
        if kind == "ADDED":
            self._ends[name] = asyncio.Event()
            self.logs[name] = PodLog()
            self._lives[name] = asyncio.create_task(self._live(name), name=f"pod {name}")
        elif name in self._ends and (kind == "DELETED" or "deletionTimestamp" in pod["metadata"]):
            self._ends[name].set()

    async def _live(self, name: str) -> None:
        end = self._ends[name]
        try:
            if not await _waited(end, START_SECONDS / self._pace):
                await self._run_container(name, end)
        finally:
            self._store.remove("pods", self._namespace, name)
            for kept in (self._ends, self._lives, self._kills, self._killed, self.logs):
                kept.pop(name, None)

    async def _run_container(self, name: str, end: asyncio.Event) -> None:
        pod = self._store.get("pods", self._namespace, name)
        if BROKEN_TAG in pod["spec"]["containers"][0]["image"]:
            self._show(
                name, "waiting", {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}, ready=False
            )
            await end.wait()
            return
        restarts = 0
        while not end.is_set():
            code = await self._run_once(name, pod, end, restarts)
            if end.is_set():
                return
            restarts += 1
            self.logs[name].ended = True
            ended = {
                "exitCode": code,
                "reason": self._killed.pop(name, "Error"),
                "startedAt": stamp(self._store.now()),
                "finishedAt": stamp(self._store.now()),
            }
            waiting = {"reason": "CrashLoopBackOff", "message": "back-off restarting failed container"}
            self._show(name, "waiting", waiting, ready=False, restarts=restarts, last={"terminated": ended})
            await self._back_off(end, restarts)
            self.logs[name].restart()

    async def _run_once(self, name: str, pod: Object, end: asyncio.Event, restarts: int) -> int:
        """Run a pod's program to its end and return the exit code."""
        labels = pod["metadata"]["labels"]
        running = {"startedAt": stamp(self._store.now())}
        if labels.get("app") in self._crashing:
            self.log(name, "Error: Cannot find module '/app/dist/main.js'")
            return 1
        starter = self._starters.get(labels.get("app", ""))
        if starter is None:
            self._kills[name] = asyncio.Event()
            self._show(name, "running", running, ready=True, restarts=restarts)
            await self._first_of(end, self._kills[name])
            return 0 if end.is_set() else 137
        self._show(name, "running", running, ready=False, restarts=restarts)
        try:
            process = await starter(pod, lambda line: self.log(name, line))
        except StartError as error:
            self.log(name, str(error))
            return 1
        self.processes[name] = process
        try:
            self._show(name, "running", running, ready=True, restarts=restarts)
            return await self._wait(process, end)
        finally:
            self.processes.pop(name, None)

    async def _wait(self, process: Process, end: asyncio.Event) -> int:
        ended, told = asyncio.create_task(process.wait()), asyncio.create_task(end.wait())
        try:
            await asyncio.wait({ended, told}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            told.cancel()
            code = await process.stop(max(1.0, 10.0 / self._pace))
            ended.cancel()
        return code

    def log(self, name: str, line: str) -> None:
        """Write a line to a pod's log; a pod that is gone writes nothing."""
        if name in self.logs:
            self.logs[name].add(self._store.now(), line)

    async def _back_off(self, end: asyncio.Event, restarts: int) -> None:
        if self._crashing:
            await self._first_of(end, self._well, seconds=min(2.0**restarts, LONGEST_BACK_OFF) / self._pace)
        else:
            await _waited(end, min(2.0 ** (restarts - 1), LONGEST_BACK_OFF) / self._pace)

    @staticmethod
    async def _first_of(*events: asyncio.Event, seconds: float | None = None) -> None:
        waits = {asyncio.create_task(event.wait()) for event in events}
        try:
            await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    def _labels(self, name: str) -> dict[str, str]:
        pod = self._store.find("pods", self._namespace, name)
        labels: dict[str, str] = pod["metadata"]["labels"] if pod else {}
        return labels

    def _show(
        self, name: str, state: str, about: Object, *, ready: bool, restarts: int = 0, last: Object | None = None
    ) -> None:
        """Write a pod's status: the state of its container and whether it is ready."""
        at = stamp(self._store.now())

        def show(pod: Object) -> None:
            old = pod["status"]["containerStatuses"][0]
            container = container_status(pod["spec"]["containers"][0], {state: about}, ready=ready, restarts=restarts)
            container["lastState"] = last or old["lastState"]
            conditions = [{"type": kind, "status": str(ready), "lastTransitionTime": at} for kind in _KINDS]
            conditions.append({"type": "PodScheduled", "status": "True", "lastTransitionTime": at})
            phase = "Pending" if about.get("reason") == "ImagePullBackOff" else "Running"
            started = {"startTime": pod["status"].get("startTime", at), "podIP": _IP, "podIPs": [{"ip": _IP}]}
            pod["status"] = {"phase": phase, "conditions": conditions, "containerStatuses": [container]} | started

        if self._store.find("pods", self._namespace, name) is not None:
            self._store.change("pods", self._namespace, name, show)


_KINDS = ("Ready", "ContainersReady")
_IP = "10.42.0.7"


async def _waited(end: asyncio.Event, seconds: float) -> bool:
    """Wait for an event at most so long, and say whether it came."""
    try:
        async with asyncio.timeout(seconds):
            await end.wait()
    except TimeoutError:
        return False
    return True
