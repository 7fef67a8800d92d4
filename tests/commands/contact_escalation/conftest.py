import pytest

from bot.catalog import Catalog
from bot.policy_file import PolicyFile
from bot.stores.database import Database
from tests.commands.contact_escalation.oncall_world import OnCallWorld


@pytest.fixture
def world(database: Database, policy: PolicyFile, catalog: Catalog) -> OnCallWorld:
    return OnCallWorld(database, policy, catalog)
