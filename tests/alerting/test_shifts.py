"""Hand-overs: one card a change over all replicas, accepted once, said when nobody does."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.alert import Alert, Severity
from bot.alerting.handover_card import Situation, handover_card
from bot.alerting.notify import Ways
from bot.alerting.oncall_actions import OnCallActions
from bot.alerting.shifts import Shifts
from bot.policy import Policy
from bot.reply import Buttons, Level, Link, Text
from bot.silence import Silence
from bot.stores.database import Database
from bot.stores.handovers import Handover, Handovers
from bot.stores.incidents import Incident
from bot.stores.outbox import Delivery, Outbox
from bot.stores.plans import Plans
from bot.stores.runs import Runs, StoredRun
from tests.dispatch.test_cards import STORED
from tests.own_database import with_tables

MONDAY = datetime(2026, 1, 12, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LINE = "/retry-failed email"


def policy(*people: str, **more: Any) -> Policy:
    rotation = {"people": people or ("U1", "U2"), "starts": "2026-01-05T09:00"}
    empty: dict[str, Any] = {"roles": {}, "approvals": {}, "limits": {}, "schedules": {}, "alerts": []}
    names = {"U1": {"name": "Ann"}, "U2": {"name": "Bob"}, "U3": {"name": "Cyn"}}
    oncall = {"levels": [{"title": "On-call engineer"}], "rotations": [rotation]}
    return Policy.model_validate(empty | {"people": names, "oncall": oncall} | more)


class Replica:
    """The shifts of one process."""

    def __init__(self, database: Database) -> None:
        self.rules = policy()
        self.now = MONDAY
        self.database = database
        self.shifts = Shifts(database, lambda: self.rules, channel="C1", line=lambda _: LINE)
        self.acts = OnCallActions(database, lambda: self.rules, ways=Ways("C1"), clock=lambda: self.now)
        self.handovers = Handovers(database)
        self.outbox = Outbox(database)

    async def at(self, now: datetime) -> None:
        self.now = now
        await self.shifts.tick(now)

    async def said(self) -> list[Delivery]:
        return await self.outbox.undelivered(self.now + timedelta(days=1))

    async def latest(self) -> Handover:
        found = await self.handovers.latest()
        assert found is not None
        return found


@pytest.fixture
async def replicas(tmp_path: Path) -> AsyncIterator[tuple[Replica, Replica]]:
    databases = [Database(f"sqlite:///{tmp_path / 'state.db'}") for _ in range(2)]
    await with_tables(databases[0])
    one, other = map(Replica, databases)
    yield one, other
    for database in databases:
        await database.close()


async def test_one_card_a_change_over_all_replicas(replicas: tuple[Replica, Replica]) -> None:
    one, other = replicas
    for replica in replicas:
        await replica.at(MONDAY - MINUTE)
    assert await one.said() == []
    for moment in (MONDAY, MONDAY + MINUTE):
        for replica in replicas:
            await replica.at(moment)
    (card,) = await other.said()
    assert card.body.title == "On-call hand-over: Ann → Bob"
    assert "id='U1', name='Ann', notify=True" in str(card.body)
    assert "id='U2', name='Bob', notify=True" in str(card.body)
    (row,) = [part for part in card.body.parts if isinstance(part, Buttons)]
    assert [(button.action, button.value) for button in row.buttons] == [
        ("run", f"/oncall accept {(await one.latest()).id}")
    ]


async def test_a_change_that_was_missed_is_handed_over_late(replicas: tuple[Replica, Replica]) -> None:
    one, _ = replicas
    await one.at(MONDAY - MINUTE)
    await one.at(MONDAY + timedelta(days=2))
    assert [card.body.title for card in await one.said()] == ["On-call hand-over: Ann → Bob"]


async def test_it_is_accepted_once_and_the_card_says_by_whom(replicas: tuple[Replica, Replica]) -> None:
    one, _ = replicas
    await one.at(MONDAY - MINUTE)
    await one.at(MONDAY)
    name = (await one.latest()).id
    assert await one.acts.accept(name, "Bob") == {"changed": True, "message": "Bob has accepted it"}
    assert await one.acts.accept(name, "Cyn") == {"changed": False, "message": "somebody has accepted it"}
    (card,) = await one.said()
    assert card.body.level is Level.OK
    assert "Accepted by Bob at " in str(card.body)
    assert not [part for part in card.body.parts if isinstance(part, Buttons)]
    await one.at(MONDAY + timedelta(hours=1))
    assert len(await one.said()) == 1


async def test_nobody_accepting_it_is_said_once_to_whoever_had_it(replicas: tuple[Replica, Replica]) -> None:
    one, other = replicas
    await one.at(MONDAY - MINUTE)
    for minutes in (0, 14, 15, 16):
        for replica in (one, other):
            await replica.at(MONDAY + minutes * MINUTE)
        assert len(await one.said()) == (1 if minutes < 15 else 2)
    late = next(message for message in await one.said() if message.thread_of)
    assert late.body.title == "Nobody has accepted the hand-over"
    assert "for 15 min nobody has" in str(late.body)
    assert "id='U1', name='Ann', notify=True" in str(late.body)


async def test_a_replica_with_the_policy_of_before_does_not_hand_back_at_once(
    replicas: tuple[Replica, Replica],
) -> None:
    one, other = replicas
    await one.at(MONDAY)
    one.rules = policy("U3")
    for second in range(5):
        for replica in replicas:
            await replica.at(MONDAY + timedelta(seconds=second))
    assert [card.body.title for card in await other.said()] == ["On-call hand-over: Bob → Cyn"]


async def test_a_gap_is_handed_over_to_nobody_and_has_nothing_to_accept(replicas: tuple[Replica, Replica]) -> None:
    one, _ = replicas
    await one.at(MONDAY)
    one.rules = policy(oncall={"levels": [{"title": "On-call engineer"}]})
    await one.at(MONDAY + MINUTE)
    await one.at(MONDAY + timedelta(hours=2))
    (card,) = await one.said()
    assert (card.body.title, card.body.level) == ("Nobody is known to be on call after Bob", Level.UNKNOWN)
    assert "oncall accept" not in str(card.body)


async def test_a_run_that_goes_on_is_named_by_its_line_its_id_and_who_asked(
    replicas: tuple[Replica, Replica],
) -> None:
    one, _ = replicas
    database = one.database
    plan = replace(STORED, status="started")
    run = StoredRun(plan.id, "queues/failed", "running", "", "one", MONDAY - MINUTE, None, None, ())
    async with database.transaction() as connection:
        await Plans(database).add(connection, plan)
        await Runs(database).add(connection, run)
        await Runs(database).add(connection, replace(run, id="lost"))
    await one.at(MONDAY - MINUTE)
    await one.at(MONDAY)
    (card,) = [text for text in map(str, await one.said()) if "Runs now" in text]
    assert f"text='{LINE}', key='plan:{plan.id}'" in card
    assert f"Code(kind='code', text='{plan.id}'), '), by {plan.requester.name}, since '" in card
    assert "text='queues/failed', key='plan:lost'" in card, "without its plan a run has but its target"


@pytest.mark.parametrize(("until", "listed"), [(7, ["email", "report"]), (2, ["email"]), (None, ["email", "report"])])
def test_the_card_names_the_silences_that_end_within_the_turn(until: int | None, listed: list[str]) -> None:
    words = {"owner": {"id": "U1", "name": "Ann"}, "reason": "r", "since": MONDAY}
    silences = [
        Silence.model_validate(
            words | {"id": queue, "matchers": [f"queue={queue}"], "until": MONDAY + timedelta(days=days)}
        )
        for queue, days in (("email", 2), ("report", 3))
    ]
    end = None if until is None else MONDAY + timedelta(days=until)
    found = Situation([], silences, [], [], [], end, [])
    text = str(handover_card(Handover("h", MONDAY, ("U1",), ("U2",)), found, policy(), MONDAY))
    assert [queue for queue in ("email", "report") if f"queue={queue}, silenced by Ann" in text] == listed


def test_the_card_says_what_is_under_way() -> None:
    alert = Alert(
        labels={}, severity="critical", state="firing", summary="Redis is unreachable", value=0, since=MONDAY - MINUTE
    )
    incident = Incident(
        "i1", "f1", alert, "critical", "firing", 0, MONDAY, acknowledged_by="Ann", acknowledged_at=MONDAY
    )
    found = Situation([incident], [], [], [], [], MONDAY + timedelta(days=7), [])
    text = str(handover_card(Handover("h", MONDAY, ("U1",), ("U2",)), found, policy(), MONDAY))
    assert "text='Redis is unreachable', key='incident:i1'" in text
    assert "for 1 min, Ann has it" in text
    assert text.count(": none") == 5


def test_of_many_the_card_names_the_critical_first_and_says_how_many_more_and_what_lists_them() -> None:
    def incident(number: int, severity: Severity) -> Incident:
        words: dict[str, Any] = {
            "labels": {},
            "severity": severity,
            "state": "firing",
            "value": 1,
            "since": MONDAY - MINUTE,
        }
        alert = Alert.model_validate(words | {"labels": {}, "summary": f"{severity} {number}"})
        return Incident(f"i{number}", f"f{number}", alert, severity, "firing", 1, MONDAY + number * MINUTE)

    firing = [incident(number, "warning") for number in range(12)] + [incident(12, "critical")]
    end = MONDAY + timedelta(days=7)
    values = {"matchers": ["queue=email"], "owner": {"id": "U1", "name": "Ann"}, "reason": "r", "since": MONDAY}
    silences = [Silence.model_validate(values | {"id": f"s{number}", "until": end}) for number in range(13)]
    found = Situation(firing, silences, [], [], [], end, [])
    card = handover_card(Handover("h", MONDAY, ("U1",), ("U2",)), found, policy(), MONDAY)
    alerts, _, quiet = [part for part in card.parts if isinstance(part, Text)][1:4]
    named = [span.text for span in alerts.spans if isinstance(span, Link)]
    assert named == ["critical 12", *(f"warning {number}" for number in range(9))]
    assert alerts.spans[-1] == "\nand 3 more: /alerts"
    assert (quiet.spans[-1], "s9: queue=email" in str(quiet)) == ("\nand 3 more: /silence list", True)
