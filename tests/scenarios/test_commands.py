"""What a person types, through both ways in, and what they get to read."""

import pytest

from bot import catalog
from sandbox.slack_page import Message
from tests.scenarios.changing import done
from tests.scenarios.world import World, labels, text

pytestmark = pytest.mark.asyncio(loop_scope="package")

ANSWERS = {
    "/ack": ("operator", "/ack nothing", "No alert “nothing” is firing"),
    "/alerts": ("viewer", "/alerts", "firing"),
    "/silence": ("operator", "/silence list", "Nothing is silenced"),
    "/approvals": ("viewer", "/approvals", "Nothing waits for approval"),
    "/audit": ("approver", "/audit 1 --command audit", "The newest 1 on record"),
    "/failed-jobs": ("viewer", "/failed-jobs", "Job data is never shown"),
    "/health": ("viewer", "/health", "connected to Redis: email 2, webhook 2, workflow 2, report 2"),
    "/morning-checklist": ("viewer", "/morning-checklist", "Since"),
    "/queue-stats": ("viewer", "/queue-stats", "Numbers by the NovaPulse API, checked against Redis."),
    "/rollout-status": ("viewer", "/rollout-status worker", "Image"),
    "/runbook": ("viewer", "/runbook", "20 more need roles that you do not have"),
    "/runs": ("viewer", "/runs", "un"),
    "/scale-workers": ("operator", "/scale-workers 3", "Scale novapulse-worker from 2 to 3"),
    "/cache": ("operator", "/cache keys cache:user:*:profile", "no such keys here"),
    "/changes": ("viewer", "/changes", "novapulse-worker revision 1: "),
    "/clear-failed": ("operator", "/clear-failed email", "email"),
    "/drain-queues": ("operator", "/drain-queues email", "No job of email is begun until somebody resumes it"),
    "/error-logs": ("operator", "/error-logs api", "of 3 of 3 pods"),
    "/force-restart-workers": ("operator", "/force-restart-workers", "Force the restart of novapulse-worker: 2 pods"),
    "/freeze": ("viewer", "/freeze 5m", "freeze:set"),
    "/index-stats": ("viewer", "/index-stats webhooklogs", "webhooklogs has 2 indexes"),
    "/metrics": ("viewer", "/metrics queue_size", "No sample: unknown"),
    "/mongo-status": ("viewer", "/mongo-status", "3 of 3 members are up"),
    "/oncall": ("viewer", "/oncall", "Level 1, On-call engineer"),
    "/page": ("viewer", '/page 4 "customers wait"', "oncall:page"),
    "/pause-queue": ("operator", "/pause-queue email", "No job of email is begun until somebody resumes it"),
    "/pods": ("viewer", "/pods worker", "2 pods, all ready"),
    "/promote-delayed": ("operator", "/promote-delayed email", "email"),
    "/rebuild-indexes": ("operator", "/rebuild-indexes webhooklogs", "Build 1 index of webhooklogs anew"),
    "/redis-keys": ("viewer", "/redis-keys bull:*", "keys match"),
    "/redis-status": ("viewer", "/redis-status", "noeviction, as BullMQ needs it"),
    "/restart": ("operator", "/restart worker", "all replaced"),
    "/resume-queue": ("operator", "/resume-queue email", "Not paused: email."),
    "/retry-failed": ("operator", "/retry-failed email", "email"),
    "/rollback": ("operator", "/rollback worker", "There is nothing to go back to"),
    "/set-concurrency": ("operator", "/set-concurrency 4", "Set QUEUE_CONCURRENCY from 5 to 4"),
    "/set-env": ("viewer", "/set-env api LOG_LEVEL", "deployments:configure"),
    "/set-pool-size": ("operator", "/set-pool-size 20 5", "MONGO_MAX_POOL_SIZE"),
    "/step-down-primary": ("operator", "/step-down-primary", "step down as primary of rs0"),
    "/test-webhook": ("operator", "/test-webhook 65f000000000000000000001", "knows no webhook"),
    "/top-pods": ("viewer", "/top-pods", "asked / limit"),
    "/webhook": ("viewer", "/webhook 65f000000000000000000001", "knows no webhook"),
    "/webhook-logs": ("viewer", "/webhook-logs 65f000000000000000000001", "knows no webhook"),
}
WRONG = {
    "a name that is nearly right": ("/queue-stat", "There is no command /queue-stat.", "Did you mean /queue-stats?"),
    "an argument that is nearly right": ("/queue-stats emial", "There is no queue", "Did you mean email?"),
    "an argument too many": ("/queue-stats email webhook", "“webhook”", "Usage: /queue-stats [queue]"),
    "an unknown option": ("/scale-workers 3 --deploy api", "--deploy", "Did you mean --deployment"),
    "a word for a number": ("/scale-workers many", "replicas has to be a whole number", "Usage: /scale-workers"),
    "a choice that is none": ("/scale-workers 3 --deployment redis", "“redis”", "api"),
    "a missing argument": ("/scale-workers --deployment api", "replicas", "Usage: /scale-workers"),
    "zero without the word": ("/scale-workers 0", "Say that 0 is meant.", "/scale-workers 0 --yes-zero"),
    "more than the policy allows": ("/scale-workers 11", "11 is more than the 10 pods that the policy allows"),
    "less than nothing": ("/scale-workers -1", "replicas has to be", "Usage: /scale-workers"),
    "what is so already": ("/scale-workers 2", "is already set to 2 pods", "/rollout-status worker"),
    "an open quote": ('/queue-stats "email', "A quote is opened and never closed"),
}


