"""``/oncall``: who, until when, how to reach them; what the policy does not say is unknown; and who stands in."""

from datetime import UTC, datetime, timedelta

import pytest

from bot.errors import Refused, UsageError, UserError
from bot.plan import Undo
from bot.reply import Level, Person, Text, When
from commands.contact_escalation.oncall import MOST
from tests.commands.contact_escalation.oncall_world import OnCallWorld
from tests.commands.said import line, said

MONDAY = datetime(2026, 7, 6, 7, tzinfo=UTC)  # nine in Berlin


async def test_the_runbooks_four_levels(world: OnCallWorld) -> None:
    reply = await world.shown()
    assert (reply.title, reply.level) == ("On call: Otto Oncall", Level.INFO)
    text = said(reply)
    for words in ("Level 1, On-call engineer", "Level 2, Team lead", "Level 4, CTO", "alerts@novapulse.com"):
        assert words in text
    assert "; then Olga Operator" in text
    assert When(at=MONDAY) in [span for part in reply.parts if isinstance(part, Text) for span in part.spans]
    assert "PagerDuty | the policy does not say" in text


async def test_the_next_week_is_somebody_elses(world: OnCallWorld) -> None:
    world.now = MONDAY - timedelta(seconds=1)
    assert (await world.shown()).title == "On call: Otto Oncall"
    world.now = MONDAY
    assert (await world.shown()).title == "On call: Olga Operator"


async def test_until_when_and_how_to_reach_them(world: OnCallWorld) -> None:
    until = world.now + timedelta(days=2)
    level = {"title": "On-call engineer", "people": ["U0ONCALL", "U0VIEWER"], "until": until}
    world.rules(levels=[level], pagerduty="novapulse-primary")
    people = dict(world.policy.current.people)
    people["U0ONCALL"] = people["U0ONCALL"].model_copy(update={"phone": "+49 30 1234", "email": "otto@novapulse.com"})
    world.policy.current = world.policy.current.model_copy(update={"people": people})
    reply = await world.shown()
    (text,) = [part for part in reply.parts if isinstance(part, Text)]
    assert When(at=until) in text.spans
    assert "; then nobody that is known" in text.spans
    assert Person(id="U0ONCALL", name="Otto Oncall") in text.spans
    assert ": +49 30 1234, otto@novapulse.com" in text.spans
    assert ": in Slack; the policy knows no phone or email" in text.spans
    assert "novapulse-primary" in said(reply)


async def test_a_turn_that_is_over_leaves_it_unknown(world: OnCallWorld) -> None:
    over = {"title": "On-call engineer", "people": ["U0ONCALL"], "until": world.now - timedelta(hours=3)}
    world.rules(levels=[over])
    reply = await world.shown()
    assert (reply.title, reply.level) == ("Who is on call is unknown", Level.UNKNOWN)
    assert "Otto Oncall had it until 2026-07-01 06:00 UTC" in line(reply, "Level 1, On-call engineer").value


async def test_a_gap_before_a_rotation_is_unknown(world: OnCallWorld) -> None:
    world.rules(
        levels=[{"title": "On-call engineer"}], rotations=[{"people": ["U0ONCALL"], "starts": "2026-07-02T09:00"}]
    )
    reply = await world.shown()
    assert reply.level is Level.UNKNOWN
    value = line(reply, "Level 1, On-call engineer").value
    assert value == "unknown: nobody until 2026-07-02 09:00 UTC; then Otto Oncall"


async def test_a_policy_that_names_nobody(world: OnCallWorld) -> None:
    world.rules()
    reply = await world.shown()
    assert reply.level is Level.UNKNOWN
    assert "the policy names nobody" in line(reply, "On call").value


async def test_somebody_stands_in_until_their_override_is_ended(world: OnCallWorld) -> None:
    plan = await world.do("/oncall override @olga --until 18:00")
    assert plan.title == "Olga Operator is on call at level 1 from 2026-07-01 09:00 until 2026-07-01 16:00 UTC"
    assert plan.changes[0].before == "Otto Oncall"
    reply = await world.shown()
    assert reply.title == "On call: Olga Operator"
    assert "(override)" in said(reply)
    assert "; then Otto Oncall" in said(reply)
    name = str(plan.facts["override"])
    sentence = f"Override {name}: Olga Operator at level 1 from 2026-07-01 09:00 to 2026-07-01 16:00 UTC"
    assert f"{sentence}, by Olga Operator" in said(reply)
    assert plan.undo == Undo(
        title="End this override",
        command="/oncall",
        arguments={"action": "override", "who": "end", "which": name},
        expects={"override": name},
    )
    ended = await world.do(f"/oncall override end {name}")
    assert ended.facts == plan.undo.expects
    assert (await world.shown()).title == "On call: Otto Oncall"
    with pytest.raises(UserError, match=r"There is no override .* there are: none"):
        await world.ask(f"/oncall override end {name}")


