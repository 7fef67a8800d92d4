"""NovaPulse's own systems: reached, allowed, and what the settings say is there is there."""

from typing import Final

from bot.attempt import together
from bot.check.tried import Lines, problem, tried
from bot.clients.api import NovaPulseApi
from bot.clients.cluster import Cluster
from bot.clients.cluster_rights import rights_needed
from bot.clients.mongo import Mongo
from bot.clients.queue_layout import MissingQueue, QueueSnapshot
from bot.clients.queues import Queues
from bot.clients.redis import RedisServer
from bot.errors import Unavailable
from bot.reply import Level, Line
from bot.settings import PlatformSettings

_API: Final = "Check NOVAPULSE_API_URL, and that this machine may reach it."
_REDIS: Final = "Check REDIS_URL, and that this machine may reach it."
_ACL: Final = "Check the user and the password in REDIS_URL, and what Redis lets that user do."
_NAMES: Final = "Set QUEUE_PREFIX and QUEUES to what is in Redis."
_LOGIN: Final = "Check NOVAPULSE_EMAIL, NOVAPULSE_PASSWORD and NOVAPULSE_TOTP_SECRET, or NOVAPULSE_TOKEN."
_RIGHTS: Final = "Apply deploy/kubernetes/rbac.yaml, and let the bot use its account."


async def api_lines(api: NovaPulseApi, *, is_named: bool = True) -> Lines:
    """Try the API, the login, and what the login's role may read.

    ``is_named`` says whether somebody set anything about it: an address that is only the default may be elsewhere.
    """
    health, login = await together(
        tried("API", _health(api) if is_named else _default(api), _API),
        _login_lines(api),
    )
    return health + login


async def _default(api: NovaPulseApi) -> str | Line:
    try:
        return await _health(api)
    except Unavailable as error:
        value = f"not reached: {error.reason}. Set NOVAPULSE_API_URL where it is elsewhere, and how to log in."
        return Line(level=Level.INFO, label="API", value=value)


async def _health(api: NovaPulseApi) -> str | Line:
    health = await api.health()
    if health.ok:
        return "answers, and calls itself healthy"
    what = health.message or health.status
    return problem("API", f"answers, but is not healthy: {what}", "See /health.", level=Level.WARNING)


async def _login_lines(api: NovaPulseApi) -> Lines:
    login = await tried("API login", _login(api), _API, forbidden=_LOGIN)
    if login[0].level is not Level.OK:
        return login
    needed = "The login needs a role that may read /queue/stats."
    return login + await tried(
        "API rights", _rights(api), "See /health: it hangs while Redis is down.", forbidden=needed
    )


async def _login(api: NovaPulseApi) -> str:
    await api.login_works()
    role = await api.role()
    return f"works, with the role {role}" if role else "works; its token states no role"


async def _rights(api: NovaPulseApi) -> str:
    return f"may read the statistics of {', '.join(await api.queue_stats())}"


async def redis_lines(redis: RedisServer, queues: Queues) -> Lines:
    """Try Redis, its settings, and compare the configured queues with the keys that are there."""
    reached = await tried("Redis", _ping(redis), _REDIS, forbidden=_ACL)
    if reached[0].level is not Level.OK:
        return reached
    settings, found = await together(
        tried("Redis settings", _redis_settings(redis), _REDIS, forbidden="Allow the bot's user to call INFO."),
        tried("Queues", _queues(queues), _REDIS, forbidden=_ACL),
    )
    return reached + settings + found


async def _ping(redis: RedisServer) -> str:
    return f"answers in {await redis.ping():.1f} ms"


async def _redis_settings(redis: RedisServer) -> Lines:
    info, label = await redis.info(), "Redis settings"
    found: list[Line] = []
    if info.role == "slave":
        found.append(problem(label, "this is a replica, which is behind", "Let REDIS_URL name the master."))
    if info.maxmemory_policy is None:
        found.append(problem(label, "Redis does not say its maxmemory-policy", level=Level.UNKNOWN))
    elif info.maxmemory_policy != "noeviction":
        what = f"maxmemory-policy is {info.maxmemory_policy}, so Redis may throw jobs away"
        found.append(problem(label, what, "Set it to noeviction.", level=Level.WARNING))
    return tuple(found) or (Line(level=Level.OK, label=label, value="maxmemory-policy is noeviction"),)


async def _queues(queues: Queues) -> Lines:
    found = await queues.snapshot()
    return tuple(_queue(short, queue) for short, queue in found.items())


def _queue(short: str, found: QueueSnapshot | MissingQueue) -> Line:
    label = f"Queue {short}"
    if isinstance(found, MissingQueue):
        return problem(label, found.sentence().removeprefix(f"{short}: "), _NAMES)
    if found.layout == "bullmq":
        what = f"{found.name} was written by {found.version or 'an unnamed version'}, which the bot does not know"
        return problem(label, what, "It only reads there.", level=Level.WARNING)
    if found.layout != "plain" and found.workers is None:
        mend = "Allow the bot's user to call CLIENT LIST."
        return problem(label, "who works on it is unknown", mend, level=Level.WARNING)
    kind = "plain lists" if found.layout == "plain" else found.version or found.layout
    return Line(level=Level.OK, label=label, value=f"{found.name} is there ({kind})")


async def mongo_lines(mongo: Mongo) -> Lines:
    """Try MongoDB."""

    async def ping() -> str:
        return f"answers in {await mongo.ping():.1f} ms"

    mend = "Check MONGO_URL, and that this machine may reach it."
    return await tried("MongoDB", ping(), mend, forbidden="Check the user and the password in MONGO_URL.")


async def cluster_lines(cluster: Cluster, settings: PlatformSettings) -> Lines:
    """Try the cluster, the bot's rights in it, and whether the configured deployments exist."""
    mend = "Check KUBECONFIG, and that this machine may reach it."
    reached = await tried("Cluster", _version(cluster), mend, forbidden="Check the account that KUBECONFIG names.")
    if reached[0].level is not Level.OK:
        return reached
    names = f"Check KUBE_NAMESPACE ({settings.kube_namespace}) and the names of the deployments."
    rest = await together(
        tried("Cluster rights", _cluster_rights(cluster, settings), _RIGHTS),
        tried("Deployment api", _deployment(cluster, "api"), names, forbidden=_RIGHTS),
        tried("Deployment worker", _deployment(cluster, "worker"), names, forbidden=_RIGHTS),
    )
    return sum(rest, reached)


async def _version(cluster: Cluster) -> str:
    return f"answers, Kubernetes {await cluster.reachable()}"


async def _cluster_rights(cluster: Cluster, settings: PlatformSettings) -> str | Line:
    needed = rights_needed(settings)
    missing = await cluster.access_review(needed)
    if missing:
        names = ", ".join(map(str, missing))
        return problem("Cluster rights", f"missing in namespace {settings.kube_namespace}: {names}", _RIGHTS)
    return f"all {len(needed)} are granted in namespace {settings.kube_namespace}"


async def _deployment(cluster: Cluster, role: str) -> str:
    found = await cluster.deployment(role)
    return f"{found.name} exists, {found.ready} of {found.replicas} pods ready"
