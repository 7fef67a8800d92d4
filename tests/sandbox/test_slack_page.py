from collections.abc import AsyncIterator
from typing import Any

import pytest
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from sandbox.site import Sandbox
from sandbox.slack import APP_TOKEN, BOT_TOKEN
from sandbox.slack_page import SlackPage, button, buttons, shown_text

CARD: list[dict[str, Any]] = [
    {"type": "section", "block_id": "s", "text": {"type": "mrkdwn", "text": "scale to *5*"}},
    {
        "type": "actions",
        "block_id": "decide",
        "elements": [
            {"type": "button", "action_id": "yes", "value": "plan", "text": {"type": "plain_text", "text": "Approve"}}
        ],
    },
]
FORM: dict[str, Any] = {
    "type": "modal",
    "callback_id": "why",
    "title": {"type": "plain_text", "text": "Why"},
    "submit": {"type": "plain_text", "text": "Go"},
    "blocks": [
        {
            "type": "input",
            "block_id": "reason",
            "label": {"type": "plain_text", "text": "Reason"},
            "element": {"type": "plain_text_input", "action_id": "text"},
        }
    ],
}


@pytest.fixture
async def app(slack: Sandbox, page: SlackPage) -> AsyncIterator[AsyncApp]:
    app = AsyncApp(client=AsyncWebClient(token=BOT_TOKEN, base_url=slack.endpoints["slack_api"]))

    @app.command("/scale")
    async def scale(ack: Any, client: Any) -> None:
        await ack()
        await client.chat_postMessage(channel="C0OPS", text="card", blocks=CARD)

    @app.action("yes")
    async def approve(ack: Any, body: dict[str, Any], client: Any) -> None:
        await ack()
        await client.views_open(trigger_id=body["trigger_id"], view=FORM | {"private_metadata": body["message"]["ts"]})

    @app.view("why")
    async def submitted(ack: Any, body: dict[str, Any], client: Any) -> None:
        reason = body["view"]["state"]["values"]["reason"]["text"]["value"]
        if not reason:
            await ack(response_action="errors", errors={"reason": "say why"})
            return
        await ack()
        who = body["user"]["username"]
        await client.chat_update(
            channel="C0OPS", ts=body["view"]["private_metadata"], text=f"{who}: {reason}", blocks=[]
        )

    handler = AsyncSocketModeHandler(app, APP_TOKEN)
    await handler.connect_async()  # type: ignore[no-untyped-call]
    await page.wait_connected()
    yield app
    await handler.close_async()  # type: ignore[no-untyped-call]


@pytest.mark.usefixtures("app")
async def test_a_command_a_button_and_a_form(page: SlackPage) -> None:
    await page.command("operator", "#ops", "/scale 5")
    card = await page.wait_message("ops", "scale to *5*")
    await page.press("approver", "ops", card, button(card, "Approve"))
    await page.wait_view()
    await page.submit("approver", {})
    assert await page.wait_for(lambda: page.view_errors) == {"reason": "say why"}
    await page.submit("approver", {"reason": {"text": {"type": "plain_text_input", "value": "backlog"}}})
    done = await page.wait_message("ops", "approver: backlog")
    assert done["ts"] == card["ts"]
    assert buttons(done) == []
    await page.wait_for(lambda: not page.views)


async def test_waiting_for_what_does_not_come_says_what(page: SlackPage) -> None:
    with pytest.raises(TimeoutError, match="'a miracle' in ops"):
        await page.wait_message("ops", "a miracle", seconds=0.05)


def test_a_button_that_is_not_there_is_answered_with_those_that_are() -> None:
    with pytest.raises(LookupError, match=r"no 'Deny' among \['Approve'\]"):
        button({"blocks": CARD}, "Deny")


def test_all_text_of_a_message_is_found() -> None:
    assert shown_text({"text": "card", "blocks": CARD}) == "card\nscale to *5*\nApprove"


async def test_people_talk_and_the_page_forgets(page: SlackPage) -> None:
    await page.say("viewer", "general", "anybody here?")
    assert (await page.wait_message("general", "anybody"))["user"] == "U0VIEWER"
    assert await page.log() is not None
    await page.reset()
    await page.wait_for(lambda: not page.messages("general") or None)