async def test_who_stands_in_without_an_end_has_the_rest_of_the_turn(world: OnCallWorld) -> None:
    plan = await world.do("/oncall override me")
    assert "until 2026-07-06 07:00 UTC" in plan.title


async def test_an_override_of_another_level_and_time(world: OnCallWorld) -> None:
    await world.do("/oncall override tara --level 2 --from 2026-12-24T09:00 --until 2026-12-27T09:00")
    assert "(override)" not in said(await world.shown())
    world.now = datetime(2026, 12, 25, tzinfo=UTC)
    assert "(override)" in said(await world.shown())


async def test_who_could_not_take_an_alert_in_hand_does_not_stand_in(world: OnCallWorld) -> None:
    with pytest.raises(Refused) as refused:
        await world.ask("/oncall override vera --level 2 --until 2h")
    says = "that needs alerts:acknowledge, which their roles (viewer) do not have."
    assert refused.value.message == f"Vera Viewer cannot be on call at level 2: {says}"
    assert refused.value.hint == "Who can: Olga Operator, Amir Approver, Sana Approver, Otto Oncall, Tara Chief."
    with pytest.raises(Refused, match="needs alerts:acknowledge and oncall:change"):
        await world.ask("/oncall override vera --until 2h")


async def test_planned_again_it_is_the_same(world: OnCallWorld) -> None:
    first = await world.ask("/oncall override olga --until 8h")
    world.number -= 1
    assert await world.ask("/oncall override olga --until 8h") == first


async def test_without_an_id_the_newest_hand_over_is_accepted(world: OnCallWorld) -> None:
    await world.shifts.tick(world.now)
    with pytest.raises(UserError, match="There was no hand-over yet"):
        await world.ask("/oncall accept")
    await world.do("/oncall override me --until 18:00")
    world.now += timedelta(minutes=1)
    await world.shifts.tick(world.now)
    await world.do("/oncall accept")
    with pytest.raises(UserError, match="Olga Operator accepted it at 09:01 UTC"):
        await world.ask("/oncall accept")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("/oncall override", "Who is meant"),
        ("/oncall override olgaa --until 8h", "knows nobody called “olgaa”"),
        ("/oncall override olga --level 9 --until 8h", "There is no level 9: the policy has 4"),
        ("/oncall override olga --until noon", "until cannot be “noon”: a moment is"),
        ("/oncall override olga --from 18:00 --until 2026-07-01T10:00", "until has to be after from"),
        ("/oncall override olga --until 2026-06-30", "until has to be after from and after now"),
        ("/oncall override olga --until 2027-06-30", "by at most 60 days"),
        ("/oncall override olga --level 2", "Until when"),
        ("/oncall overide olga", "action is one of show, override, accept"),
        ("/oncall accept", "There was no hand-over yet"),
        ("/oncall accept nothing", "There is no hand-over “nothing”"),
    ],
)
async def test_what_is_refused(world: OnCallWorld, line: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        await world.ask(line)


async def test_a_name_that_two_people_have_is_not_guessed(world: OnCallWorld) -> None:
    people = dict(world.policy.current.people)
    people["U0OTTO2"] = people["U0ONCALL"].model_copy(update={"name": "Otto Other"})
    world.policy.current = world.policy.current.model_copy(update={"people": people})
    with pytest.raises(UsageError, match=r"may be any of Otto Oncall \(U0ONCALL\), Otto Other \(U0OTTO2\)"):
        await world.ask("/oncall override otto")
    assert "Otto Oncall is on call" in (await world.do("/oncall override <@U0ONCALL|otto>")).title


async def test_no_more_overrides_stand_than_anybody_looks_through(world: OnCallWorld) -> None:
    for _ in range(MOST):
        await world.do("/oncall override me --until 2h")
    with pytest.raises(Refused, match=f"{MOST} overrides stand already"):
        await world.ask("/oncall override me --until 2h")
