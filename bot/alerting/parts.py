"""Makes the alerts' parts, for the composition root."""

from collections.abc import Callable
from datetime import datetime

from bot.alerting.actions import AlertActions
from bot.alerting.pipeline import Alerting, Stores
from bot.alerting.ways import NO_OTHER, Ways
from bot.catalog import Catalog
from bot.policy_file import PolicyFile
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
    ways: Ways = NO_OTHER,
) -> tuple[Alerting, AlertActions]:
    """Return what judges observations, and people's steps about alerts; both write to ``channel``, and by ``ways``."""
    stores = Stores(database, Incidents(database), Samples(database), Outbox(database), Silences(database))
    alerting = Alerting(stores, policy=lambda: policy.current, catalog=catalog, channel=channel, ways=ways)
    return alerting, AlertActions(stores, alerting, clock)


def oncall_parts(database: Database) -> dict[str, object]:
    """Return the tables of who is on call, which commands may read and of which steps may start and end overrides."""
    return {"overrides": Overrides(database), "handovers": Handovers(database), "pages": Pages(database)}
