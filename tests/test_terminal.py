"""The console against a real database and a scripted cluster, without Slack."""

import asyncio
import io
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import sqlalchemy as sa
from rich.console import Console

from bot.app import clock
from bot.catalog import load
from bot.console.invocation import Invocation
from bot.console.render import Screen
from bot.errors import Refused, UsageError
from bot.policy import Policy
from bot.policy_file import PolicyFile
from bot.runbook_table import LINES
from bot.settings import Settings
from bot.stores.database import Database
from bot.stores.executors import CONSOLE, Executors
from bot.stores.plans import Plans
from bot.stores.requests import AuditEntry, Requests
from bot.stores.runs import Runs
from bot.stores.tables import run_steps
from bot.terminal import Click, Login, actor_of, check, decide, manifest, run_line, write_documents
from sandbox.ports import free_port
from tests.clients.kubernetes_server import DEPLOYMENTS, PODS, KubernetesServer, deployment, kubernetes_server, pod
from tests.own_database import with_tables

ROOT = Path(__file__).parents[1]
WORKER = f"GET {DEPLOYMENTS}/novapulse-worker"
OLGA, AMIR, VERA = (Login("root", name) for name in ("operator", "approver", "viewer"))
NOBODY_SERVES = "No bot serves at present"


def policy(name: str) -> Policy:
    return PolicyFile(ROOT / name, load()).current


@dataclass
class Desk:
    """A terminal: what was printed, and the database that the commands worked on."""

    settings: Settings
    database: Database
    server: KubernetesServer
    printed: list[str] = field(default_factory=list)

    async def run(self, line: str, login: Login = OLGA) -> int:
        screen = _screen()
        code = await run_line(self.settings, line, login, screen)
        return self._keep(screen, code)

    async def decide(self, plan: str, action: str, login: Login, reason: str = "") -> int:
        screen = _screen()
        code = await decide(self.settings, Click(plan, action, reason), login, screen)
        return self._keep(screen, code)

    def _keep(self, screen: Screen, code: int) -> int:
        assert isinstance(screen.console.file, io.StringIO)
        self.printed.append(screen.console.file.getvalue())
        return code

    @property
    def said(self) -> str:
        return self.printed[-1]

    def plan(self) -> str:
        found = re.search(r"decide --as \S+ (\w+) approve", self.said)
        assert found is not None, self.said
        return found[1]

    async def record(self) -> AuditEntry:
        return (await Requests(self.database).search(limit=1))[0]


def _screen() -> Screen:
    console = Console(file=io.StringIO(), width=200, color_system=None)
    return Screen(console, Invocation(".venv/bin/python", ".sandbox/bot.env", "operator"))


def environment(folder: Path, **variables: str) -> Settings:
    known = {
        "STATE_URL": f"sqlite:///{folder / 'state.db'}",
        "POLICY_FILE": str(ROOT / "sandbox" / "policy.toml"),
        "NOVAPULSE_API_URL": f"http://127.0.0.1:{free_port()}/api/v1",
    }
    file = folder / "bot.env"
    file.write_text("".join(f"{name}='{value}'\n" for name, value in (known | variables).items()))
    return Settings(file)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with kubernetes_server() as server:
        server.answers[WORKER] = deployment()
        server.answers[f"GET {PODS}"] = {"kind": "PodList", "items": [pod("worker-a"), pod("worker-b")]}
        settings = environment(tmp_path, KUBECONFIG=str(server.kubeconfig(tmp_path)))
        database = Database(settings.state.state_url.get_secret_value())
        await with_tables(database)
        yield Desk(settings, database, server)
        await database.close()


def _kept_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.glob("state.db*"))


@asynccontextmanager
async def serving(desk: Desk) -> AsyncIterator[None]:
    executors = Executors(desk.database)
    await executors.beat("bot", clock())
    yield
    await executors.leave("bot")


# Who it is


def test_a_login_is_the_person_whose_console_name_it_is() -> None:
    assert actor_of(policy("sandbox/policy.toml"), Login("viewer")).id == "U0VIEWER"
    assert actor_of(policy("sandbox/policy.toml"), Login("root", "approver")).id == "U0APPROVER"


def test_a_stranger_is_told_what_to_set() -> None:
    with pytest.raises(Refused, match="Nobody in the policy has the login name mallory") as caught:
        actor_of(policy("policy.toml"), Login("mallory"))
    assert caught.value.hint == 'Put console = "mallory" into that person\'s entry under [people].'
    with pytest.raises(Refused) as caught:
        actor_of(policy("sandbox/policy.toml"), Login("mallory"))
    assert "--as: operator, approver" in caught.value.hint


