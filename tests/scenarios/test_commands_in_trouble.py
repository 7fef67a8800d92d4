"""Every command while a system that it needs is away or slow: it is said, nothing is guessed, nothing is changed.

All lines of a fault are asked at once, as after an incident: each has a deadline of its own and waits for no other.
"""

import pytest

from bot import catalog
from sandbox.slack_page import Message
from tests.scenarios import changing
from tests.scenarios.world import PATIENCE, TYPED_IN, World, labels, text, together

pytestmark = pytest.mark.asyncio(loop_scope="package")

NO_REDIS = ("Redis cannot be reached", "Connection refused.", "Nothing was changed.")
NO_CLUSTER = ("The cluster cannot be reached", "Connection refused.", "Nothing was changed.")
NO_MONGO = ("MongoDB cannot be reached", "Connection refused.", "Nothing was changed.")
NO_API = ("NovaPulse API cannot be reached", "Connection refused.", "Nothing was changed.")
LATE_REDIS = ("Redis does not answer", "No answer within", "Nothing was changed.")
LATE_CLUSTER = ("The cluster does not answer", "No answer within 5 s.", "Nothing was changed.")
LATE_MONGO = ("MongoDB does not answer", "No answer within", "Nothing was changed.")
LATE_API = ("NovaPulse API does not answer", "No answer within 5 s.", "Nothing was changed.")
WEBHOOK = "65f000000000000000000001"

