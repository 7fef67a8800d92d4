from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from bot.plan import Change, Plan, Step
from bot.request import Actor
from bot.running_drains import PAUSING, SCALING, RunningDrain, running_drains
from bot.stores.database import Database
from bot.stores.plans import Plans, StoredPlan
from bot.stores.runs import Runs, StoredRun, StoredStep
from tests.own_database import with_tables

NOW = datetime(2026, 7, 1, 9, tzinfo=UTC)
STEPS = (
    Step(title="Pause", operation=PAUSING, arguments={"queues": ["email"], "drain": "d1"}),
    Step(title="Scale", operation=SCALING, arguments={"queues": ["email", "report"], "replicas": 2, "drain": "d2"}),
    Step(title="Old", operation=PAUSING, arguments={"queues": ["email"]}),
    Step(title="Other", operation="cluster.scale", arguments={"drain": "d3"}),
)
STORED = StoredPlan(
    id="r1", request_id="q1", command="/drain-queues", arguments={},
    plan=Plan(title="Drain", target="queues/drain", changes=(Change(what="a", before="b", after="c"),), steps=STEPS),
    digest="d", requester=Actor(id="U1", name="Olga"), channel="C1", source="slash", undo_of=None, needed=1,
    status="started", reason="", created_at=NOW, approve_by=NOW, execute_by=None, asked_next_at=None,
    break_glass=False, closed_at=None,
)  # fmt: skip
RUN = StoredRun("r1", "queues/drain", "running", "", "one", NOW, None, None, ())


async def test_only_what_has_not_ended_and_can_be_given_up(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'state.db'}")
    await with_tables(database)
    runs, plans = Runs(database), Plans(database)
    assert await running_drains(runs, plans) == ()
    steps = tuple(StoredStep(number, step.title, "waiting", "", 0, None, None) for number, step in enumerate(STEPS))
    async with database.transaction() as connection:
        await plans.add(connection, STORED)
        await runs.add(connection, replace(RUN, steps=steps))
    scaling = RunningDrain("d2", "r1", ("email", "report"), 2)
    assert await running_drains(runs, plans) == (RunningDrain("d1", "r1", ("email",)), scaling)
    async with database.transaction() as connection:
        await runs.begin_step(connection, "r1", 0, "one", NOW)
        await runs.end_step(connection, "r1", replace(steps[0], status="done", finished_at=NOW))
    assert await running_drains(runs, plans) == (scaling,)
    async with database.transaction() as connection:
        await runs.finish(connection, "r1", "failed", "", NOW)
    assert await running_drains(runs, plans) == ()
    await database.close()
