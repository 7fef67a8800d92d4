"""A system is down, slow or forbids: which one is said in a plain sentence, and what is known is still shown."""

import re

import pytest

from sandbox.slack_page import Message
from tests.scenarios.world import World, labels, text, together

pytestmark = pytest.mark.asyncio(loop_scope="package")

WORKER = "novapulse-worker"
ASKED = {"queues": "/queue-stats", "health": "/health", "scale": "/scale-workers 4"}
# For each fault, what each answer says.
SAID = {
    "redis-down": {
        # The API's own answer hangs while Redis is away, so that nobody knows the numbers.
        "queues": ("The queues could not be read: how they stand is unknown", "Redis could not be read:"),
        "health": ("*Redis* connection refused", "*MongoDB* answers in", "*Worker pods* 2 of 2 ready"),
        "scale": ("What this does to the queues is unknown. Redis could not be read:", "2 pods more"),
    },
    "redis-slow": {
        "queues": ("Redis could not be read: no answer within",),
        "health": ("*Redis* no answer within", "*MongoDB* answers in", "*Worker pods* 2 of 2 ready"),
        "scale": ("What this does to the queues is unknown. Redis could not be read: no answer within",),
    },
    "api-down": {
        "queues": ("NovaPulse API could not be read: connection refused.", "Numbers by Redis alone.", "2 workers"),
        "health": ("*API health* connection refused", "*Redis* ", "*Workers* connected to Redis"),
        "scale": ("email, webhook, workflow, report: 0 waiting", "2 pods more"),
    },
    "api-hang": {
        "queues": ("NovaPulse API could not be read: no answer within", "Numbers by Redis alone.", "2 workers"),
        "health": ("*API health* no answer within", "*API live* no answer", "*Workers* connected to Redis"),
        "scale": ("email, webhook, workflow, report: 0 waiting", "2 pods more"),
    },
    "mongo-down": {
        "queues": ("Numbers by the NovaPulse API, checked against Redis.",),
        "health": ("🔴 *MongoDB* ", "*API health* answered 503: Service Unavailable", "*Workers* connected to Redis"),
        "scale": ("email, webhook, workflow, report: 0 waiting", "2 pods more"),
    },
    "cluster-down": {
        "queues": ("Numbers by the NovaPulse API, checked against Redis.",),
        "health": ("*Worker pods* connection refused", "*API health* mongodb up", "*Workers* connected to Redis"),
        "scale": ("cannot be reached", "Connection refused", "Nothing was changed."),
    },
    "cluster-forbidden": {
        "queues": ("Numbers by the NovaPulse API, checked against Redis.",),
        "health": ("*Worker pods* ", "unknown", "*API health* mongodb up", "*Workers* connected to Redis"),
        "scale": ("does not let the bot do this", "Nothing was changed."),
    },
}
# These words would be an all-clear that nobody has looked for.
FALSE: dict[str, dict[str, tuple[str, ...]]] = {
    "redis-down": {"queues": ("0 waiting", "within their limits"), "health": ("NovaPulse is well",)},
    "redis-slow": {"health": ("NovaPulse is well",)},
    "mongo-down": {"health": ("NovaPulse is well", "TimeoutMS")},
    "cluster-forbidden": {"health": ("0 of", "ready, restarted", "NovaPulse is well")},
    "cluster-down": {"health": ("2 of 2", "NovaPulse is well")},
}


@pytest.mark.parametrize("fault", SAID)
async def test_each_command_says_which_system_and_still_shows_what_is_known(world: World, fault: str) -> None:
    before = len(world.scaled())
    async with world.fault(fault):
        answers = await together(
            *(
                world.ask("operator", line, *SAID[fault][name], channel=channel)
                for (name, line), channel in zip(ASKED.items(), ("ops", "general", "novapulse-alerts"), strict=True)
            )
        )
        for name, answer in zip(ASKED, answers, strict=True):
            for words in FALSE.get(fault, {}).get(name, ()):
                assert words not in text(answer)
    await cancelled(world, answers[2])
    assert len(world.scaled()) == before


async def cancelled(world: World, card: Message) -> None:
    if "Cancel my request" in labels(card):
        await world.click("operator", card, "Cancel my request")
        await world.becomes(card, "Cancelled, nothing was changed")


async def test_without_workers_a_queue_only_grows_and_that_is_said(world: World) -> None:
    assert world.sandbox.cluster is not None
    async with world.fault("workers-crash"), world.redis() as redis:
        while [c for c in await redis.client_list() if ":w:" in c["name"]]:
            await redis.ping()
        waited = await redis.llen("bull:nova-report:wait")
        await world.sandbox.load("report", burst=7)
        answer = text(await world.ask("viewer", "/queue-stats report", "no workers connected"))
        assert re.search(rf"\*report\* {waited + 7} waiting · 0 failed", answer), answer
        assert await redis.hget("bull:nova-report:meta", "version") == "bullmq:5.65.1"
        await world.ask("viewer", "/health", "*Workers* no worker is connected to any queue", "CrashLoopBackOff")
    await world.sandbox.cluster.wait_ready(WORKER, 2)


async def test_a_system_that_goes_away_during_the_run_is_said_and_waited_for(world: World) -> None:
    before = len(world.scaled())
    async with world.fault("workers-crash"):
        card = await world.plan("/scale-workers 3")
        await world.click("approver", card, "Approve")
        await world.becomes(card, "Running, step 2 of 4", "updated replicas are available")
        async with world.fault("cluster-down"):
            await world.becomes(card, "Running, step 2 of 4", "cannot be seen at present: ", "onnection refused")
    await world.becomes(card, "Done after", "workers connected: email 3")
    assert len(world.scaled()) == before + 1
    await world.replicas(2)


async def test_what_nobody_foresaw_has_an_id_that_is_in_the_log_and_on_record(world: World) -> None:
    with world.own_database() as database:
        database.execute("alter table samples rename to samples_away")
        try:
            answer = text(
                await world.ask("viewer", "/queue-stats", "Something went wrong", "This is a fault of the bot")
            )
        finally:
            database.execute("alter table samples_away rename to samples")
    found = re.search(r"details under `([0-9a-f]{8})`", answer)
    assert found, answer
    record = await world.bot.wait_log(lambda record: record.get("error_id") == found[1])
    assert "no such table" in record["exception"]
    assert "no such table" not in answer
    rows = world.rows("select status, closed_at is not null from requests where outcome like ?", f"%{found[1]}%")
    assert rows == [("failed", 1)]
    await world.ask("viewer", "/queue-stats", "Numbers by the NovaPulse API, checked against Redis.")
