"""What the bot says leads to its other messages, as soon as they stand in Slack."""

from datetime import UTC, datetime

from slack_sdk.web.async_client import AsyncWebClient

from bot.reply import Level, Line, Link, Text, say
from bot.slack import limits
from bot.slack.blocks import render
from bot.slack.links import Links
from bot.stores.outbox import Message, Outbox
from tests.slack.stand_in import SlackStandIn

NOW = datetime(2026, 7, 1, 9, tzinfo=UTC)
REPLY = say(
    "Still waits", Text.of("See ", Link(text="the <card>", key="plan:1")), Line(level=Level.OK, label="a", value="b")
)


async def test_a_message_that_is_not_in_slack_is_named_without_a_link(client: AsyncWebClient, outbox: Outbox) -> None:
    links = Links(outbox, client)
    assert await links.resolved(REPLY) == REPLY
    await outbox.put(Message("plan:1", "C1", say("Plan")), NOW)
    blocks = render(await links.resolved(REPLY)).blocks
    assert "See the &lt;card&gt;" in str(blocks)


async def test_a_message_in_slack_is_linked(client: AsyncWebClient, outbox: Outbox, slack: SlackStandIn) -> None:
    await outbox.put(Message("plan:1", "C1", say("Plan")), NOW)
    (delivery,) = await outbox.due(NOW)
    await outbox.sent(delivery, NOW, channel="C1", ts="1700000000.000100")
    blocks = render(await Links(outbox, client).resolved(REPLY)).blocks
    assert "See <https://slack.example/archives/C1/p1700000000000100|the &lt;card&gt;>" in str(blocks)
    assert limits.problems(blocks) == []
    slack.trouble("chat.getPermalink", "message_not_found")
    assert await Links(outbox, client).resolved(REPLY) == REPLY


def test_an_address_that_is_no_message_is_no_link() -> None:
    for url in ("https://evil.example/x", "https://a/archives/C1/p1>|<!channel", "javascript:alert(1)"):
        (part, *_) = REPLY.parts
        assert isinstance(part, Text)
        (_, link) = part.spans
        assert isinstance(link, Link)
        shown = say("x", Text.of(link.model_copy(update={"url": url})))
        assert url not in str(render(shown).blocks)
