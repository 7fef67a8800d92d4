"""The stand-in of these tests and local-slack behind the sandbox's gate answer the sender's calls alike."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from slack_sdk.web.async_client import AsyncWebClient

from sandbox.site import running
from sandbox.slack import BOT_TOKEN, CHANNELS, PEOPLE
from tests.slack.stand_in import SlackStandIn

CHANNEL, NAME, PERSON = CHANNELS[0].id, CHANNELS[0].name, PEOPLE[0].id
BLOCKS = [{"type": "section", "block_id": "one", "text": {"type": "mrkdwn", "text": "2 pods"}}]


@dataclass(frozen=True)
class Served:
    """A Slack to call."""

    client: AsyncWebClient

    async def shown(self, ts: str) -> dict[str, Any]:
        """Return the message as the channel's history has it."""
        history = await self.client.conversations_history(channel=CHANNEL, include_all_metadata=True)
        (message,) = (found for found in history["messages"] if found["ts"] == ts)
        return dict(message)


async def _stand_in(_: Path) -> AsyncIterator[str]:
    slack = SlackStandIn(channels={channel.name: channel.id for channel in CHANNELS})
    await slack.start()
    yield f"{slack.url}/api/"
    await slack.stop()


async def _local_slack(directory: Path) -> AsyncIterator[str]:
    async with running(directory, parts=["slack"]) as sandbox:
        assert sandbox.gate is not None
        yield sandbox.gate.api_url


@pytest.fixture(params=[_stand_in, _local_slack], ids=["stand-in", "local-slack"])
async def served(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Served]:
    async with aiohttp.ClientSession() as session:
        async for url in request.param(tmp_path):
            yield Served(AsyncWebClient(BOT_TOKEN, base_url=url, session=session, retry_handlers=[]))


async def test_a_post_by_name_or_id_gives_the_channel_s_id_and_a_moment(served: Served) -> None:
    for channel in (CHANNEL, f"#{NAME}"):
        answer = await served.client.chat_postMessage(channel=channel, text="Hello", blocks=BLOCKS)
        assert (answer["ok"], answer["channel"]) == (True, CHANNEL)
        assert re.fullmatch(r"\d{10}\.\d{6}", answer["ts"])


async def test_two_posts_are_two_messages(served: Served) -> None:
    moments = [(await served.client.chat_postMessage(channel=CHANNEL, text="Hello"))["ts"] for _ in range(2)]
    assert len(set(moments)) == 2
    assert moments == sorted(moments)


async def test_an_update_keeps_the_message_and_replaces_what_it_shows(served: Served) -> None:
    posted = await served.client.chat_postMessage(channel=CHANNEL, text="Hello", blocks=BLOCKS)
    blocks = [{"type": "section", "block_id": "two", "text": {"type": "mrkdwn", "text": "3 pods"}}]
    answer = await served.client.chat_update(channel=CHANNEL, ts=posted["ts"], text="Bye", blocks=blocks)
    assert (answer["ok"], answer["channel"], answer["ts"]) == (True, CHANNEL, posted["ts"])
    message = await served.shown(posted["ts"])
    assert (message["text"], message["blocks"][0]["text"]["text"]) == ("Bye", "3 pods")


async def test_an_answer_in_a_thread_names_its_message(served: Served) -> None:
    parent = await served.client.chat_postMessage(channel=CHANNEL, text="Hello")
    answer = await served.client.chat_postMessage(channel=CHANNEL, text="More", thread_ts=parent["ts"])
    assert answer["ts"] != parent["ts"]


async def test_a_whisper_is_answered_with_its_moment(served: Served) -> None:
    answer = await served.client.chat_postEphemeral(channel=CHANNEL, user=PERSON, text="Only you")
    assert answer["ok"] is True
    assert re.fullmatch(r"\d+\.\d+", answer["message_ts"])


async def test_a_link_leads_to_channel_and_message(served: Served) -> None:
    posted = await served.client.chat_postMessage(channel=CHANNEL, text="Hello")
    answer = await served.client.chat_getPermalink(channel=CHANNEL, message_ts=posted["ts"])
    assert answer["permalink"].endswith(f"/archives/{CHANNEL}/p{posted['ts'].replace('.', '')}")


async def test_the_bot_learns_who_it_is(served: Served) -> None:
    answer = await served.client.auth_test()
    assert answer["user_id"].startswith("U")
    assert answer["bot_id"].startswith("B")


async def test_the_channels_have_id_and_name(served: Served) -> None:
    answer = await served.client.conversations_list()
    assert {(found["name"], found["id"]) for found in answer["channels"]} >= {(NAME, CHANNEL)}
