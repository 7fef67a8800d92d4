"""Text from outside, with all that Slack would act on and all that nobody should see: harmless, masked, cut."""

import json

import pytest

from tests.scenarios.world import World, sent_blocks, text

pytestmark = pytest.mark.asyncio(loop_scope="package")

ESCAPE = "\x1b"
NASTY = (
    "<!channel> <!here> <@U0ONCALL> <https://evil.example|click here> `code` ```block``` *bold* "
    "mongodb://nova:hunter2@db/novapulse password=hunter2 Bearer hunter2hunter2 \u202ereversed \x00\x07"
)
LIVE = ("<!channel", "<!here", "<!everyone", "<@U0ONCALL>", "<https://evil.example", "hunter2")


def assert_harmless(sent: str) -> None:
    for words in LIVE:
        assert words not in sent, sent


def since(world: World, number: int) -> str:
    """Return every body that was sent after so many calls, whichever the method."""
    return "\n".join(sent_blocks(call) for call in world.calls()[number:] if call.method.startswith("chat."))


def raw_since(world: World, number: int) -> str:
    return "\n".join(call.body for call in world.calls()[number:])


async def test_what_stands_in_the_logs_is_shown_harmless(world: World) -> None:
    line = json.dumps({"statusCode": 500, "message": NASTY, "path": "/x"})
    huge = "[Nest] 1  - 01/01/2026, 8:00:00 AM   ERROR [Queue] " + "<!channel> x" * 10_000
    world.sandbox.log(0, [f"{ESCAPE}[31merror{ESCAPE}[39m: HTTP Exception: {line}", huge])
    world.sandbox.log(1, [f"[Nest] 1  - 01/01/2026, 8:00:00 AM   ERROR [Mail] {NASTY}"])
    world.sandbox.log(2, ["Redis connection error: redis://nova:hunter2@cache:6379 refused"] * 3)
    number = len(world.calls())
    answer = text(await world.ask("viewer", "/morning-checklist", "API error log", "3 pods read", "Times"))
    await world.delivered()
    assert_harmless(since(world, number))
    assert "hunter2" not in raw_since(world, number)
    assert len(answer) < 14_000


async def test_what_a_person_typed_is_said_back_harmless(either: World) -> None:
    world = either
    number = len(world.calls())
    await world.ask("viewer", f"/queue-stats {NASTY}", "That was not understood")
    await world.ask("viewer", "/queue-stats <!channel>", "There is no queue")
    await world.ask("viewer", "/<!channel>", "There is no command")
    await world.ask("operator", "/scale-workers token=hunter2", "That was not understood")
    await world.ask("viewer", "/queue-stats " + "<@U0ONCALL>" * 400, "Not found")
    await world.delivered()
    assert_harmless(since(world, number))
    audit = text(await world.ask("approver", "/audit 6", "on record"))
    assert "hunter2" not in audit
    await world.delivered()
    assert_harmless(since(world, number))


async def test_a_reason_is_kept_harmless(world: World) -> None:
    number = len(world.calls())
    card = await world.plan("/scale-workers 3")
    await world.form("approver", lambda: world.click("approver", card, "Deny"))
    await world.submit("approver", reason=NASTY)
    await world.becomes(card, "Denied, nothing was changed", "***")
    await world.delivered()
    later = [sent_blocks(call) for call in world.calls("chat.update") if "Denied" in sent_blocks(call)]
    assert later
    for sent in later:
        assert_harmless(sent.replace("<@U0APPROVER>", ""))
    assert "hunter2" not in raw_since(world, number)
    stored = world.rows("select reason from decisions where reason like '%***%' union select text from requests")
    assert "hunter2" not in str(stored)


async def test_what_the_api_says_about_its_trouble_is_shown_harmless(world: World) -> None:
    assert world.sandbox.cluster is not None
    number = len(world.calls())
    store = world.sandbox.cluster.store
    before = store.get("deployments", "novapulse", "novapulse-worker")["spec"]["template"]

    def break_image(found: dict[str, object]) -> None:
        spec = found["spec"]
        assert isinstance(spec, dict)
        spec["template"]["spec"]["containers"][0]["image"] = "<!channel>/<@U0ONCALL>:broken-password=hunter2"

    store.change("deployments", "novapulse", "novapulse-worker", break_image)
    try:
        await world.ask("viewer", "/rollout-status worker", "Image")
    finally:
        store.change(
            "deployments", "novapulse", "novapulse-worker", lambda found: found["spec"].update(template=before)
        )
        await world.sandbox.cluster.wait_ready("novapulse-worker", 2)
    await world.delivered()
    assert_harmless(since(world, number))


async def test_no_secret_is_in_the_bots_log(world: World) -> None:
    for secret in ("xoxb-sandbox-bot", "xapp-sandbox-app", "sandbox-signing-secret", "hunter2"):
        assert secret not in json.dumps(world.bot.records)
    assert world.bot.environment["NOVAPULSE_PASSWORD"] not in json.dumps(world.bot.records)
