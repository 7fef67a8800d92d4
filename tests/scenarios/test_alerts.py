"""One live card an incident, through warning, critical, a crash of the bot, and resolved."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from sandbox.slack_page import Message
from tests.scenarios.world import World, labels, opened, text

pytestmark = pytest.mark.asyncio(loop_scope="package")

ALERTS = "novapulse-alerts"
EDITS = (('every = "2s"', 'every = "1s"'),)


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def watched(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """A NovaPulse whose alerts are looked at every second."""
    async with opened(tmp_path_factory.mktemp("alerts"), edits=EDITS) as made:
        yield made


def cards(world: World, words: str) -> list[Message]:
    """Return the cards that show the words; what hangs in a card's thread is no card."""
    shown = [message for message in world.page.messages(ALERTS) if words in text(message)]
    return [message for message in shown if message.get("thread_ts") in (None, message["ts"])]


def chosen(value: str) -> dict[str, object]:
    """Return what a form says where this is chosen among what it offers."""
    return {"type": "static_select", "selected_option": {"value": value}}


def rings(world: World, card: Message) -> list[str]:
    """Return what hangs in a card's thread."""
    return [
        text(message)
        for message in world.page.messages(ALERTS)
        if message.get("thread_ts") == card["ts"] != message["ts"]
    ]


async def test_a_backlog_is_one_card_through_a_crash_to_its_end(watched: World) -> None:
    world = watched
    async with world.fault("workers-crash"):
        await world.sandbox.load("email", burst=700)
        card = await world.page.wait_message(ALERTS, "Email queue: jobs waiting")
        await world.becomes(card, "WARNING", "warning above 500", "Since ", "Runbook: Monitoring Queue Health")
        assert labels(card) == ["Acknowledge", "Silence…", "Scale workers +2…", "Queue stats email", "What changed?"]
        await world.sandbox.load("email", burst=731)
        await world.becomes(card, "CRITICAL", "1,431 jobs", "critical above 1,000", "On call: <@U0ONCALL>", "Trend")
        await form_is_filled_in(world, card)
        await world.bot.kill()
        await world.start()
        async with world.redis() as redis:
            await redis.ltrim("bull:nova-email:wait", 0, 599)
            await world.becomes(card, "WARNING", "600 jobs")
            await redis.ltrim("bull:nova-email:wait", 0, 9)
        resolved = await world.becomes(card, "Resolved after", "peak 1,431: Email queue is back within its limit")
        assert labels(resolved) == []
    assert len(cards(world, "Email queue")) == 1
    assert len(rings(world, card)) == 1, "turning critical rings once, also through the crash"
    assert world.rows("select count(*) from incidents where id like 'email-queue%' or alert like '%email-queue%'") == [
        (1,)
    ]


async def form_is_filled_in(world: World, card: Message) -> None:
    view = await world.form("operator", lambda: world.click("operator", card, "Scale workers +2…"))
    fields = {block["block_id"]: block["element"] for block in view["blocks"] if block["type"] == "input"}
    assert fields["argument:replicas"]["initial_value"] == "+2"
    known = world.shown(ALERTS)
    await world.submit("operator", replicas="+2")
    plan = await world.new(ALERTS, known, "Waits for approval", "from 2 to 4")
    await world.click("operator", plan, "Cancel my request")
    await world.becomes(plan, "Cancelled, nothing was changed")


async def test_a_reading_step_of_a_card_is_answered_there(watched: World) -> None:
    world = watched
    async with world.fault("workers-crash"):
        await world.sandbox.load("webhook", burst=1200)
        card = await world.page.wait_message(ALERTS, "Queue: jobs waiting (webhook)")
        await world.press("viewer", card, "Queue stats webhook", "1,200 waiting (warning: over 1,000)")
        await the_home_tab_leads_to(world, card, "Queue: jobs waiting (webhook)")
        async with world.redis() as redis:
            await redis.delete("bull:nova-webhook:wait")
        await world.becomes(card, "Resolved after", "peak 1,200")


async def the_home_tab_leads_to(world: World, card: Message, words: str) -> None:
    await world.page.open_home("viewer")

    def shown() -> str | None:
        return next((found for views in world.page.homes.values() if words in (found := str(views))), None)

    home = await world.page.wait_for(shown, what="the home tab with what fires")
    assert f"p{card['ts'].replace('.', '')}|{words}>" in home