@pytest.mark.parametrize(
    "login", [Login(""), Login("root", "dragon"), Login("U0APPROVER"), Login("root", "U0APPROVER")]
)
def test_nobody_is_somebody_by_omission(login: Login) -> None:
    for name in ("policy.toml", "sandbox/policy.toml"):
        with pytest.raises(Refused):
            actor_of(policy(name), login)


def test_anothers_place_is_taken_in_a_sandbox_only() -> None:
    strict = policy("sandbox/policy.toml").model_copy(update={"console_as_anybody": False})
    with pytest.raises(Refused, match="logged in as viewer, so you cannot act as approver"):
        actor_of(strict, Login("viewer", "approver"))
    assert actor_of(strict, Login("viewer", "viewer")).id == "U0VIEWER"


# Running


async def test_a_reading_command_is_answered_and_on_record(desk: Desk) -> None:
    assert await desk.run("/runbook") == 0
    assert "/scale-workers" in desk.said
    assert NOBODY_SERVES not in desk.said
    record = await desk.record()
    assert (record.actor_id, record.command, record.status) == ("U0OPERATOR", "/runbook", "done")
    assert await Executors(desk.database).alive(clock()) == frozenset()


@pytest.mark.parametrize(
    ("line", "login", "words"),
    [
        ("/queue-statz", OLGA, "Did you mean /queue-stats?"),
        ("/scale-workers 3", VERA, "This needs the permission workers:scale"),
        ("/scale-workers many", OLGA, "replicas"),
    ],
)
async def test_a_refusal_says_why_and_is_no_success(desk: Desk, line: str, login: Login, words: str) -> None:
    assert await desk.run(line, login) == 1
    assert words in desk.said
    assert (await desk.record()).status == "refused"


async def test_a_value_that_nobody_may_see_is_asked_for_and_nowhere_but_in_the_vault(tmp_path: Path) -> None:
    async with kubernetes_server() as server:
        for name in ("novapulse-worker", "novapulse-api"):
            server.answers[f"GET {DEPLOYMENTS}/{name}"] = deployment(name)
        kubeconfig = str(server.kubeconfig(tmp_path))
        settings = environment(tmp_path, KUBECONFIG=kubeconfig, SLACK_BOT_TOKEN="xoxb-1")
        screen = _screen()
        code = await run_line(settings, "/set-env api MONGO_URI", OLGA, screen, read=lambda _: "hunter2")
        assert isinstance(screen.console.file, io.StringIO)
        assert code == 0, screen.console.file.getvalue()
        assert "the new value" in screen.console.file.getvalue()
        assert "/set-env both MONGO_URI" in screen.console.file.getvalue()
        database = Database(settings.state.state_url.get_secret_value())
        (record, *_) = await Requests(database).search(limit=1)
        assert "hunter2" not in str(record)
        await database.close()
    assert b"hunter2" not in _kept_in(tmp_path)


async def test_a_stranger_is_refused_and_on_record(desk: Desk) -> None:
    with pytest.raises(Refused, match="Nobody in the policy"):
        await desk.run("/runbook", Login("mallory"))
    record = await desk.record()
    assert (record.actor_id, record.actor_name, record.status) == (f"{CONSOLE}mallory", "mallory", "refused")
    with pytest.raises(Refused):
        await desk.decide("p1", "approve", Login("mallory"))
    assert ((await desk.record()).command, (await desk.record()).status) == ("approve", "refused")


async def test_a_plan_is_shown_with_who_would_execute_it(desk: Desk) -> None:
    assert await desk.run("/scale-workers 3") == 0
    assert "Waits for approval" in desk.said
    assert NOBODY_SERVES in desk.said
    async with serving(desk):
        assert await desk.run("/scale-workers 3") == 0
    assert NOBODY_SERVES not in desk.said


async def test_while_it_works_it_counts_as_alive_and_not_as_serving(desk: Desk) -> None:
    reached = asyncio.Event()

    async def hang() -> None:
        reached.set()
        await desk.server.stuck.wait()

    desk.server.answers[WORKER] = lambda _: hang()
    running = asyncio.create_task(desk.run("/scale-workers 3"))
    await reached.wait()
    executors = Executors(desk.database)
    (name,) = await executors.alive(clock())
    assert name.startswith(CONSOLE)
    assert await executors.serving(clock()) == frozenset()
    assert await Requests(desk.database).abandoned(alive={name}, working=()) == []
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    record = await desk.record()
    assert (record.status, record.outcome) == ("failed", "interrupted at the terminal")
    assert await executors.alive(clock()) == frozenset()


# Deciding


