"""Nobody acknowledges, somebody stands in, somebody takes over: the whole way through Slack."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial

import pytest
import pytest_asyncio

from sandbox.slack_page import Message
from tests.scenarios.world import World, labels, opened, text

pytestmark = pytest.mark.asyncio(loop_scope="package")

ALERTS = "novapulse-alerts"
EDITS = (
    ('every = "2s"', 'every = "1s"'),
    ('after = ["1m", "2m", "3m"]', 'after = ["4s", "8s", "1h"]'),
    ('accept_within = "1m"', 'accept_within = "5s"'),
)


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def watched(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """A NovaPulse whose next level is called after seconds."""
    async with opened(tmp_path_factory.mktemp("oncall"), edits=EDITS) as made:
        yield made


def thread(world: World, card: Message) -> list[str]:
    return [
        text(message)
        for message in world.page.messages(ALERTS)
        if message.get("thread_ts") == card["ts"] != message["ts"]
    ]


def statuses(world: World, words: str = "MongoDB") -> list[str]:
    """Return how PagerDuty's incidents about something stand."""
    assert world.sandbox.pagerduty is not None
    return [one["status"] for one in world.sandbox.pagerduty.incidents.values() if words in one["summary"]]


def mailed(world: World, words: str) -> list[str]:
    assert world.sandbox.mail is not None
    return [one.subject for one in world.sandbox.mail.inbox if words in one.subject]


def was_mailed(world: World, words: str) -> bool:
    return bool(mailed(world, words))


async def test_nobody_acknowledges_until_level_three_does(watched: World) -> None:
    world = watched
    async with world.fault("mongo-down"):
        card = await world.page.wait_message(ALERTS, "MongoDB is unreachable")
        await world.becomes(card, "On call: <@U0ONCALL>")
        await world.page.wait_message(ALERTS, "Team lead*: <@U0APPROVER>")
        third = await world.page.wait_message(ALERTS, "Engineering manager*: <@U0APPROVER2>")
        await world.becomes(card, "Called, and not acknowledged: level 1 (oncall)", "level 2 (approver)")
        assert labels(third) == ["Acknowledge"]
        await world.until(lambda: statuses(world) == ["triggered"])
        await world.click("second_approver", third, "Acknowledge")
        await world.becomes(card, "Acknowledged by second_approver")
        await world.until(lambda: statuses(world) == ["acknowledged"])
        called = [words for words in thread(world, card) if "Nobody has acknowledged" in words]
        assert len(called) == 2
    await world.becomes(card, "Resolved after")
    await world.until(lambda: statuses(world) == ["resolved"])
    await world.until(lambda: len(mailed(world, "Nobody has acknowledged: MongoDB is unreachable")) == 2)
    assert world.rows("select level, people from escalations order by number") == [
        (1, '["U0ONCALL"]'),
        (2, '["U0APPROVER"]'),
        (3, '["U0APPROVER2"]'),
    ]
    assert world.rows("select count(*) from escalations where over_at is null") == [(0,)]


async def test_somebody_stands_in_and_accepts_the_hand_over(watched: World) -> None:
    world = watched
    known = world.shown(ALERTS)
    done = await world.ask("operator", "/oncall override me --until 8h", "Done after", "End this override")
    card = await world.new(ALERTS, known, "On-call hand-over: oncall → operator", "<@U0ONCALL>", "<@U0OPERATOR>")
    assert labels(card) == ["Accept hand-over"]
    await world.press("viewer", card, "Accept hand-over", "oncall:change, which your roles (viewer) do not have")
    await world.until(lambda: any("Nobody has accepted the hand-over" in words for words in thread(world, card)))
    await world.click("operator", card, "Accept hand-over")
    await _acts_alone(world)
    accepted = await world.becomes(card, "Accepted by operator at")
    assert labels(accepted) == []
    await world.ask("viewer", "/oncall", "On call: operator", "(override)", "then oncall", "by operator")
    known = world.shown(ALERTS)
    await world.press("operator", done, "Undo", "Done after")
    back = await world.new(ALERTS, known, "On-call hand-over: operator → oncall")
    assert labels(back) == ["Accept hand-over"]
    await world.ask("viewer", "/oncall", "On call: oncall")


async def test_a_page_mentions_the_level_and_not_without_end(watched: World) -> None:
    world = watched
    for number in range(3):
        known = world.shown(ALERTS)
        await world.ask("operator", f'/page 2 "customers wait {number}"', "Page level 2, Team lead: approver")
        await world.until(partial(was_mailed, world, f"customers wait {number}"))
        await world.new(ALERTS, known, f"Page: customers wait {number}", "Team lead*: <@U0APPROVER>")
    await world.ask("operator", '/page 2 "again"', "You have paged 3 times within 10 minutes")
    await world.ask("viewer", '/page 2 "again"', "oncall:page")