def plain(message: Message) -> str:
    return text(message).replace("`", "").replace("*", "")


@pytest.mark.parametrize("name", sorted(catalog.load().commands))
async def test_every_command_is_answered(either: World, name: str) -> None:
    user, line, expected = ANSWERS[name]
    answer = await either.ask(user, line, expected)
    assert answer["user"] == "U0NOVABOT"
    if "Cancel my request" in labels(answer):
        assert labels(answer)[:3] == ["Approve", "Deny", "Cancel my request"]
        await either.click("operator", answer, "Cancel my request")
        assert labels(await either.becomes(answer, "Cancelled, nothing was changed", "Cancelled by")) == []


@pytest.mark.parametrize(
    ("user", "line", "who"),
    [
        ("viewer", "/scale-workers 3", "Who may: operator, approver, second_approver, oncall."),
        ("operator", "/audit", "Who may: approver, second_approver, oncall."),
        ("viewer", "/scale-workers", "workers:scale"),
    ],
)
async def test_who_may_not_is_told_the_rule_and_who_may(either: World, user: str, line: str, who: str) -> None:
    answer = await either.ask(user, line, "Refused", "This needs the permission", who)
    assert answer["ephemeral_to"] == f"U0{user.upper()}"
    assert either.page.views == []


@pytest.mark.parametrize("case", WRONG)
async def test_what_was_wrong_is_said_with_the_usage(either: World, case: str) -> None:
    line, *words = WRONG[case]
    answer = await either.ask("operator", line, words[0])
    assert all(word in plain(answer) for word in words), plain(answer)
    assert answer["ephemeral_to"] == "U0OPERATOR"


async def test_missing_arguments_open_a_form_that_says_what_is_wrong_beside_the_field(either: World) -> None:
    world = either
    name = f"/{world.prefix}scale-workers"
    view = await world.form("operator", lambda: world.page.command("operator", "ops", name))
    assert [block.get("block_id") for block in view["blocks"]][1:] == [
        "argument:replicas",
        "argument:deployment",
    ]
    await world.submit("operator", replicas="lots")
    assert "replicas has to be a whole number" in (await world.field_errors())["argument:replicas"]
    known = world.shown("ops")
    await world.submit("operator", replicas="3")
    card = await world.new("ops", known, "Scale novapulse-worker from 2 to 3")
    assert world.page.views == []
    await world.click("operator", card, "Cancel my request")
    await world.becomes(card, "Cancelled, nothing was changed")


async def test_zero_typed_into_the_form_is_meant(either: World) -> None:
    world = either
    await world.form("operator", lambda: world.page.command("operator", "general", f"/{world.prefix}scale-workers"))
    known = world.shown("general")
    await world.submit("operator", replicas="0")
    card = await world.new("general", known, "No job of any queue is worked on until workers are scaled up again")
    await world.click("operator", card, "Cancel my request")
    await world.becomes(card, "Cancelled, nothing was changed")


async def test_the_umbrella_reaches_every_command(either: World) -> None:
    await either.ask("viewer", "/nova queue-stats email", "Numbers by the NovaPulse API")
    await either.ask("viewer", "/nova", "The runbook: what you may run here")
    await either.ask("viewer", "/nova queue-stat", "Did you mean")


async def test_the_umbrella_opens_a_form_and_its_change_is_done_and_undone(either: World) -> None:
    world = either
    line = f"/{world.prefix}nova scale-workers"
    await world.form("approver", lambda: world.page.command("approver", "ops", line))
    known = world.shown("ops")
    await world.submit("approver", replicas="3")
    card = await done(world, await world.new("ops", known, "Scale novapulse-worker from 2 to 3"), "3 of 3 available")
    assert labels(card) == ["Undo"]
    known = world.shown("ops")
    await world.click("approver", card, "Undo")
    await done(world, await world.new("ops", known, "Undoes `", "Scale novapulse-worker from 3 to 2"))


async def test_the_umbrella_plans_what_is_typed_behind_it(either: World) -> None:
    card = await either.ask("operator", "/nova pause-queue report", "No job of report is begun until somebody resumes")
    await either.click("second_approver", card, "Approve")
    card = await either.becomes(card, "Done after", "Resume report")
    back = await either.press("approver", card, "Undo", "Undoes `")
    await done(either, back)
    await either.ask("viewer", "/nova pause-queue report", "Refused", "queues:pause")


async def test_help_explains_one_command_and_opens_its_form(either: World) -> None:
    world = either
    answer = await world.ask("operator", "/runbook scale-workers", "kubectl scale deployment", "Never who asks for it")
    view = await world.form("operator", lambda: world.click("operator", answer, "Open /scale-workers"))
    assert view["title"]["text"] == "/scale-workers"
    await world.page.close_form("operator")
    await world.page.wait_for(lambda: not world.page.views)


async def test_more_than_the_policys_step_is_a_warning_in_the_card(world: World) -> None:
    card = await world.ask("operator", "/scale-workers 9", "That is 7 at once; the policy calls more than 3 unusual.")
    await world.click("operator", card, "Cancel my request")
    await world.becomes(card, "Cancelled, nothing was changed")


async def test_who_would_revert_it_is_said_before(world: World) -> None:
    card = await world.ask("operator", "/scale-workers 4 --deployment api", "novapulse-api-hpa", "3 to 10")
    await world.click("operator", card, "Cancel my request")
    await world.becomes(card, "Cancelled, nothing was changed")
