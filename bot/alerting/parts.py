"""Makes the alerts' parts, for the composition root."""

from collections.abc import Callable
from datetime import datetime

from bot.alerting.actions import AlertActions
from bot.alerting.notify import Ways
from bot.alerting.oncall_actions import OnCallActions
from bot.alerting.pipeline import Alerting, Stores
from bot.catalog import Catalog
from bot.policy_file import PolicyFile
from bot.settings import PagingSettings
from bot.stores.database import Database
from bot.stores.handovers import Handovers
from bot.stores.incidents import Incidents
from bot.stores.outbox import Outbox
from bot.stores.overrides import Overrides
from bot.stores.pages import Pages
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
    return {"overrides": Overrides(database), "handovers": Handovers(database), "pages": Pages(database)}
