"""What the pretend NovaPulse is in before a change, and how its real parts stand then and afterwards."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from sandbox.cluster.store import Object
from tests.scenarios.world import PATIENCE, World

NAMESPACE = "novapulse"
REPORTS = "bull:nova-report"
REGISTRY = "registry.novapulse.example/"

State = Callable[[], Awaitable[object]]
Scene = Callable[[World], AbstractAsyncContextManager[State]]


def queue(short: str, *, paused: bool = False) -> Scene:
    """Whether a queue is paused, as its ``meta`` says."""

    @asynccontextmanager
    async def scene(world: World) -> AsyncIterator[State]:
        meta = f"bull:nova-{short}:meta"
        async with world.redis() as redis:
            if paused:
                await redis.hset(meta, "paused", "1")
            try:
                yield lambda: redis.hexists(meta, "paused")
            finally:
                await redis.hdel(meta, "paused")

    return scene


async def burst(world: World, short: str, count: int, **options: object) -> None:
    """Put jobs into a queue with these options of BullMQ's."""
    assert world.sandbox.producer is not None
    await world.sandbox.producer.burst(f"nova-{short}", count, options=options)


async def fail_reports(world: World, count: int) -> list[str]:
    """Let so many more reports fail at their only attempt, and return the ids of all that are kept."""
    async with world.fault("poison-jobs"), world.redis() as redis, asyncio.timeout(PATIENCE):
        wanted = await redis.zcard(f"{REPORTS}:failed") + count
        newest: Any = await redis.xrevrange(f"{REPORTS}:events", count=1)
        last = newest[0][0] if newest else "0"
        await burst(world, "report", count, attempts=1)
        while await redis.zcard(f"{REPORTS}:failed") < wanted:
            told: Any = await redis.xread({f"{REPORTS}:events": last}, block=0)
            last = told[0][1][-1][0]
        return await kept(redis)


async def kept(redis: Any, state: str = "failed") -> list[str]:
    """Return the ids of the reports in a state."""
    return sorted(await redis.zrange(f"{REPORTS}:{state}", 0, -1))


@asynccontextmanager
async def failed_reports(world: World) -> AsyncIterator[State]:
    """The ids of three failed reports."""
    async with world.redis() as redis:
        await fail_reports(world, 3)
        yield lambda: kept(redis)
        await drop(redis)


async def drop(redis: Any, state: str = "failed") -> None:
    """Take the reports in a state away."""
    await redis.delete(f"{REPORTS}:{state}", *(f"{REPORTS}:{job}" for job in await kept(redis, state)))


@asynccontextmanager
async def delayed_reports(world: World) -> AsyncIterator[State]:
    """The ids of two reports that are due in an hour."""
    async with world.redis() as redis:
        await burst(world, "report", 2, delay=3_600_000)
        yield lambda: kept(redis, "delayed")
        await drop(redis, "delayed")


@asynccontextmanager
async def cached(world: World) -> AsyncIterator[State]:
    """Which cached keys there are: one of a documented pattern, one that only looks like it."""
    async with world.redis() as redis:
        await redis.mset({"cache:user:42:profile": "x", "cache:user:42:profile:draft": "x"})

        async def keys() -> object:
            return sorted([key async for key in redis.scan_iter("cache:*")])

        yield keys
        await redis.delete("cache:user:42:profile", "cache:user:42:profile:draft")


@asynccontextmanager
async def primary(world: World) -> AsyncIterator[State]:
    """Whether the stand-in for MongoDB is the primary of its set."""
    assert world.sandbox.mongo is not None
    replica_set = world.sandbox.mongo.commands.replica_set
    try:
        yield answer(lambda: replica_set.is_primary)
    finally:
        replica_set.elected()


@asynccontextmanager
async def indexes(world: World) -> AsyncIterator[State]:
    """Whether an index is the one that stood there at first, and what there is."""
    assert world.sandbox.mongo is not None
    found = world.sandbox.mongo.commands.indexes
    first = found.of("webhooklogs")[1]
    yield answer(lambda: (found.of("webhooklogs")[1] is first, found.of("webhooklogs")[1:] == [first]))


@asynccontextmanager
async def released(world: World) -> AsyncIterator[State]:
    """Which image the workers have: one was released after the first."""
    first = tag(world)
    await release(world, "2.14.1")
    try:
        yield answer(lambda: tag(world))
    finally:
        await release(world, first)


async def release(world: World, tag: str, role: str = "worker") -> None:
    """Give the workers (or the API) an image and wait until they have it."""
    assert world.sandbox.cluster is not None
    name = f"novapulse-{role}"

    def edit(found: Object) -> None:
        found["spec"]["template"]["spec"]["containers"][0]["image"] = f"{REGISTRY}{role}:{tag}"

    change(world, "deployments", name, edit)
    await world.sandbox.cluster.wait_ready(name, stored(world, "deployments", name)["spec"]["replicas"])


