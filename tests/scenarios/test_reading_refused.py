"""No reading command answers somebody without a role, and each says what it cannot follow; none was forgotten here."""

import pytest

from bot import catalog
from tests.scenarios.test_commands import plain
from tests.scenarios.world import World, labels

pytestmark = pytest.mark.asyncio(loop_scope="package")

# Also those that change something with another word, and have a permission of their own for looking.
READING = {
    name: command
    for name, command in catalog.load().commands.items()
    if not command.changes or command.permission != command.change_permission
}
LINES = {
    "/cache": "/cache keys cache:user:*:profile",
    "/index-stats": "/index-stats webhooklogs",
    "/redis-keys": "/redis-keys bull:*",
    "/webhook": "/webhook 65f000000000000000000001",
    "/webhook-logs": "/webhook-logs 65f000000000000000000001",
}
# For each command a line that it cannot follow, and what the answer says.
WRONG = {
    "/alerts": ("/alerts --show everything", "“everything”", "firing", "Usage"),
    "/approvals": ("/approvals now", "“now”", "Usage"),
    "/audit": ("/audit many", "many", "Usage"),
    "/cache": ("/cache keys bull:*", "is none of the documented cache patterns"),
    "/changes": ("/changes soon", "“soon” is no time", "30m"),
    "/error-logs": ("/error-logs api soon", "not “soon”", "15m"),
    "/failed-jobs": ("/failed-jobs reprot", "There is no queue “reprot”", "Did you mean report?"),
    "/freeze": ("/freeze moon", "There is nothing called “moon” to freeze", "all, "),
    "/health": ("/health now", "“now”", "Usage"),
    "/index-stats": ("/index-stats webhooklog", "no such collection", "Did you mean webhooklogs?"),
    "/metrics": (
        "/metrics queue_size --label queue",
        "label is a name and a value, such as queue=email",
        "not “queue”",
    ),
    "/mongo-status": ("/mongo-status now", "“now”", "Usage"),
    "/morning-checklist": ("/morning-checklist now", "“now”", "Usage"),
    "/oncall": ("/oncall --action shwo", "“shwo”", "Did you mean show?"),
    "/pods": ("/pods wroker", "wroker", "Did you mean worker?"),
    "/queue-stats": ("/queue-stats emial", "There is no queue “emial”", "Did you mean email?"),
    "/redis-keys": ("/redis-keys bull:* more", "“more”", "Usage"),
    "/redis-status": ("/redis-status now", "“now”", "Usage"),
    "/rollout-status": ("/rollout-status redis", "“redis”", "worker"),
    "/runbook": ("/runbook scale-wrokers", "scale-wrokers", "Did you mean /scale-workers?"),
    "/runs": ("/runs nonsense", "nonsense"),
    "/top-pods": ("/top-pods now", "“now”", "Usage"),
    "/webhook": ("/webhook nonsense", "That is no webhook id"),
    "/webhook-logs": ("/webhook-logs nonsense", "That is no webhook id"),
}


async def test_who_has_no_role_is_shown_nothing(world: World) -> None:
    async with world.rule(('members = ["U0VIEWER"]', "members = []")):
        for name, command in READING.items():
            said = ("Refused", f"This needs the permission {command.permission}", "Who may: ")
            refusal = await world.ask("viewer", LINES.get(name, name), *said)
            assert refusal["ephemeral_to"] == "U0VIEWER"
            assert labels(refusal) == []
    assert world.page.views == []


@pytest.mark.parametrize("name", READING)
async def test_what_cannot_be_followed_is_named(world: World, name: str) -> None:
    line, *words = WRONG[name]
    answer = await world.ask("approver", line, words[0])
    assert all(word in plain(answer) for word in words), plain(answer)
    assert answer["ephemeral_to"] == "U0APPROVER"


async def test_no_reading_command_was_forgotten() -> None:
    assert WRONG.keys() == READING.keys()
