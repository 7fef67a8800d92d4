"""What a person's home tab shows first."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot import catalog
from bot.alert import Alert, Severity
from bot.overview import Overview
from bot.plan import Plan
from bot.policy_file import PolicyFile
from bot.reply import Link, Note, Part, Text
from bot.request import Actor
from bot.stores.database import Database
from bot.stores.incidents import Incident, Incidents
from bot.stores.pages import Page, Pages
from bot.stores.plans import Plans, PlanStatus, StoredPlan
from tests.own_database import with_tables

NOW = datetime(2026, 7, 1, 9, tzinfo=UTC)
OPERATOR, APPROVER, VIEWER, STRANGER = (
    Actor(id=f"U0{name}", name=name) for name in ("OPERATOR", "APPROVER", "VIEWER", "STRANGER")
)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = Database(f"sqlite:///{tmp_path / 'state.db'}")
    await with_tables(opened)
    yield opened
    await opened.close()


@pytest.fixture
def overview(database: Database) -> Overview:
    policy = PolicyFile(Path(__file__).parents[1] / "policy.toml", catalog.load())
    return Overview(database, policy, lambda: NOW)


async def propose(
    database: Database, name: str, by: Actor = OPERATOR, status: PlanStatus = "waiting", until: datetime | None = None
) -> None:
    stored = StoredPlan(
        id=name,
        request_id=f"request {name}",
        command="/scale-workers",
        arguments={},
        plan=Plan(title=f"Scale {name}", target="t", changes=(), steps=()),
        digest="d",
        requester=by,
        channel="C1",
        source="slash",
        undo_of=None,
        needed=1,
        status=status,
        reason="",
        created_at=NOW - timedelta(seconds=60 - len(name)),
        approve_by=until or NOW + timedelta(minutes=5),
        execute_by=None,
        asked_next_at=None,
        break_glass=False,
        closed_at=None,
    )
    async with database.transaction() as connection:
        await Plans(database).add(connection, stored)


async def alarm(database: Database, name: str, severity: Severity = "warning") -> None:
    alert = Alert(labels={"q": name}, severity=severity, state="firing", summary=name, value=1, since=NOW)
    incident = Incident(name, alert.fingerprint, alert, severity, "firing", 1, NOW)
    async with database.transaction() as connection:
        await Incidents(database).save([incident], connection=connection)


def words(parts: tuple[Part, ...]) -> list[str]:
    """Each paragraph as text, its moments left out."""
    found = []
    for part in parts:
        assert isinstance(part, Text | Note)
        found.append("".join(span if isinstance(span, str) else getattr(span, "text", "") for span in part.spans))
    return found


async def test_nothing_waits(overview: Overview) -> None:
    assert words(await overview(VIEWER)) == ["Nothing waits."]


async def test_what_the_person_may_decide_comes_first_then_the_rest_then_the_incidents(
    database: Database, overview: Overview
) -> None:
    await propose(database, "my", by=APPROVER)
    await propose(database, "theirs")
    await propose(database, "approved", status="approved")
    await propose(database, "over", until=NOW)
    await alarm(database, "Email queue")
    await alarm(database, "Redis", "critical")
    parts = await overview(APPROVER)
    assert words(parts) == [
        "Waiting for your decision (1)\nScale theirs, asked for by OPERATOR, expires ",
        (
            "Other plans that wait (2)\nScale my, asked for by APPROVER, expires \nScale approved, "
            "asked for by OPERATOR, approved, waits for its turn"
        ),
        "Firing (2)\nCritical: Redis, since \nWarning: Email queue, since ",
    ]
    keys = [span.key for part in parts if isinstance(part, Text) for span in part.spans if isinstance(span, Link)]
    assert keys == ["plan:theirs", "plan:my", "plan:approved", "incident:Redis", "incident:Email queue"]


async def test_more_than_ten_are_counted(database: Database, overview: Overview) -> None:
    for number in range(12):
        await propose(database, f"p{number:02}")
        await alarm(database, f"i{number:02}")
    _, firing = words(await overview(APPROVER))
    assert firing.startswith("Firing (12)\nWarning: i00")
    assert firing.endswith("i09, since \n2 more")


async def test_who_may_not_read_the_plans_sees_their_own_only(database: Database, overview: Overview) -> None:
    await propose(database, "theirs")
    await propose(database, "own", by=STRANGER)
    assert words(await overview(STRANGER)) == [
        "Other plans that wait (1)\nScale own, asked for by STRANGER, expires ",
    ]


async def test_what_cannot_be_read_is_said(tmp_path: Path, overview: Overview) -> None:
    empty = Database(f"sqlite:///{tmp_path / 'without tables.db'}")
    blind = Overview(empty, overview.policy, lambda: NOW)
    said = words(await blind(APPROVER))
    await empty.close()
    assert said == ["What waits for approval could not be read.", "Which alerts are firing could not be read."]


async def test_an_open_page_is_shown_until_it_is_ended(database: Database, overview: Overview) -> None:
    pages, page = Pages(database), Page(id="p1", level=2, people=("U1",), reason="imports hang", by=OPERATOR, at=NOW)
    async with database.transaction() as connection:
        await pages.add(page, connection)
    assert words(await overview(VIEWER)) == [
        "Open pages (1)\nimports hang, OPERATOR called level 2, nobody has it, since "
    ]
    async with database.transaction() as connection:
        await pages.end("p1", "OPERATOR", NOW, connection)
    assert words(await overview(VIEWER)) == ["Nothing waits."]