def tag(world: World, role: str = "worker") -> str:
    """Return the tag of the image that a deployment names."""
    containers = stored(world, "deployments", f"novapulse-{role}")["spec"]["template"]["spec"]["containers"]
    return str(containers[0]["image"]).removeprefix(f"{REGISTRY}{role}:")


def configured(**before: str) -> Scene:
    """What the ConfigMap says, with these keys set before."""

    @asynccontextmanager
    async def scene(world: World) -> AsyncIterator[State]:
        at_first = stored(world, "configmaps", "novapulse-config")["data"]
        change(world, "configmaps", "novapulse-config", lambda found: found["data"].update(before))

        async def data() -> object:
            return {key: stored(world, "configmaps", "novapulse-config")["data"].get(key) for key in before}

        try:
            yield data
        finally:
            change(world, "configmaps", "novapulse-config", lambda found: found.update(data=at_first))

    return scene


@asynccontextmanager
async def variable(world: World) -> AsyncIterator[State]:
    """Which log level the API's deployment itself sets."""

    def level() -> object:
        containers = stored(world, "deployments", "novapulse-api")["spec"]["template"]["spec"]["containers"]
        return [found["value"] for found in containers[0].get("env", ()) if found["name"] == "LOG_LEVEL"]

    yield answer(level)


@asynccontextmanager
async def pods(world: World) -> AsyncIterator[State]:
    """Whether any of the first worker pods is left, and how many are ready."""
    assert world.sandbox.cluster is not None
    cluster = world.sandbox.cluster
    first = set(cluster.ready_pods("novapulse-worker"))

    def look() -> tuple[bool, int]:
        now = set(cluster.ready_pods("novapulse-worker"))
        return bool(first & now), len(now)

    yield answer(look)


@asynccontextmanager
async def workers(world: World) -> AsyncIterator[State]:
    """How many worker pods are ready."""
    assert world.sandbox.cluster is not None
    cluster = world.sandbox.cluster
    yield answer(lambda: len(cluster.ready_pods("novapulse-worker")))


@asynccontextmanager
async def deliveries(world: World) -> AsyncIterator[State]:
    """How many test deliveries the webhook's receiver got meanwhile."""
    assert world.sandbox.api is not None
    log = world.sandbox.api.webhooks.deliveries
    first = len(log)
    yield answer(lambda: [(row["webhookId"], row["status"]) for row in log[first:] if row["event"] == "webhook.test"])


@asynccontextmanager
async def frozen(world: World) -> AsyncIterator[State]:
    """How many freezes are in force."""
    yield answer(lambda: world.rows("select scope from freezes"))


@asynccontextmanager
async def silenced(world: World) -> AsyncIterator[State]:
    """Which silences are in force."""
    yield answer(lambda: world.rows("select matchers from silences where ended_at is null"))


@asynccontextmanager
async def stood_in(world: World) -> AsyncIterator[State]:
    """Who stands in for whom."""
    yield answer(lambda: world.rows("select person, level from overrides where ended_at is null"))


@asynccontextmanager
async def paged(world: World) -> AsyncIterator[State]:
    """Which levels were paged, and why; what is left open would call level after level beside other tests."""
    yield answer(lambda: world.rows("select level, reason from pages"))
    for (name,) in world.rows("select id from pages where ended_at is null"):
        await world.ask("approver", f"/page end {name}", "Page resolved: ")  # its card is in the page's thread
        await world.until(lambda: not world.rows("select id from pages where ended_at is null"))


def answer(look: Callable[[], object]) -> State:
    """Return a look that can be awaited."""

    async def state() -> object:
        return look()

    return state


def stored(world: World, resource: str, name: str) -> Object:
    """Return an object of the cluster as it is now."""
    assert world.sandbox.cluster is not None
    return world.sandbox.cluster.store.get(resource, NAMESPACE, name)


def change(world: World, resource: str, name: str, edit: Callable[[Object], None]) -> None:
    """Change an object of the cluster behind the bot's back."""
    assert world.sandbox.cluster is not None
    world.sandbox.cluster.store.change(resource, NAMESPACE, name, edit)


def uids(world: World, app: str) -> set[str]:
    """Return the UIDs of an app's pods that are not told to end."""
    assert world.sandbox.cluster is not None
    found = world.sandbox.cluster.store.list("pods", NAMESPACE)
    pods = [pod["metadata"] for pod in found if pod["metadata"]["labels"].get("app") == app]
    return {pod["uid"] for pod in pods if "deletionTimestamp" not in pod}
