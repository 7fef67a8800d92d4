"""The commands that change something: a line for each, and their way from the question to the outcome."""

from bot import catalog
from bot.freeze import OWN, resource_of
from sandbox.api.webhooks import ACTIVE
from sandbox.slack_page import Message
from tests.scenarios.world import PATIENCE, World, labels

APPROVE = "Approve"
CHANGING = {name: command for name, command in catalog.load().commands.items() if command.changes}
# What is no more than the bot's own state: a freeze does not stop it.
OWN_STATE = {name for name, command in CHANGING.items() if resource_of(command) in OWN}
LINES = {
    "/ack": "/ack 3fa91c02d41e55aa-1782900000",
    "/cache": "/cache clear cache:user:*:profile",
    "/clear-failed": "/clear-failed report",
    "/drain-queues": "/drain-queues workflow",
    "/force-restart-workers": "/force-restart-workers",
    "/freeze": "/freeze workers 30m",
    "/oncall": "/oncall override operator --level 3 --until 8h",
    "/page": '/page 4 "customers wait"',
    "/pause-queue": "/pause-queue report",
    "/promote-delayed": "/promote-delayed report",
    "/rebuild-indexes": "/rebuild-indexes webhooklogs",
    "/restart": "/restart worker",
    "/resume-queue": "/resume-queue report",
    "/retry-failed": "/retry-failed report",
    "/rollback": "/rollback worker",
    "/scale-workers": "/scale-workers 5",
    "/set-concurrency": "/set-concurrency 4",
    "/set-env": "/set-env api LOG_LEVEL",
    "/set-pool-size": "/set-pool-size 20 5",
    "/silence": "/silence queue=report 30m --reason backfill",
    "/step-down-primary": "/step-down-primary",
    "/test-webhook": f"/test-webhook {ACTIVE}",
}


async def asked(world: World, user: str, line: str, *words: str, secret: str = "debug") -> Message:
    """Ask for a change, in its form where it has a secret argument, and return what is answered with these words."""
    command = CHANGING[line.split(maxsplit=1)[0]]
    if not command.secrets:
        return await world.ask(user, line, *words)
    await world.form(user, lambda: world.page.command(user, "ops", line))
    known = world.shown("ops")
    await world.submit(user, **dict.fromkeys(command.secrets, secret))
    return await world.new("ops", known, *words)


async def done(world: World, card: Message, *words: str, seconds: float = PATIENCE) -> Message:
    """Let a second person approve where one is needed, and return the card once it is done and shows these words."""
    if APPROVE in labels(card):
        await world.click("second_approver", card, APPROVE)
    return await world.becomes(card, "Done after", *words, seconds=seconds)
