"""The bare framework: a Bolt app over Socket Mode whose one handler acks and does nothing."""

import asyncio
import os
import signal

from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncAck, AsyncApp
from slack_sdk.web.async_client import AsyncWebClient


async def serve() -> None:
    """Connect, say so on stdout, and ack every slash command until SIGTERM."""
    base_url = os.environ["SLACK_API_URL"]
    app = AsyncApp(client=AsyncWebClient(token=os.environ["SLACK_BOT_TOKEN"], base_url=base_url))

    async def nothing(ack: AsyncAck) -> None:
        await ack()

    app.command("/queue-stats")(nothing)
    app_token = os.environ["SLACK_APP_TOKEN"]
    handler = AsyncSocketModeHandler(app, app_token, web_client=AsyncWebClient(token=app_token, base_url=base_url))
    await handler.connect_async()
    print("connected", flush=True)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    await handler.close_async()


if __name__ == "__main__":
    asyncio.run(serve())
