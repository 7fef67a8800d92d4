"""Makes the alerts' parts, for the composition root."""

from collections.abc import Awaitable, Callable
from datetime import datetime

from bot.alerting.actions import AlertActions
from bot.alerting.notify import Ways
from bot.alerting.oncall_actions import OnCallActions
from bot.alerting.paging import Paging
from bot.alerting.pipeline import Alerting, Stores
from bot.alerting.shifts import Shifts
from bot.catalog import Catalog
from bot.policy_file import PolicyFile
from bot.settings import PagingSettings
from bot.stores.database import Database
from bot.stores.escalations import Escalations
from bot.stores.handovers import Handovers
from bot.stores.incidents import Incidents
from bot.stores.outbox import Outbox
from bot.stores.overrides import Overrides
from bot.stores.pages import Pages
from bot.stores.plans import StoredPlan
from bot.stores.samples import Samples
from bot.stores.silences import Silences


def alerting_parts(
    database: Database,
    policy: PolicyFile,
    catalog: Catalog,
    *,
    channel: str,
    clock: Callable[[], datetime],
    paging: PagingSettings | None = None,
) -> tuple[Alerting, dict[str, object]]:
    """Return what judges the observations, and what people's steps do; ``channel`` is the alerts channel."""
    stores = Stores(database, Incidents(database), Samples(database), Outbox(database), Silences(database))
    ways = ways_of(channel, paging)
    alerting = Alerting(
        stores,
        policy=lambda: policy.current,
        catalog=catalog,
        channel=channel,
        pagerduty=ways.pagerduty,
        address=ways.address,
    )
    oncall = OnCallActions(database, lambda: policy.current, ways=ways, clock=clock)
    return alerting, {"alerts": AlertActions(stores, alerting, clock), "oncall": oncall}


def ways_of(channel: str, paging: PagingSettings | None) -> Ways:
    """Return what is set up to reach people."""
    address = paging.alerts_email if paging and paging.smtp_url else ""
    return Ways(channel, bool(paging and paging.pagerduty_routing_key), address)


def oncall_parts(database: Database) -> dict[str, object]:
    """Return the tables of who is on call, which commands may read and of which steps may start and end overrides."""
    paged = {"pages": Pages(database), "escalations": Escalations(database)}
    return {"overrides": Overrides(database), "handovers": Handovers(database)} | paged


def oncall_ticks(
    database: Database,
    policy: PolicyFile,
    line: Callable[[StoredPlan], str],
    *,
    channel: str,
    paging: PagingSettings | None = None,
) -> dict[str, Callable[[datetime], Awaitable[object]]]:
    """Return what looks every second at who is on call, and at the pages; ``line`` says what was typed for a plan."""
    shifts = Shifts(database, lambda: policy.current, channel=channel, line=line)
    pages = Paging(database, lambda: policy.current, ways=ways_of(channel, paging))
    return {"shifts": shifts.tick, "pages": pages.tick}
