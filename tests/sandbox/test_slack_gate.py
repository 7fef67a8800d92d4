import asyncio
import json

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from sandbox.site import Sandbox
from sandbox.slack import APP_TOKEN, BOT_TOKEN
from sandbox.slack_gate import SlackGate
from sandbox.slack_page import SlackPage


def client(slack: Sandbox, token: str = BOT_TOKEN) -> AsyncWebClient:
    return AsyncWebClient(token=token, base_url=slack.endpoints["slack_api"], timeout=1)


def gate(slack: Sandbox) -> SlackGate:
    assert slack.gate is not None
    return slack.gate


async def test_a_call_goes_through_and_is_counted(slack: Sandbox, page: SlackPage) -> None:
    await client(slack).chat_postMessage(channel="#ops", text="hello")
    assert (await page.wait_message("ops", "hello"))["user"] == "U0NOVABOT"
    call = gate(slack).calls[-1]
    assert (call.method, call.status) == ("chat.postMessage", 200)


@pytest.mark.parametrize(("token", "error"), [("xoxb-wrong", "invalid_auth"), (APP_TOKEN, "not_allowed_token_type")])
async def test_the_wrong_token_is_refused(slack: Sandbox, token: str, error: str) -> None:
    with pytest.raises(SlackApiError) as caught:
        await client(slack, token).auth_test()
    assert caught.value.response["error"] == error


async def test_the_granted_scopes_are_named(slack: Sandbox) -> None:
    answer = await client(slack).auth_test()
    assert "chat:write" in answer.headers["x-oauth-scopes"].split(",")


async def test_too_many_calls_say_when_to_come_again(slack: Sandbox) -> None:
    gate(slack).trouble("429", "chat.postMessage", times=1, retry_after=7)
    with pytest.raises(SlackApiError) as caught:
        await client(slack).chat_postMessage(channel="#ops", text="one")
    assert (caught.value.response.status_code, caught.value.response.headers["Retry-After"]) == (429, "7")
    await client(slack).chat_postMessage(channel="#ops", text="two")


async def test_a_lost_reply_was_done_all_the_same(slack: Sandbox, page: SlackPage) -> None:
    gate(slack).trouble("lose-reply", "chat.postMessage", times=1)
    with pytest.raises(asyncio.TimeoutError):
        await client(slack).chat_postMessage(channel="#ops", text="done all the same")
    await page.wait_message("ops", "done all the same")


async def test_faults_end(slack: Sandbox) -> None:
    for fault in ("slack-429", "slack-500"):
        await slack.fault(fault, on=True)
        with pytest.raises(SlackApiError):
            await client(slack).auth_test()
        await slack.fault(fault, on=False)
        await client(slack).auth_test()


async def connected(slack: Sandbox, http: aiohttp.ClientSession) -> aiohttp.ClientWebSocketResponse:
    opened = await client(slack, APP_TOKEN).apps_connections_open(app_token=APP_TOKEN)
    assert str(opened["url"]).startswith(slack.endpoints["slack_api"].replace("http", "ws", 1).removesuffix("api/"))
    socket = await http.ws_connect(str(opened["url"]))
    assert (await socket.receive_json())["type"] == "hello"
    return socket


async def test_an_envelope_goes_to_one_of_the_connections(slack: Sandbox, page: SlackPage) -> None:
    async with aiohttp.ClientSession() as http:
        sockets = [await connected(slack, http) for _ in range(2)]
        commands = [asyncio.create_task(page.command("operator", "ops", f"/x {n}")) for n in range(6)]
        received = [0, 0]

        async def take(index: int) -> None:
            async for message in sockets[index]:
                received[index] += 1
                await sockets[index].send_json({"envelope_id": json.loads(message.data)["envelope_id"]})

        takers = [asyncio.create_task(take(index)) for index in range(2)]
        await asyncio.gather(*commands)
        assert sum(received) == 6
        for socket in sockets:
            await socket.close()
        await asyncio.gather(*takers)


async def test_a_cut_socket_stays_away_until_the_fault_ends(slack: Sandbox) -> None:
    async with aiohttp.ClientSession() as http:
        socket = await connected(slack, http)
        await slack.fault("slack-drop-socket", on=True)
        assert (await socket.receive()).type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await connected(slack, http)
        await slack.fault("slack-drop-socket", on=False)
        await (await connected(slack, http)).close()


async def test_an_envelope_can_come_twice(slack: Sandbox, page: SlackPage) -> None:
    gate(slack).repeat_envelopes = True
    async with aiohttp.ClientSession() as http:
        socket = await connected(slack, http)
        command = asyncio.create_task(page.command("operator", "ops", "/x"))
        first, second = await socket.receive_json(), await socket.receive_json()
        assert first["payload"] == second["payload"]
        assert second["retry_attempt"] == 1
        await socket.send_json({"envelope_id": first["envelope_id"]})
        await command
        await socket.close()


async def test_an_answer_by_response_url_is_for_one_person(slack: Sandbox, page: SlackPage) -> None:
    async with aiohttp.ClientSession() as http:
        socket = await connected(slack, http)
        command = asyncio.create_task(page.command("operator", "ops", "/x"))
        envelope = await socket.receive_json()
        await socket.send_json({"envelope_id": envelope["envelope_id"]})
        await command
        url = envelope["payload"]["response_url"]
        assert str(gate(slack).api_url).removesuffix("/api/") in url
        async with http.post(url, json={"text": "for you"}) as answer:
            assert answer.status == 200
        assert (await page.wait_message("ops", "for you"))["subtype"] == "ephemeral"
        await socket.close()


async def test_an_app_is_told_of_its_own_edit(slack: Sandbox) -> None:
    async with aiohttp.ClientSession() as http:
        socket = await connected(slack, http)
        posted = await client(slack).chat_postMessage(channel="#ops", text="one")
        await client(slack).chat_update(channel=posted["channel"], ts=posted["ts"], text="two")
        envelope = await socket.receive_json(timeout=10)
        event = envelope["payload"]["event"]
        assert (envelope["type"], event["subtype"]) == ("events_api", "message_changed")
        assert (event["message"]["user"], event["message"]["text"]) == ("U0NOVABOT", "two")
        await socket.close()


async def test_a_deaf_socket_swallows_what_comes_and_stays_open(slack: Sandbox) -> None:
    async with aiohttp.ClientSession() as http:
        deaf = await connected(slack, http)
        await slack.fault("slack-deaf-socket", on=True)
        posted = await client(slack).chat_postMessage(channel="#ops", text="one")
        await client(slack).chat_update(channel=posted["channel"], ts=posted["ts"], text="swallowed")
        await deaf.ping()
        await slack.fault("slack-deaf-socket", on=False)
        await client(slack).chat_update(channel=posted["channel"], ts=posted["ts"], text="heard")
        assert (await deaf.receive_json(timeout=10))["payload"]["event"]["message"]["text"] == "heard"
        await deaf.close()
