"""The real bot for a Slack without limits, as the sandbox's is: it posts and edits as fast as that takes it.

Slack's own pace is kept where a test is about the bot's start or end, and proved in tests/slack/test_sender.py.
"""

import asyncio

import uvloop

from bot.loading import loading

with loading():
    from bot import app
    from bot.settings import Settings
    from bot.slack.pace import Pace

TIMES = 20.0


def main() -> int:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(app.serve(Settings(), pace=Pace(times=TIMES)))


if __name__ == "__main__":
    raise SystemExit(main())
