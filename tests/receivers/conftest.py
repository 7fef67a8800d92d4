from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.stores.database import Database
from bot.stores.outbox import Outbox
from sandbox.mail import MailServer
from sandbox.pagerduty import PagerDuty
from tests.own_database import with_tables


@pytest.fixture
async def outbox(tmp_path: Path) -> AsyncIterator[Outbox]:
    opened = Database(f"sqlite:///{tmp_path / 'state.db'}")
    await with_tables(opened)
    yield Outbox(opened)
    await opened.close()


@pytest.fixture
async def pagerduty() -> AsyncIterator[PagerDuty]:
    server = PagerDuty()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def mail_server() -> AsyncIterator[MailServer]:
    server = MailServer()
    await server.start()
    yield server
    await server.stop()
