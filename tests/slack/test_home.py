from slack_sdk.web.async_client import AsyncWebClient

from bot.reply import Level, Line, Part
from bot.request import Actor
from bot.slack import limits
from bot.slack.blocks import render
from bot.slack.home import Home, nothing
from bot.slack.links import Links
from bot.stores.outbox import Outbox
from tests.slack.declared import CATALOG, FixedPolicy
from tests.slack.stand_in import SlackStandIn

OPERATOR = Actor(id="U0OPERATOR", name="Olga")


async def waiting(_: Actor) -> tuple[Part, ...]:
    return (Line(level=Level.WARNING, label="Scale to 5", value="waits for you"),)


async def broken(_: Actor) -> tuple[Part, ...]:
    raise LookupError


async def test_the_page_shows_what_waits_and_what_may_be_run(client: AsyncWebClient, outbox: Outbox) -> None:
    blocks = render(await Home(client, CATALOG, FixedPolicy(), waiting, Links(outbox, client)).page(OPERATOR)).blocks
    shown = str(blocks)
    assert limits.problems(blocks) == []
    assert shown.index("waits for you") < shown.index("/queue-stats") < shown.index("/scale-workers")
    assert [element["action_id"] for block in blocks for element in block.get("elements", ())] == ["run:0", "form:1"]


async def test_who_may_nothing_is_told_so(client: AsyncWebClient, outbox: Outbox) -> None:
    page = await Home(client, CATALOG, FixedPolicy(), waiting, Links(outbox, client)).page(
        Actor(id="U0STRANGER", name="x")
    )
    assert "no command" in str(page)


async def test_what_cannot_be_read_is_said_and_the_rest_is_shown(client: AsyncWebClient, outbox: Outbox) -> None:
    page = str(await Home(client, CATALOG, FixedPolicy(), broken, Links(outbox, client)).page(OPERATOR))
    assert "could not be read" in page
    assert "/queue-stats" in page


async def test_a_page_that_slack_refuses_is_no_error(
    client: AsyncWebClient, outbox: Outbox, slack: SlackStandIn
) -> None:
    slack.trouble("views.publish", "not_enabled")
    await Home(client, CATALOG, FixedPolicy(), nothing, Links(outbox, client)).show(OPERATOR)
    assert slack.count("views.publish") == 1