@pytest.mark.parametrize(
    ("fault", "words", "system"),
    [
        ("mongo-down", "MongoDB is unreachable", "MongoDB"),
        ("api-down", "The NovaPulse API is unreachable", "The NovaPulse API"),
    ],
)
async def test_a_system_that_is_down_is_critical_until_it_is_back(
    watched: World, fault: str, words: str, system: str
) -> None:
    world = watched
    async with world.fault(fault):
        card = await world.page.wait_message(ALERTS, words)
        await world.becomes(card, "CRITICAL", "failing", "On call: <@U0ONCALL>")
    await world.becomes(card, "Resolved after", f": {system} answers again")
    assert len(cards(world, f": {system} answers again")) == 1


async def test_a_backup_that_fails_is_a_warning_and_over_with_the_next_that_succeeds(watched: World) -> None:
    async with watched.fault("backup-fails"):
        card = await watched.page.wait_message(ALERTS, "the run of mongo-backup at")
        await watched.becomes(card, "WARNING", "failed: BackoffLimitExceeded", "Runbook: Backup & Recovery")
        checklist = await watched.ask("operator", "/morning-checklist", "Backup of MongoDB")
        assert "the run of mongo-backup at" in text(checklist)
    await watched.becomes(card, "Resolved after", "Backup of mongodb was made again")


async def test_without_redis_the_queues_are_unknown_and_nothing_is_resolved(watched: World) -> None:
    world = watched
    async with world.fault("workers-crash"):
        await world.sandbox.load("report", burst=1500)
        card = await world.page.wait_message(ALERTS, "Queue: jobs waiting (report)")
        await world.becomes(card, "1,500 jobs")  # it may have looked while they were being added
        async with world.fault("redis-down"):
            down = await world.page.wait_message(ALERTS, "Redis is unreachable")
            unknown = await world.becomes(card, "Unknown since", "Redis could not be read", "It was 1,500 jobs before.")
            assert "Resolved" not in text(unknown)
        await world.becomes(card, "1,500 jobs, warning above 1,000")
        async with world.redis() as redis:
            await redis.delete("bull:nova-report:wait")
        await world.becomes(card, "Resolved after")
        await world.becomes(down, "Resolved after", ": Redis answers again")
    assert len(cards(world, "Redis answers again")) == 1


async def test_somebody_takes_an_alert_in_hand_and_silences_it_from_its_card(watched: World) -> None:
    world = watched
    async with world.fault("workers-crash"):
        await world.sandbox.load("workflow", burst=1200)
        card = await world.page.wait_message(ALERTS, "Queue: jobs waiting (workflow)")
        await world.press("viewer", card, "Acknowledge", "alerts:acknowledge, which your roles (viewer) do not have")
        await world.click("operator", card, "Acknowledge")
        await world.becomes(card, "Acknowledged by operator")
        await world.form("operator", lambda: world.click("operator", card, "Silence…"))
        await world.submit("operator", duration=chosen("4h"), reason="backfill")
        held = await world.becomes(card, "Muted: silenced by operator until", "backfill")
        assert labels(held) == ["End silence", "Scale workers +2…", "Queue stats workflow", "What changed?"]
        await world.until(lambda: sum("Done" in ring for ring in rings(world, card)) == 2)
        await world.sandbox.load("workflow", burst=1000)
        await world.becomes(card, "CRITICAL", "2,200 jobs")
        assert not any("Now critical" in ring for ring in rings(world, card))
        await world.ask("viewer", "/alerts", "1 alert is firing, 1 critical", "backfill")
        await world.press("viewer", held, "End silence", "alerts:silence, which your roles (viewer) do not have")
        await world.click("operator", held, "End silence")
        await world.until(lambda: any("No longer muted and still firing" in ring for ring in rings(world, card)))


async def test_an_alert_that_ended_meanwhile_is_not_taken_in_hand(watched: World) -> None:
    world, rule = watched, '[approvals."/ack"]\napprovers = ["approver"]\nneeded = '
    async with world.fault("workers-crash"), world.rule((f"{rule}0", f"{rule}1")), world.redis() as redis:
        known = world.shown(ALERTS)
        await world.sandbox.load("report", burst=1500)
        card = await world.new(ALERTS, known, "Queue: jobs waiting (report)")
        plan = await world.press("operator", card, "Acknowledge", "Waits for approval")
        await redis.delete("bull:nova-report:wait")
        await world.becomes(card, "Resolved after")
        await world.click("approver", plan, "Approve")
        stale = await world.becomes(plan, "nothing was changed", "No alert")
        assert labels(stale) == ["Plan again"]


async def test_failing_requests_are_one_card_from_the_log_and_from_the_metrics_once_they_are_fed(
    watched: World,
) -> None:
    world = watched
    async with world.fault("api-errors"):
        card = await world.page.wait_message(ALERTS, "API: share of 5xx entries in its log", seconds=60)
        await world.becomes(card, "critical above 5", "entries are 5xx, those of 4xx left out")
        assert labels(card)[2:] == ["Error logs", "Rollout status api", "What changed?"]