async def test_a_page_is_taken_in_hand_and_resolved_in_pagerduty_too(watched: World) -> None:
    world = watched
    known = world.shown(ALERTS)
    await world.ask("approver", '/page 1 "the import hangs"', "Page level 1, On-call engineer: oncall")
    card = await world.new(ALERTS, known, "Page: the import hangs", "approver calls at")
    assert labels(card) == ["Acknowledge", "Resolved"]
    await world.until(lambda: statuses(world, "the import hangs") == ["triggered"])
    await world.press("viewer", card, "Acknowledge", "alerts:acknowledge, which your roles (viewer) do not have")
    await world.click("oncall", card, "Acknowledge")
    taken = await world.becomes(card, "Acknowledged by oncall at")
    assert labels(taken) == ["Resolved"]
    await world.until(lambda: statuses(world, "the import hangs") == ["acknowledged"])
    await world.click("oncall", taken, "Resolved")
    assert labels(await world.becomes(card, "Resolved by oncall at")) == []
    await world.until(lambda: statuses(world, "the import hangs") == ["resolved"])
    await world.until(lambda: len(mailed(world, "Page: the import hangs")) == 2)
    page = world.rows("select id from pages where reason = 'the import hangs'")[0][0]
    asked = world.rows("select command, actor_name, text from requests order by received_at")
    said = [(command, by) for command, by, text in asked if "import hangs" in text or page in text]
    assert said == [("/page", "approver"), ("/ack", "viewer"), ("/ack", "oncall"), ("/page", "oncall")]


async def _acts_alone(world: World) -> None:
    """Whoever stands in breaks the glass, as the card says; whoever was relieved no longer may."""
    plan = await world.ask("operator", "/scale-workers 3", "In an emergency operator may act alone, with a reason.")
    await world.press("oncall", plan, "Break glass", "needs being on call at level 1", "Who may: operator.")
    await world.form("operator", lambda: world.click("operator", plan, "Break glass"))
    known = world.shown(ALERTS)
    await world.submit("operator", reason="nobody else is awake")
    await world.new(ALERTS, known, "Break glass", "on call at level 1, by an override of operator, acts without")
    await world.becomes(plan, "Done after", "Started alone by")


async def test_a_page_that_nobody_has_calls_the_next_level_and_the_same_again_is_no_second_one(watched: World) -> None:
    world = watched
    known = world.shown(ALERTS)
    await world.ask("approver", "/page 1 nobody can log in", "Page level 1, On-call engineer: oncall")
    card = await world.new(
        ALERTS, known, "Page: nobody can log in", "Next, unless somebody has it: Level 2, Team lead, at"
    )
    again = await world.ask("second_approver", "/page 1 Nobody can log in", "Already called", "nobody has it yet")
    assert "nobody can log in>" in text(again), "it leads to the card"
    await world.becomes(card, "Called, and not acknowledged: level 1 (oncall)", "level 2 (approver)")
    await world.until(lambda: any("Team lead*: <@U0APPROVER>" in words for words in thread(world, card)))
    await world.until(lambda: was_mailed(world, "Nobody has acknowledged: page of approver: nobody can log in"))
    assert statuses(world, "nobody can log in") == ["triggered"]
    await world.ask("approver", "/page end", "Which page is over?", "nobody can log in")
    await world.click("oncall", card, "Acknowledge")
    taken = await world.becomes(card, "Acknowledged by oncall at", "Called before that: level 1 (oncall)")
    await world.until(lambda: statuses(world, "nobody can log in") == ["acknowledged"])
    await world.click("oncall", taken, "Resolved")
    await world.until(lambda: statuses(world, "nobody can log in") == ["resolved"])


async def test_who_may_not_acknowledge_does_not_stand_in(watched: World) -> None:
    says = (
        "viewer cannot be on call at level 1",
        "alerts:acknowledge and oncall:change",
        "Who can: operator, approver",
    )
    await watched.ask("operator", "/oncall override viewer --until 8h", *says)


async def test_two_people_who_page_for_the_same_at_once_make_one_page(watched: World) -> None:
    world, reason = watched, "the whole shop is away"
    both = ("approver", "second_approver")
    await asyncio.gather(*(world.page.command(user, "ops", f"/page 2 {reason}") for user in both))

    def closed() -> bool:
        rows = world.rows("select closed_at is not null from requests where command = '/page' order by received_at")
        return [done for (done,) in rows[-2:]] == [1, 1]

    await world.until(closed)
    await world.until(lambda: statuses(world, reason) == ["triggered"])
    ((page,),) = world.rows(f"select id from pages where reason = '{reason}'")  # noqa: S608 - of the test's own
    await world.ask("approver", f"/page end {page}", "Page resolved: ")
    await world.until(lambda: statuses(world, reason) == ["resolved"])
