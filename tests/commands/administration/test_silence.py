"""``/silence``: what it mutes, how it ends, and that what still fires then rings."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from bot.catalog import Catalog
from bot.errors import Refused, UsageError, UserError
from bot.plan import Plan
from bot.policy_file import PolicyFile
from bot.reply import Reply
from bot.request import Actor
from bot.silence import Silence
from bot.slack.blocks import Rendered, render
from bot.stores.escalations import Escalations
from commands.administration.alerts import alerts
from commands.administration.silence import MOST, silence
from tests.commands.administration.alert_world import AlertWorld
from tests.servers import ROOT

Ask = Callable[..., Awaitable[Any]]


@pytest.fixture
def ask(alert_world: AlertWorld, policy: PolicyFile, operator: Actor) -> Ask:
    async def asked(what: str, duration: str = "resolved", reason: str = "load test", **more: Any) -> Reply | Plan:
        world = alert_world
        return await silence.handler(
            what, duration, reason, **more, incidents=world.incidents, silences=world.silences, policy=policy,
            request=world.request("/silence", operator), now=world.now,
        )  # fmt: skip

    return asked


async def test_it_says_what_it_mutes_now_and_mutes_it(alert_world: AlertWorld, ask: Ask) -> None:
    await alert_world.waiting(email=700, report=3000)
    plan = await ask("queue=report", "2h")
    assert plan.title == "Silence queue=report for 2 h"
    assert plan.blast_radius == ("It mutes now: critical: Queue: jobs waiting (report).",)
    assert plan.warnings == ("1 of these is critical: nobody is called for them any more.",)
    await alert_world.carry_out(plan)
    report = (await alert_world.firing())["report"]
    name = plan.facts["silence"]
    words = f"silenced by operator until 2026-07-01 11:00 UTC: load test (silence {name})"
    assert report.muted == words
    assert f"Muted: {words}" in await alert_world.card(report)
    assert ("End silence", "run", f"/silence end {name}") in await alert_world.buttons(report)
    assert not any(label == "Silence…" for label, _, _ in await alert_world.buttons(report))
    listed = await ask("list")
    assert (listed.title, listed.private) == ("1 silence is in force", True)
    assert f"{name}: queue=report, silenced by operator until 2026-07-01 11:00 UTC: load test" in str(listed.parts)


async def test_the_alerts_say_that_it_is_in_force(alert_world: AlertWorld, ask: Ask) -> None:
    await alert_world.carry_out(await ask("queue=email", "30m"))
    parts = {
        "incidents": alert_world.incidents,
        "silences": alert_world.silences,
        "outbox": alert_world.outbox,
        "pages": alert_world.pages,
        "calls": Escalations(alert_world.database),
        "policy": alert_world.policy,
    }
    reply = await alerts.handler("firing", **parts, now=alert_world.now)
    assert isinstance(reply, Reply)
    assert reply.title == "No alert is firing, 1 silence is in force"


async def test_what_is_muted_from_the_beginning_is_shown_when_the_silence_ends(
    alert_world: AlertWorld, ask: Ask
) -> None:
    plan = await ask("queue=email", "30m")
    assert plan.blast_radius == ("It mutes nothing that fires now.",)
    await alert_world.carry_out(plan)
    await alert_world.waiting(email=700)
    silent = (await alert_world.firing())["email"]
    assert silent.muted.startswith("silenced by")
    assert silent.notified_at is None
    alert_world.now += timedelta(minutes=30)
    await alert_world.waiting(email=700)
    heard = (await alert_world.firing())["email"]
    assert (heard.id, heard.muted, heard.notified_at) == (silent.id, "", alert_world.now)
    assert "Until now: silenced by operator until 2026-07-01 09:30 UTC: load test" in await alert_world.card(heard)


async def test_what_still_fires_when_it_is_ended_rings(alert_world: AlertWorld, ask: Ask) -> None:
    await alert_world.waiting(email=700)
    start = await ask((await alert_world.firing())["email"].id)
    assert start.title == "Silence alert=email-queue, queue=email until it is resolved"
    assert start.thread
    await alert_world.carry_out(start)
    assert await alert_world.rings() == []
    end = await ask(**start.undo.arguments)
    assert start.undo.expects.items() <= end.facts.items()
    await alert_world.carry_out(end)
    assert await alert_world.rings() == ["No longer muted and still firing: Email queue: jobs waiting"]
    heard = (await alert_world.firing())["email"]
    until_now = f"load test (silence {start.facts['silence']})"
    (ring,) = [str(one.body) for one in await alert_world.outbox.undelivered(alert_world.now) if one.thread_of]
    assert "Until now: silenced by operator until it is resolved" in ring
    assert until_now in ring
    assert until_now in await alert_world.card(heard)
    assert [label for label, _, _ in await alert_world.buttons(heard)][:2] == ["Acknowledge", "Silence…"]
    with pytest.raises(UserError, match="There is no silence"):
        await ask(**start.undo.arguments)


async def test_until_resolved_ends_with_the_alert(alert_world: AlertWorld, ask: Ask) -> None:
    await alert_world.waiting(email=700)
    await alert_world.carry_out(await ask("queue=email"))
    await alert_world.waiting(email=5)
    assert await alert_world.silences.active(alert_world.now) == []
    await alert_world.waiting(email=700)
    assert (await alert_world.firing())["email"].muted == ""


async def test_until_resolved_lasts_for_a_day_at_the_longest(alert_world: AlertWorld, ask: Ask) -> None:
    await alert_world.waiting(email=700)
    await alert_world.carry_out(await ask("queue=email"))
    began = alert_world.now
    for hours, is_muted in ((23.9, True), (24, False)):
        alert_world.now = began + timedelta(hours=hours)
        await alert_world.waiting(email=700)
        assert bool((await alert_world.firing())["email"].muted) is is_muted


async def test_a_maintenance_leaves_audible_what_fired_before(alert_world: AlertWorld, ask: Ask) -> None:
    await alert_world.waiting(email=700)
    alert_world.now += timedelta(minutes=1)
    await alert_world.carry_out(await ask("queue=~.+", "1h", maintenance=True))
    await alert_world.waiting(email=700, report=3000)
    muted = {name: bool(one.muted) for name, one in (await alert_world.firing()).items()}
    assert muted == {"email": False, "report": True}


@pytest.mark.parametrize(
    ("arguments", "words", "argument"),
    [
        (("queue", "1h"), "is no matcher: write label=value", "what"),
        (("queue=~(a+)+", "1h"), "an expression is words", "what"),
        (("queue=email", "8d"), "at most 7d, or resolved; not", "duration"),
        (("queue=email", "soon"), "duration is 30m", "duration"),
        (("queue=email", "1h", "  "), "needs a reason", "reason"),
    ],
)
async def test_what_is_wrong_is_said_beside_the_field(
    ask: Ask, arguments: tuple[str, ...], words: str, argument: str
) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        await ask(*arguments)
    assert caught.value.argument == argument


@pytest.mark.parametrize(
    ("what", "warnings"),
    [
        ("queue=email", ()),
        ("quue=email", ("“quue=email” names the label “quue”, which no alert has; did you mean 'queue'?",)),
        (
            "queue!=emial",
            ("“queue!=emial” names the queue “emial”, which QUEUES does not name; did you mean 'email'?",),
        ),
        ("alert=~queue-.*|zzzz", ("names the alert “zzzz”, which no alert has; there are email-queue, queue-depth",)),
        ("zzzz=1,queue=report", ("“zzzz=1” names the label “zzzz”, which no alert has; there are alert, app, backup",)),
    ],
)
async def test_what_no_alert_can_have_is_said_beside_the_plan(
    alert_world: AlertWorld, operator: Actor, catalog: Catalog, what: str, warnings: tuple[str, ...]
) -> None:
    policy = PolicyFile(ROOT / "policy.toml", catalog, ("email", "report", "webhook"))
    plan = await silence.handler(
        what, "1h", "load test", incidents=alert_world.incidents, silences=alert_world.silences, policy=policy,
        request=alert_world.request("/silence", operator), now=alert_world.now,
    )  # fmt: skip
    assert isinstance(plan, Plan)
    assert plan.blast_radius == ("It mutes nothing that fires now.",)
    assert len(plan.warnings) == len(warnings)
    assert all(words in said for words, said in zip(warnings, plan.warnings, strict=True))


async def test_what_fires_now_is_known_whatever_the_policy_says(alert_world: AlertWorld, ask: Ask) -> None:
    await alert_world.waiting(email=700)
    assert (await ask((await alert_world.firing())["email"].id)).warnings == ()


async def test_the_list_is_empty_and_planning_twice_is_the_same(ask: Ask) -> None:
    assert (await ask("list")).title == "Nothing is silenced"
    first, second = await ask("queue=email", "1h"), await ask("queue=email", "1h")
    assert first.digest("/silence", {}) == second.digest("/silence", {})


async def test_what_else_it_mutes_is_counted(alert_world: AlertWorld, ask: Ask) -> None:
    await alert_world.waiting(**{f"q{number}": 3000 for number in range(13)})
    plan = await ask("severity=critical", "1h")
    assert plan.blast_radius[0].count("critical: Queue") == 10
    assert plan.blast_radius[0].endswith("; 3 more.")


def shown_lines(shown: Rendered) -> int:
    (text,) = [block["text"]["text"] for block in shown.blocks if block["type"] == "section"]
    return str(text).count("silenced by")


async def test_no_more_are_kept_in_force_than_anybody_keeps_in_mind(alert_world: AlertWorld, ask: Ask) -> None:
    plan = await ask("queue=email", "2h")
    new = Silence.model_validate(plan.steps[0].arguments["silence"])
    for number in range(MOST):
        await alert_world.silences.start(new.model_copy(update={"id": f"s{number}"}))
    with pytest.raises(Refused, match=f"{MOST} silences are in force already"):
        await ask("queue=report", "2h")
    assert (await ask("end", "s7")).facts == {"silence": "s7"}
    everything = await ask("list")
    assert (everything.title, everything.private) == (f"{MOST} silences are in force", False)
    shown = render(everything, files=True)
    assert f"{MOST - shown_lines(shown)} more lines; full output as a file in the thread" in str(shown.blocks)
    (file,) = shown.files
    assert file.name == "silences.txt"
    assert sorted(line.partition(":")[0] for line in file.text.splitlines()) == sorted(f"s{n}" for n in range(MOST))
    assert "queue=email, silenced by operator until 2026-07-01 11:00 UTC: load test" in file.text
    with pytest.raises(UserError, match="and 90 more: /silence list"):
        await ask("end", "none")
