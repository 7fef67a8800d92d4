"""``/silence`` of alerts that share a card: it covers the card, its preview counts alerts, and the card marks them."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from bot.plan import Plan
from bot.policy_file import PolicyFile
from bot.request import Actor
from bot.routing import Route
from bot.schedule import Observation
from bot.stores.incidents import Incident
from commands.administration.silence import silence
from tests.commands.administration.alert_world import AlertWorld

CRITICAL = {"critical": 95}
SHARED = {"matchers": ["alert=~high-.*"], "receivers": ["room"], "group_by": ["alert"]}
Ask = Callable[..., Awaitable[Plan]]
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _critical_as_well(alert_world: AlertWorld) -> None:
    """Let a pod's memory and CPU be critical too, on the same card, which the policy as delivered leaves out."""
    current = alert_world.policy.current
    rules = [one.model_copy(update=CRITICAL) if one.name.startswith("high-") else one for one in current.alerts]
    routes = (Route.model_validate(SHARED), *current.routes)
    alert_world.policy.current = current.model_copy(update={"alerts": tuple(rules), "routes": routes})


@pytest.fixture
def ask(alert_world: AlertWorld, policy: PolicyFile, operator: Actor) -> Ask:
    async def asked(what: str, duration: str = "resolved") -> Plan:
        world = alert_world
        plan = await silence.handler(
            what, duration, "load test", incidents=world.incidents, silences=world.silences, policy=policy,
            request=world.request("/silence", operator), now=world.now,
        )  # fmt: skip
        assert isinstance(plan, Plan)
        return plan

    return asked


async def memory(world: AlertWorld, **pods: float) -> Incident:
    """Observe how much of its memory each pod uses; return the only card's incident."""
    seen = [
        Observation(metric="pod_memory_percent", labels={"app": "api", "pod": pod}, value=value, at=world.now)
        for pod, value in pods.items()
    ]
    await world.alerting.tick(seen, world.now)
    (only,) = (await world.incidents.firing()).values()
    return only


def grouped(policy: PolicyFile, *by: str) -> None:
    notifications = policy.current.notifications.model_copy(update={"group_by": by})
    policy.current = policy.current.model_copy(update={"routes": (), "notifications": notifications})


async def test_a_shared_card_is_silenced_as_a_whole(alert_world: AlertWorld, ask: Ask) -> None:
    incident = await memory(alert_world, a=99, b=98, c=90)
    plan = await ask(incident.id)
    assert plan.title == "Silence alert=high-memory until it is resolved"
    worst = "critical: Pod a: memory used of its limit; critical: Pod b: memory used of its limit"
    assert plan.blast_radius == (f"It mutes now: {worst}; warning: Pod c: memory used of its limit.",)
    assert plan.warnings == ("2 of these are critical: nobody is called for them any more.",)
    assert plan.thread == f"incident:{incident.id}"
    await alert_world.carry_out(plan)
    assert (await memory(alert_world, a=99, b=98, c=90)).muted.startswith("silenced by operator")
    alert_world.now += timedelta(hours=4, minutes=1)
    await memory(alert_world, a=99, b=98, c=90, d=97)
    assert await alert_world.rings() == []


@pytest.mark.parametrize(
    ("what", "muted"),
    [
        ("pod=b", "It mutes now: critical: Pod b: memory used of its limit."),
        (
            "pod=~b|c",
            "It mutes now: critical: Pod b: memory used of its limit; warning: Pod c: memory used of its limit.",
        ),
        ("alert=high-memory,severity=warning", "It mutes now: warning: Pod c: memory used of its limit."),
        ("pod=z", "It mutes nothing that fires now."),
    ],
)
async def test_the_preview_counts_alerts_and_not_cards(
    alert_world: AlertWorld, ask: Ask, what: str, muted: str
) -> None:
    await memory(alert_world, a=99, b=98, c=90)
    assert (await ask(what, "1h")).blast_radius == (muted,)


async def test_of_many_the_first_are_named_and_the_rest_counted(alert_world: AlertWorld, ask: Ask) -> None:
    await memory(alert_world, **{f"p{number}": 99 for number in range(13)})
    plan = await ask("alert=high-memory", "1h")
    assert plan.blast_radius[0].endswith("; 3 more.")
    assert plan.warnings == ("13 of these are critical: nobody is called for them any more.",)


async def test_whoever_is_muted_alone_is_marked_on_the_card_and_not_counted(alert_world: AlertWorld, ask: Ask) -> None:
    await memory(alert_world, a=99, b=98, c=97)
    await alert_world.carry_out(await ask("pod=a", "1h"))
    incident = await memory(alert_world, a=99, b=98, c=97)
    assert incident.muted == ""
    found = await alert_world.outbox.posted(f"incident:{incident.id}")
    assert found is not None
    assert found.body.title == "Pod b: memory used of its limit, and 1 more"
    lines = {part.label: part.value for part in found.body.parts if part.kind == "line"}
    assert [label for label, value in lines.items() if value.endswith(", muted")] == ["Pod a: memory used of its limit"]
    assert "Muted: silenced by operator until 2026-07-01 10:00 UTC: load test" in str(found.body)


@pytest.mark.parametrize(
    ("by", "title"),
    [
        (("app",), "Silence app=api, alert=~high-cpu|high-memory for 1 h"),
        ((), "Silence alert=~high-cpu|high-memory for 1 h"),
        (("severity", "app"), "Silence severity=critical, app=api, alert=~high-cpu|high-memory for 1 h"),
    ],
)
async def test_several_alerts_that_share_a_card_are_all_named(
    alert_world: AlertWorld, ask: Ask, policy: PolicyFile, by: tuple[str, ...], title: str
) -> None:
    grouped(policy, *by)
    labels = {"app": "api", "pod": "a"}
    seen = [
        Observation(metric=metric, labels=labels, value=99, at=alert_world.now)
        for metric in ("pod_memory_percent", "pod_cpu_percent")
    ]
    await alert_world.alerting.tick(seen, alert_world.now)
    ((_, incident),) = (await alert_world.incidents.firing()).items()
    plan = await ask(incident.id, "1h")
    assert plan.title == title
    await alert_world.carry_out(plan)
    await alert_world.alerting.tick(seen, alert_world.now)
    assert (await alert_world.incidents.firing())[incident.fingerprint].muted


async def test_what_is_on_and_off_can_be_silenced_while_it_is_within_its_limit(
    alert_world: AlertWorld, ask: Ask
) -> None:
    for value in (700, 5, 700, 5, 700, 5):
        await alert_world.waiting(email=value)
        alert_world.now += MINUTE
    incident = (await alert_world.firing())["email"]
    assert incident.calm_since is not None
    words = "It mutes now: warning: Email queue: jobs waiting, within its limit at this moment."
    assert (await ask(incident.id)).blast_radius == (words,)


async def test_the_plan_stands_in_the_thread_of_the_only_card_that_it_mutes(alert_world: AlertWorld, ask: Ask) -> None:
    await alert_world.waiting(email=700, report=3000)
    report = (await alert_world.firing())["report"]
    assert (await ask("queue=report", "1h")).thread == f"incident:{report.id}"
    assert (await ask("queue=~.+", "1h")).thread == ""
