"""The alerts as they are, at moments that a test chooses, with a Slack page to look at their cards."""

from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from slack_sdk.web.async_client import AsyncWebClient

from bot.alerting.actions import AlertActions
from bot.alerting.pipeline import Alerting, Stores
from bot.alerting.shifts import Shifts
from bot.catalog import load
from bot.policy import Policy
from bot.policy_file import PolicyFile
from bot.schedule import Observation
from bot.slack.channels import Channels
from bot.slack.delivery import Carrier
from bot.stores.database import Database
from bot.stores.incidents import Incidents
from bot.stores.outbox import Outbox
from bot.stores.samples import Sample, Samples, series_of
from bot.stores.silences import Silences
from sandbox.slack import BOT_TOKEN, PEOPLE, LocalSlack
from sandbox.slack_gate import SlackGate
from tests.servers import ROOT

NIGHT = datetime(2026, 7, 1, 1, 12, tzinfo=UTC)  # 3:12 in Berlin, where the page is looked at
CHANNEL = "C0ALERTS"


class Desk:
    """The alerts on a database of their own, under the policy as delivered; ``now`` is what the clock says."""

    def __init__(self, database: Database, gate: SlackGate) -> None:
        self.now = NIGHT
        self.gate = gate
        self.url = gate.upstream
        self.database = database
        self.catalog = load()
        self.policy = _with_the_pages_names(PolicyFile(ROOT / "policy.toml", self.catalog).current)
        self.samples, self.outbox = Samples(database), Outbox(database)
        self.stores = Stores(database, Incidents(database), self.samples, self.outbox, Silences(database))
        self.alerting = Alerting(self.stores, policy=lambda: self.policy, catalog=self.catalog, channel=CHANNEL)
        self.actions = AlertActions(self.stores, self.alerting, self.clock)
        self.shifts = Shifts(database, lambda: self.policy, channel=CHANNEL, line=lambda plan: plan.command)
        client = AsyncWebClient(BOT_TOKEN, base_url=gate.api_url)
        self.carrier = Carrier(self.outbox, client, Channels(client), clock=self.clock)
        self.client = client

    def clock(self) -> datetime:
        """Return what time it is here."""
        return self.now

    async def read(self, *observations: Observation, after: timedelta = timedelta()) -> None:
        """Let some time pass, read this, keep it as samples and judge it."""
        self.now += after
        found = [one._replace(at=self.now) for one in observations]
        await self.samples.add([Sample(series_of(one.metric, one.labels), self.now, one.value) for one in found])
        await self.alerting.tick(found, self.now)

    async def queue(
        self, queue: str, values: Iterable[float | None], *, every: float = 60, metric: str = "queue_waiting"
    ) -> None:
        """Read these values of a queue, one after the other; None is Redis that does not answer."""
        for value in values:
            await self.read(waiting(queue, value, metric), after=timedelta(seconds=every))

    async def incident(self) -> str:
        """Return the id of the only incident that is open."""
        (only,) = (await self.stores.incidents.firing()).values()
        return only.id

    async def say(self) -> None:
        """Bring to Slack what is due, the cards before what hangs in their threads."""
        while due := await self.outbox.due(self.now):
            for one in sorted(due, key=lambda one: bool(one.thread_of)):
                await self.carrier.carry(one)


def _with_the_pages_names(policy: Policy) -> Policy:
    """Call people what the page calls them."""
    names = {one.id: policy.people[one.id].model_copy(update={"name": one.real_name}) for one in PEOPLE}
    return policy.model_copy(update={"people": names})


def waiting(queue: str, value: float | None, metric: str = "queue_waiting") -> Observation:
    """Return what was read of a queue."""
    reason = "" if value is not None else "Redis: no answer within 2 s"
    return Observation(metric=metric, labels={"queue": queue}, value=value, at=NIGHT, reason=reason)


def system(name: str, *, up: bool) -> Observation:
    """Return whether a system answers."""
    return Observation(metric="system_up", labels={"system": name}, value=float(up), at=NIGHT)


@asynccontextmanager
async def opened(directory: Path) -> AsyncIterator[Desk]:
    """Give a desk with a Slack of its own."""
    async with AsyncExitStack() as stack:
        slack = LocalSlack(directory / "slack")
        stack.push_async_callback(slack.stop)
        await slack.start()
        gate = SlackGate(slack.url)
        stack.push_async_callback(gate.stop)
        await gate.start()
        database = Database(f"sqlite:///{directory / 'state.db'}")
        stack.push_async_callback(database.close)
        await database.migrate()
        yield Desk(database, gate)
