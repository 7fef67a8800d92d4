"""The bare framework: a Bolt app over Socket Mode whose one handler acks and does nothing.

``python -m benchmarks.empty_bolt`` is Bolt as it comes, which looks every 10 ms whether the handler has acked;
``... quick`` has the two settings that the bot has too: the ack goes out when the handler is through, and uvloop.
"""

import asyncio
import os
import signal
import sys

import uvloop
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncAck, AsyncApp
from slack_sdk.web.async_client import AsyncWebClient


async def serve(*, quick: bool) -> None:
    """Connect, say so on stdout, and ack every slash command until SIGTERM."""
    base_url = os.environ["SLACK_API_URL"]
    client = AsyncWebClient(token=os.environ["SLACK_BOT_TOKEN"], base_url=base_url)
    app = AsyncApp(client=client, process_before_response=quick)

    async def nothing(ack: AsyncAck) -> None:
        await ack()

    app.command("/queue-stats")(nothing)
    app_token = os.environ["SLACK_APP_TOKEN"]
    handler = AsyncSocketModeHandler(app, app_token, web_client=AsyncWebClient(token=app_token, base_url=base_url))
    await handler.connect_async()  # type: ignore[no-untyped-call]
    print("connected", flush=True)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    await handler.close_async()  # type: ignore[no-untyped-call]


def main(*, quick: bool) -> None:
    """Serve on the event loop that goes with it."""
    factory = uvloop.new_event_loop if quick else asyncio.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(serve(quick=quick))


if __name__ == "__main__":
    main(quick="quick" in sys.argv[1:])
