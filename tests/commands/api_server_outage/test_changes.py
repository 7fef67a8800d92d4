from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.alert import Alert
from bot.clients.platform_changes import ChangeReading, SystemChange, SystemChanges
from bot.errors import UsageError
from bot.reply import Level, Reply
from bot.request import Actor
from bot.silence import Silence
from bot.stores.database import Database
from bot.stores.incidents import Incident, Incidents
from bot.stores.plans import Plans, StoredPlan
from bot.stores.runs import Runs, StoredRun
from bot.stores.silences import Silences
from commands.api_server_outage.changes import SHOWN, changes
from tests.commands.said import said

NOW = datetime(2026, 7, 1, 9, tzinfo=UTC)


class Platform:
    """A platform that says what a test tells it."""

    def __init__(self, *found: SystemChange, problems: tuple[str, ...] = ()) -> None:
        self._said = SystemChanges(found=found, problems=problems)
        self.asked: list[datetime] = []

    async def since(self, moment: datetime) -> SystemChanges:
        self.asked.append(moment)
        return self._said


def _ago(minutes: int, kind: Any = "release", what: str = "worker revision 7", by: str = "") -> SystemChange:
    return SystemChange(at=NOW - timedelta(minutes=minutes), kind=kind, what=what, by=by)


@pytest.fixture
def own(database: Database, runs: Runs, plans: Plans) -> dict[str, Any]:
    return {"runs": runs, "plans": plans, "silences": Silences(database), "incidents": Incidents(database), "now": NOW}


async def _changes(own: dict[str, Any], platform: ChangeReading, since: str = "1h") -> Reply:
    reply = await changes.handler(since, platform=platform, **own)
    assert isinstance(reply, Reply)
    return reply


async def test_everything_stands_in_the_order_it_happened(
    own: dict[str, Any], database: Database, stored_plan: StoredPlan, operator: Actor
) -> None:
    async with database.transaction() as connection:
        await own["plans"].add(connection, stored_plan)
        run = StoredRun(stored_plan.id, "t", "running", "", "e", NOW - timedelta(minutes=20), None, None, ())
        await own["runs"].add(connection, run)
    since = NOW - timedelta(hours=2)
    silence = Silence(
        id="s", matchers=("queue=email",), owner=operator, reason="x", since=since, until=NOW - timedelta(minutes=10)
    )
    await own["silences"].start(silence)
    platform = Platform(_ago(5, "restart", "worker-a: ended"), _ago(30, by="kubectl"))
    reply = await _changes(own, platform)
    text = said(reply)
    order = ["worker revision 7, by kubectl", "Scale novapulse-worker from 2 to 5: running, by operator"]
    order += ["the silence of queue=email ended", "worker-a: ended"]
    places = [text.index(words) for words in order]
    assert places == sorted(places)
    assert (reply.title, reply.level) == ("4 changes in the last 1 h", Level.INFO)
    assert platform.asked == [NOW - timedelta(hours=1)]


async def test_what_could_not_be_read_is_said_and_nothing_is_no_all_clear(own: dict[str, Any]) -> None:
    reply = await _changes(own, Platform(problems=("Kubernetes could not be read: no answer.",)))
    assert (reply.title, reply.level) == (
        "Nothing changed in the last 1 h, as far as it could be read",
        Level.UNKNOWN,
    )
    assert "Kubernetes could not be read: no answer." in said(reply)


async def test_only_the_newest_are_shown_and_how_many_are_not(own: dict[str, Any]) -> None:
    reply = await _changes(own, Platform(*(_ago(minute, what=f"change {minute};") for minute in range(1, SHOWN + 6))))
    assert "change 1;" in said(reply)
    assert f"change {SHOWN + 1};" not in said(reply)
    assert "5 older ones are left out" in said(reply)


async def test_in_a_storm_all_is_counted_and_the_newest_are_shown(
    own: dict[str, Any], database: Database, stored_plan: StoredPlan
) -> None:
    alert = Alert(labels={}, severity="critical", state="firing", summary="Jobs", value=1, since=NOW)
    opened = [
        Incident(f"i{number}", f"f{number}", alert, "critical", "firing", 1, NOW - timedelta(seconds=60 + number))
        for number in range(300)
    ]
    # It began before the others and before the hour: its end is the newest of all.
    long_ago = replace(opened[0], id="old", fingerprint="old", opened_at=NOW - timedelta(hours=5))
    ended = replace(
        long_ago,
        alert=alert.model_copy(update={"summary": "Redis"}),
        state="resolved",
        resolved_at=NOW - timedelta(seconds=1),
    )
    async with database.transaction() as connection:
        await own["incidents"].save([*opened, ended], connection=connection)
        await own["plans"].add(connection, stored_plan)
        for number in range(120):
            begun = NOW - timedelta(minutes=30)
            run = StoredRun(f"r{number}", "t", "succeeded", "", "e", begun, begun, None, ())
            await own["runs"].add(connection, run)
    reply = await _changes(own, Platform(_ago(2, what="worker revision 8")))
    assert reply.title == "422 changes in the last 1 h"
    assert f"{422 - SHOWN} older ones are left out" in said(reply)
    assert "Redis was resolved" in said(reply)
    assert said(reply).count("Jobs (critical) began") == SHOWN - 1


async def test_secrets_in_what_others_wrote_are_masked(own: dict[str, Any]) -> None:
    reply = await _changes(own, Platform(_ago(1, what="worker: MONGO=mongodb://nova:hunter2@db/x")))
    assert "hunter2" not in said(reply)


@pytest.mark.parametrize("since", ["yesterday", "0m", "30d", "99999999999999d"])
async def test_a_time_that_is_none_is_refused(own: dict[str, Any], since: str) -> None:
    with pytest.raises(UsageError):
        await _changes(own, Platform(), since)