async def test_the_requester_cannot_approve_and_somebody_else_can(desk: Desk) -> None:
    await desk.run("/scale-workers 3")
    plan = desk.plan()
    assert await desk.decide(plan, "approve", OLGA) == 1
    assert "You asked for this" in desk.said
    assert await desk.decide(plan, "approve", AMIR) == 0
    assert NOBODY_SERVES in desk.said
    (run,) = await Runs(desk.database).running()
    assert run.id == plan
    assert run.executor.startswith(CONSOLE), "whoever serves takes it over, because this process is gone"
    assert desk.server.patches() == [], "the console executes nothing"


async def test_denying_and_cancelling(desk: Desk) -> None:
    await desk.run("/scale-workers 3")
    plan = desk.plan()
    with pytest.raises(UsageError, match="Denying needs a reason"):
        await desk.decide(plan, "deny", AMIR)
    assert await desk.decide(plan, "deny", AMIR, "not today") == 0
    assert "not today" in desk.said
    assert NOBODY_SERVES not in desk.said, "there is nothing left to execute"
    await desk.run("/scale-workers 3")
    plan = desk.plan()
    assert await desk.decide(plan, "cancel", AMIR) == 1
    assert await desk.decide(plan, "cancel", OLGA) == 0
    stored = await Plans(desk.database).get(plan)
    assert stored is not None
    assert stored.status == "cancelled"


async def test_a_plan_that_no_longer_fits_is_made_again(desk: Desk) -> None:
    await desk.run("/scale-workers 3")
    plan = desk.plan()
    desk.server.answers[WORKER] = deployment(spec={**deployment()["spec"], "replicas": 4})
    await desk.decide(plan, "approve", AMIR)
    assert "no longer fits" in desk.said
    assert await desk.decide(plan, "replan", OLGA) == 0
    assert desk.plan() != plan


async def test_a_run_that_only_watches_is_stopped(desk: Desk) -> None:
    await desk.run("/scale-workers 3")
    plan = desk.plan()
    await desk.decide(plan, "approve", AMIR)
    assert await desk.decide(plan, "stop_watching", AMIR) == 1
    assert "is running and does more than watch: this changes nothing" in desk.said
    stored = await Plans(desk.database).get(plan)
    assert stored is not None
    last = len(stored.plan.steps) - 1
    watching = stored.plan.steps[last].model_copy(update={"watches": True})
    changed = stored.plan.model_copy(update={"steps": (*stored.plan.steps[:last], watching)})
    async with desk.database.transaction() as connection:
        await Plans(desk.database).move(connection, plan, ("started",), plan=changed.model_dump(mode="json"))
        done = sa.update(run_steps).where(run_steps.c.run_id == plan, run_steps.c.number < last)
        await connection.execute(done.values(status="done"))
    assert await desk.decide(plan, "stop_watching", AMIR) == 0
    assert "watching ended by approver" in desk.said
    assert await Runs(desk.database).running() == []


async def test_the_same_line_twice_says_which_plan_it_is(desk: Desk) -> None:
    await desk.run("/scale-workers 3")
    plan = desk.plan()
    assert await desk.run("/scale-workers 3") == 0
    assert "The same is asked for already" in desk.said
    assert f"Plan {plan} waits for approval, 0 of 1." in desk.said


async def test_an_unknown_plan_or_action(desk: Desk) -> None:
    assert await desk.decide("nonsense", "approve", AMIR) == 1
    assert "There is no plan nonsense" in desk.said
    with pytest.raises(UsageError, match="'dance' is none of"):
        await desk.decide("nonsense", "dance", AMIR)


# The rest


async def test_check_prints_a_line_for_each_and_ends_with_1_where_something_is_wrong(tmp_path: Path) -> None:
    screen = _screen()
    assert await check(environment(tmp_path), screen) == 1
    assert isinstance(screen.console.file, io.StringIO)
    said = screen.console.file.getvalue()
    assert "[ok] Policy:" in said
    assert "[CRITICAL] Slack token: not configured: set SLACK_BOT_TOKEN" in said


def test_the_manifest_has_the_prefix_and_the_address(tmp_path: Path) -> None:
    made = json.loads(manifest(environment(tmp_path, COMMAND_PREFIX="np-"), url="https://bot.example/slack/events"))
    names = [command["command"] for command in made["features"]["slash_commands"]]
    assert "/np-queue-stats" in names
    assert made["settings"]["event_subscriptions"]["request_url"] == "https://bot.example/slack/events"


def test_the_documents_are_written_below_the_folder(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    for source in ("policy.toml", LINES):
        (tmp_path / source).write_text((ROOT / source).read_text())
    written = write_documents(tmp_path)
    assert [str(path.relative_to(tmp_path)) for path in written] == [
        "docs/commands.md",
        "deploy/slack-manifest.json",
        "docs/runbook.md",
    ]
    assert all(path.read_text().endswith("\n") for path in written)