# For each fault, each line that needs what is away, and what its answer says.
DOWN = {
    "redis-down": {
        "/cache clear cache:user:*:profile": NO_REDIS,
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
        "/changes": ("as far as it could be read", "The cluster could not be read: connection refused."),
        "/drain-queues all --how scale": NO_CLUSTER,
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
        f"/webhook-logs {WEBHOOK} --source db": ("are unknown", "MongoDB could not be read: connection refused."),
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
        "/cache clear cache:user:*:profile": LATE_REDIS,
        "/cache keys cache:user:*:profile": LATE_REDIS,
        "/clear-failed email": LATE_REDIS,
        "/drain-queues email": LATE_REDIS,
        "/failed-jobs": ("how many there are is unknown", "Redis could not be read: no answer within 5 s."),
        "/force-restart-workers": ("Force the restart of novapulse-worker", "Jobs in flight"),
        "/morning-checklist": ("*Redis* Redis could not be read: no answer within 2 s.", "MongoDB* answers in"),
        "/pause-queue email": LATE_REDIS,
        "/promote-delayed email": LATE_REDIS,
        "/queue-stats": ("how they stand is unknown", "Redis could not be read: no answer within 3 s."),
        "/redis-keys bull:*": LATE_REDIS,
        "/redis-status": ("*Ping* Redis could not be read: no answer within 2 s.", "❔ *All else*"),
        "/resume-queue email": LATE_REDIS,
        "/retry-failed email": LATE_REDIS,
        "/scale-workers 3": ("What this does to the queues is unknown.", "no answer within"),
    },
    "cluster-slow": {
        "/changes": ("as far as it could be read", "The cluster could not be read: no answer within 5 s."),
        "/drain-queues all --how scale": LATE_CLUSTER,
        "/error-logs api": LATE_CLUSTER,
        "/force-restart-workers": LATE_CLUSTER,
        "/health": ("*Cluster* no answer within 5 s", "❔ *Worker pods* no answer within 5 s", "*Redis* answers"),
        "/metrics queue_size": ("cannot be asked one by one: The cluster could not be read: no answer within 5 s.",),
        "/pods worker": LATE_CLUSTER,
        "/restart worker": LATE_CLUSTER,
        "/rollback worker": LATE_CLUSTER,
        "/rollout-status worker": ("The rollout could not be read", "no answer within 5 s."),
        "/scale-workers 3": LATE_CLUSTER,
        "/set-concurrency 4": LATE_CLUSTER,
        "/set-pool-size 20 5": LATE_CLUSTER,
        "/top-pods": ("What the pods use is unknown", "The cluster could not be read: no answer within 5 s."),
    },
    "mongo-slow": {
        "/health": ("🔴 *MongoDB* no answer within", "✅ *Redis* answers"),
        "/index-stats webhooklogs": LATE_MONGO,
        "/mongo-status": ("*Ping* MongoDB could not be read: no answer within", "❔ *Replica set* unknown."),
        "/rebuild-indexes webhooklogs": LATE_MONGO,
        "/step-down-primary": LATE_MONGO,
        f"/webhook-logs {WEBHOOK} --source db": ("are unknown", "MongoDB could not be read: no answer within"),
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
TABLE = DOWN | SLOW
PAIRS = {"redis-slow": "redis-down", "cluster-slow": "cluster-down", "mongo-slow": "mongo-down", "api-hang": "api-down"}
# What needs nothing of what is slow is answered before it is given up.
UNTOUCHED = {
    "redis-slow": ("/pods worker", "ready"),
    "cluster-slow": ("/queue-stats", "Numbers by the NovaPulse API, checked against Redis."),
    "mongo-slow": ("/queue-stats", "Numbers by the NovaPulse API, checked against Redis."),
    "api-hang": ("/redis-status", "*Ping*"),
}
# The other source knows it all, so that these may say that all is well.
KNOWN_ELSEWHERE = {"api-down": {"/queue-stats"}, "api-hang": {"/queue-stats"}}
# These read nothing but the bot's own database and the policy, which are all that the bot needs.
OWN = {"/ack", "/alerts", "/approvals", "/audit", "/freeze", "/oncall", "/page", "/runbook", "/runs", "/silence"}
# Opens a form first, which says what is away when it is submitted.
FORMS = {"/set-env"}


async def answers(world: World, lines: dict[str, tuple[str, ...]]) -> dict[str, Message]:
    """Ask every line at once, and return an answer of its own for each, which shows its words."""
    known = {channel: world.shown(channel) for channel in TYPED_IN}
    channels = TYPED_IN * len(lines)
    await together(
        *(world.page.command("operator", channel, line) for line, channel in zip(lines, channels, strict=False))
    )

    def new() -> list[Message]:
        return [
            message
            for channel in TYPED_IN
            for message in world.page.messages(channel)
            if message["ts"] not in known[channel]
        ]

    def matched() -> dict[str, Message] | None:
        came, found = new(), {}
        for line, words in sorted(lines.items(), key=lambda item: -len("".join(item[1]))):
            fitting = [message for message in came if all(word in text(message) for word in words)]
            if not fitting:
                return None
            came.remove(fitting[0])
            found[line] = fitting[0]
        return found

    try:
        return await world.page.wait_for(matched, seconds=PATIENCE, what="an answer to each line")
    except TimeoutError:
        raise AssertionError(f"not every answer fits: {[text(message) for message in new()]}") from None


async def asked(world: World, fault: str, more: dict[str, tuple[str, ...]]) -> dict[str, Message]:
    """Ask every line while the fault is on; a plan that it brings all the same is cancelled."""
    before = len(world.scaled())
    async with world.fault(fault):
        found = await answers(world, TABLE[fault] | more)
        for answer in found.values():
            assert "Something went wrong" not in text(answer)
            if "Cancel my request" in labels(answer):
                await world.click("operator", answer, "Cancel my request")
                await world.becomes(answer, "Cancelled, nothing was changed")
    for line in TABLE[fault].keys() - KNOWN_ELSEWHERE.get(fault, set()):
        assert not text(found[line]).startswith("✅"), f"{line} says that all is well: {text(found[line])}"
    assert len(world.scaled()) == before
    return found


@pytest.mark.parametrize("fault", DOWN)
async def test_what_is_away_is_said(world: World, fault: str) -> None:
    await asked(world, fault, {})


@pytest.mark.parametrize("fault", SLOW)
async def test_what_is_slow_is_said_and_holds_nothing_else_up(world: World, fault: str) -> None:
    line, *words = UNTOUCHED[fault]
    found = await asked(world, fault, {line: tuple(words)})
    late = min(float(found[slow]["ts"]) for slow in SLOW[fault])
    assert float(found[line]["ts"]) < late


@pytest.mark.parametrize(("slow", "down"), PAIRS.items())
async def test_what_has_an_answer_when_a_system_is_away_has_one_when_it_is_slow(slow: str, down: str) -> None:
    assert SLOW[slow].keys() == DOWN[down].keys()


@pytest.mark.parametrize(("fault", "why"), [("cluster-down", NO_CLUSTER), ("cluster-slow", LATE_CLUSTER)])
async def test_what_asks_for_a_value_in_a_form_says_it_too(world: World, fault: str, why: tuple[str, ...]) -> None:
    async with world.fault(fault):
        assert not labels(await changing.asked(world, "operator", changing.LINES["/set-env"], *why))


async def test_what_both_sources_are_away_for_is_unknown(world: World) -> None:
    # MongoDB's driver may know of a connection that is lost now, or find none.
    both = ("NovaPulse API could not be read: connection refused.", "MongoDB could not be read: ")
    async with world.fault("api-down", "mongo-down"):
        answer = await world.ask("operator", f"/webhook-logs {WEBHOOK}", "are unknown", *both)
    assert not text(answer).startswith("✅")


async def test_no_command_was_forgotten() -> None:
    assert PAIRS.keys() == SLOW.keys()
    named = {line.split()[0] for lines in DOWN.values() for line in lines}
    assert named | OWN | FORMS == set(catalog.load().commands)
    assert not named & (OWN | FORMS)
