"""A critical alert reaches PagerDuty and the mailbox, also while Slack is away, and its end reaches them too."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from sandbox.mail import MailServer
from sandbox.pagerduty import PagerDuty
from tests.scenarios.world import World, opened

pytestmark = pytest.mark.asyncio(loop_scope="package")

EDITS = (
    ('every = "2s"', 'every = "1s"'),
    ('second_path_after = "20s"', 'second_path_after = "2s"'),
    ('[[routes]]\nmatchers = ["severity=critical"]', '[[routes]]\nmatchers = ["queue=webhook", "severity=critical"]'),
)


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def watched(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """A NovaPulse whose alerts are looked at every second, and of which only one queue's are paged by a route."""
    async with opened(tmp_path_factory.mktemp("receivers"), edits=EDITS) as made:
        yield made


def outside(world: World) -> tuple[PagerDuty, MailServer]:
    assert world.sandbox.pagerduty is not None
    assert world.sandbox.mail is not None
    return world.sandbox.pagerduty, world.sandbox.mail


def statuses(pagerduty: PagerDuty, words: str) -> list[str]:
    return [one["status"] for one in pagerduty.incidents.values() if words in one["summary"]]


def subjects(mail: MailServer, words: str) -> list[str]:
    return [one.subject for one in mail.inbox if words in one.subject or words in one.text]


async def test_a_critical_alert_is_paged_and_mailed_and_so_is_its_end(watched: World) -> None:
    world = watched
    pagerduty, mail = outside(world)
    async with world.fault("workers-crash"):
        await world.sandbox.load("webhook", burst=2100)
        await world.until(lambda: statuses(pagerduty, "(webhook)") == ["triggered"])
        await world.until(lambda: len(subjects(mail, "(webhook)")) == 1)
        async with world.redis() as redis:
            await redis.delete("bull:nova-webhook:wait")
        await world.until(lambda: statuses(pagerduty, "(webhook)") == ["resolved"])
        await world.until(lambda: len({one.message["References"] for one in mail.inbox}) == 1 < len(mail.inbox))


async def test_what_slack_does_not_take_goes_the_second_path_and_is_resolved_there_too(watched: World) -> None:
    world = watched
    pagerduty, mail = outside(world)
    async with world.fault("workers-crash"):
        async with world.fault("slack-500"):
            await world.sandbox.load("report", burst=2100)
            await world.until(lambda: statuses(pagerduty, "(report)") == ["triggered"])
            await world.until(lambda: len(subjects(mail, "(report)")) == 1)
        (event,) = [one for one in pagerduty.log if "(report)" in one.get("payload", {}).get("summary", "")]
        assert "Slack has not taken this message for" in event["payload"]["custom_details"]["card"]
        await world.page.wait_message("novapulse-alerts", "Queue: jobs waiting (report)")
        async with world.redis() as redis:
            await redis.delete("bull:nova-report:wait")
        await world.until(lambda: statuses(pagerduty, "(report)") == ["resolved"])
