"""The values that nobody may see: sealed in the bot's own database, named by a reference everywhere else.

They are deleted when they were used, at the latest after a day.
"""

import base64
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa
from pydantic import JsonValue, SecretStr

from bot.errors import Refused
from bot.plan import operation
from bot.stores.database import Database
from bot.stores.sealed import Seal
from bot.stores.tables import secrets

KEPT: Final = timedelta(days=1)


class Vault:
    """The rows of ``secrets``; ``key`` is any secret of the environment that outlives a restart."""

    def __init__(self, database: Database, key: SecretStr | None) -> None:
        self._database = database
        self._seal = Seal(key)

    async def keep(self, reference: str, value: SecretStr, now: datetime) -> None:
        """Seal a value; what is kept under this reference already stays. Raises NotConfigured without a key."""
        content, context = value.get_secret_value().encode(), _context(reference)
        row = {
            "reference": reference,
            "sealed": base64.b64encode(self._seal.seal(content, context)).decode(),
            "fingerprint": self._seal.fingerprint(content, context),
            "kept_at": now,
        }
        async with self._database.transaction() as connection:
            await connection.execute(self._database.insert(secrets).values(**row).on_conflict_do_nothing())

    async def value(self, reference: str) -> SecretStr:
        """Return a value; raises Refused where it is no longer kept or was sealed with another key."""
        sealed = base64.b64decode(str((await self._row(reference))["sealed"]))
        return SecretStr(self._seal.open(sealed, _context(reference)).decode())

    async def fingerprint(self, reference: str) -> str:
        """Return what tells this value from another one and says nothing about it; raises Refused as ``value``."""
        return str((await self._row(reference))["fingerprint"])

    @operation
    async def forget(self, reference: str) -> dict[str, JsonValue]:
        """Delete a value; does nothing where it is gone."""
        async with self._database.transaction() as connection:
            found = await connection.execute(sa.delete(secrets).where(secrets.c.reference == reference))
        return {"changed": bool(found.rowcount), "message": "no longer kept"}

    async def prune(self, now: datetime) -> int:
        """Delete what was kept for a day; return how many values that were."""
        async with self._database.transaction() as connection:
            return (await connection.execute(sa.delete(secrets).where(secrets.c.kept_at < now - KEPT))).rowcount

    async def _row(self, reference: str) -> sa.RowMapping:
        query = sa.select(secrets.c.sealed, secrets.c.fingerprint).where(secrets.c.reference == reference)
        async with self._database.reading() as connection:
            found = (await connection.execute(query)).mappings().first()
        if found is None:
            raise Refused("The value is no longer kept.", hint="It is asked for in a form; please give it once more.")
        return found


def _context(reference: str) -> str:
    return f"vault/{reference}"
