from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from bot.errors import NotConfigured, Refused
from bot.stores.database import Database
from bot.stores.tables import secrets
from bot.stores.vault import KEPT, Vault
from tests.own_database import with_tables

NOW = datetime(2026, 7, 1, 9, tzinfo=UTC)
KEY = SecretStr("signing-secret")
VALUE = SecretStr("mongodb://nova:hunter2@ä-primary/novapulse?x=" + "y" * 200)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = Database(f"sqlite:///{tmp_path / 'state.db'}")
    await with_tables(opened)
    yield opened
    await opened.close()


async def test_gives_back_what_it_keeps_after_a_restart_too(database: Database, tmp_path: Path) -> None:
    await Vault(database, KEY).keep("kept:1", VALUE, NOW)
    await Vault(database, KEY).keep("kept:2", SecretStr(""), NOW)
    found = await Vault(database, KEY).value("kept:1")
    assert found.get_secret_value() == VALUE.get_secret_value()
    assert (await Vault(database, KEY).value("kept:2")).get_secret_value() == ""
    assert b"hunter2" not in _written(tmp_path)


def _written(directory: Path) -> bytes:
    return b"".join(path.read_bytes() for path in directory.glob("state.db*"))


async def test_what_is_kept_first_stays(database: Database) -> None:
    vault = Vault(database, KEY)
    await vault.keep("kept:1", VALUE, NOW)
    await vault.keep("kept:1", SecretStr("another"), NOW)
    assert (await vault.value("kept:1")).get_secret_value() == VALUE.get_secret_value()


async def test_the_fingerprint_tells_values_apart_and_nothing_else(database: Database) -> None:
    vault = Vault(database, KEY)
    await vault.keep("kept:1", VALUE, NOW)
    await vault.keep("kept:2", VALUE, NOW)
    assert await vault.fingerprint("kept:1") == await vault.fingerprint("kept:1")
    assert await vault.fingerprint("kept:1") != await vault.fingerprint("kept:2")


async def test_another_key_or_another_row_does_not_open_it(database: Database) -> None:
    vault = Vault(database, KEY)
    await vault.keep("kept:1", VALUE, NOW)
    with pytest.raises(Refused, match="has changed since"):
        await Vault(database, SecretStr("another")).value("kept:1")
    async with database.transaction() as connection:
        await connection.execute(sa.update(secrets).values(reference="kept:9"))
    with pytest.raises(Refused, match="has changed since"):
        await vault.value("kept:9")


async def test_it_is_forgotten_when_used_or_after_a_day(database: Database) -> None:
    vault = Vault(database, KEY)
    await vault.keep("kept:1", VALUE, NOW)
    await vault.keep("kept:2", VALUE, NOW)
    assert (await vault.forget("kept:1"))["changed"] is True
    assert (await vault.forget("kept:1"))["changed"] is False
    for asked in (vault.value("kept:1"), vault.fingerprint("kept:1")):
        with pytest.raises(Refused, match="no longer kept"):
            await asked
    assert await vault.prune(NOW + KEPT) == 0
    assert await vault.prune(NOW + KEPT + timedelta(seconds=1)) == 1


async def test_without_a_key_nothing_is_kept(database: Database) -> None:
    with pytest.raises(NotConfigured, match="SLACK_SIGNING_SECRET or SLACK_BOT_TOKEN"):
        await Vault(database, None).keep("kept:1", VALUE, NOW)
