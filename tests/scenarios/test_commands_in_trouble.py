"""Every command while a system that it needs is away: which one is said, nothing is guessed, nothing is changed."""

import pytest

from bot import catalog
from tests.scenarios.world import World, labels, text

pytestmark = pytest.mark.asyncio(loop_scope="package")

NO_REDIS = ("Redis cannot be reached", "Connection refused.", "Nothing was changed.")
NO_CLUSTER = ("The cluster cannot be reached", "Connection refused.", "Nothing was changed.")
NO_MONGO = ("MongoDB cannot be reached", "Connection refused.", "Nothing was changed.")
NO_API = ("NovaPulse API cannot be reached", "Connection refused.", "Nothing was changed.")
LATE_REDIS = ("Redis does not answer", "No answer within 3 s.", "Nothing was changed.")
LATE_API = ("NovaPulse API does not answer", "No answer within 5 s.", "Nothing was changed.")
WEBHOOK = "65f000000000000000000001"

# For each fault, each line that needs what is away, and what its answer says.
DOWN = {
    "redis-down": {
        "/cache keys cache:user:*:profile": NO_REDIS,
        "/clear-failed email": NO_REDIS,
        "/drain-queues email": NO_REDIS,
        "/failed-jobs": ("how many there are is unknown", "Redis could not be read: connection refused."),
        "/force-restart-workers": ("Force the restart of novapulse-worker", "Jobs in flight"),
        "/morning-checklist": ("Redis could not be read: connection refused.", "MongoDB* answers in"),
        "/pause-queue email": NO_REDIS,
        "/promote-delayed email": NO_REDIS,
        "/queue-stats": ("how they stand is unknown", "Redis could not be read: connection refused."),
        "/redis-keys bull:*": NO_REDIS,
        "/redis-status": ("*Ping* Redis could not be read: connection refused.", "❔ *All else*"),
        "/resume-queue email": NO_REDIS,
        "/retry-failed email": NO_REDIS,
        "/scale-workers 3": ("What this does to the queues is unknown.", "Redis could not be read"),
    },
    "cluster-down": {
        "/error-logs api": NO_CLUSTER,
        "/force-restart-workers": NO_CLUSTER,
        "/health": ("*Cluster* connection refused", "❔ *Worker pods* connection refused"),
        "/metrics queue_size": ("cannot be asked one by one: The cluster could not be read: connection refused.",),
        "/pods worker": NO_CLUSTER,
        "/restart worker": NO_CLUSTER,
        "/rollback worker": NO_CLUSTER,
        "/rollout-status worker": ("The rollout could not be read", "The cluster could not be read"),
        "/scale-workers 3": NO_CLUSTER,
        "/set-concurrency 4": NO_CLUSTER,
        "/set-pool-size 20 5": NO_CLUSTER,
        "/top-pods": ("What the pods use is unknown", "The cluster could not be read: connection refused."),
    },
    "mongo-down": {
        "/health": ("🔴 *MongoDB* ", "✅ *Redis* answers"),
        "/index-stats webhooklogs": NO_MONGO,
        "/mongo-status": ("*Ping* MongoDB could not be read: connection refused.", "❔ *Replica set* unknown."),
        "/rebuild-indexes webhooklogs": NO_MONGO,
        "/step-down-primary": NO_MONGO,
    },
    "api-down": {
        "/health": ("🔴 *API health* connection refused", "✅ *Redis* answers"),
        "/metrics queue_size": NO_API,
        "/queue-stats": ("NovaPulse API could not be read: connection refused.", "Numbers by Redis alone."),
        f"/test-webhook {WEBHOOK}": NO_API,
        f"/webhook {WEBHOOK}": NO_API,
        f"/webhook-logs {WEBHOOK}": ("NovaPulse API could not be read: connection refused.", "From the database."),
    },
}
SLOW = {
    "redis-slow": {
        "/clear-failed email": LATE_REDIS,
        "/drain-queues email": LATE_REDIS,
        "/failed-jobs": ("how many there are is unknown", "Redis could not be read: no answer within 5 s."),
        "/force-restart-workers": ("Force the restart of novapulse-worker", "Jobs in flight"),
        "/pause-queue email": LATE_REDIS,
        "/promote-delayed email": LATE_REDIS,
        "/redis-status": ("*Ping* Redis could not be read: no answer within 2 s.", "❔ *All else*"),
        "/resume-queue email": LATE_REDIS,
        "/retry-failed email": LATE_REDIS,
        "/scale-workers 3": ("What this does to the queues is unknown.", "no answer within"),
    },
    "api-hang": {
        "/health": ("🔴 *API health* no answer within 5 s", "✅ *Redis* answers"),
        "/metrics queue_size": LATE_API,
        "/queue-stats": ("NovaPulse API could not be read: no answer within", "Numbers by Redis alone."),
        f"/test-webhook {WEBHOOK}": LATE_API,
        f"/webhook {WEBHOOK}": LATE_API,
        f"/webhook-logs {WEBHOOK}": ("NovaPulse API could not be read: no answer within 5 s.", "From the database."),
    },
}
# These read nothing but the bot's own database and the policy, which are all that the bot needs.
OWN = {"/ack", "/alerts", "/approvals", "/audit", "/freeze", "/oncall", "/page", "/runbook", "/runs", "/silence"}
# Opens a form first, which says what is away when it is submitted.
FORMS = {"/set-env"}


async def asked(world: World, fault: str, lines: dict[str, tuple[str, ...]]) -> None:
    """Ask every line while the fault is on; a plan that it brings all the same is cancelled."""
    before = len(world.scaled())
    async with world.fault(fault):
        for line, words in lines.items():
            answer = await world.ask("operator", line, *words)
            if "Cancel my request" in labels(answer):
                await world.click("operator", answer, "Cancel my request")
                await world.becomes(answer, "Cancelled, nothing was changed")
            assert "Something went wrong" not in text(answer)
    assert len(world.scaled()) == before


@pytest.mark.parametrize("fault", DOWN)
async def test_what_is_away_is_said(world: World, fault: str) -> None:
    await asked(world, fault, DOWN[fault])


@pytest.mark.slow
@pytest.mark.parametrize("fault", SLOW)
async def test_what_does_not_answer_is_given_up(world: World, fault: str) -> None:
    await asked(world, fault, SLOW[fault])


async def test_no_command_was_forgotten() -> None:
    named = {line.split()[0] for lines in DOWN.values() for line in lines}
    assert named | OWN | FORMS == set(catalog.load().commands)
    assert not named & (OWN | FORMS)
