from datetime import datetime

import pytest

from bot.catalog import Catalog
from bot.policy_file import PolicyFile
from bot.stores.database import Database
from tests.commands.administration.alert_world import AlertWorld


@pytest.fixture
def alert_world(database: Database, policy: PolicyFile, catalog: Catalog, now: datetime) -> AlertWorld:
    return AlertWorld(database, policy, catalog, now)
