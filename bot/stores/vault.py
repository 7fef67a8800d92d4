"""The values that nobody may see: sealed in the bot's own database, named by a reference everywhere else.

A copy of the database alone gives none away: they are sealed with a key made from a secret of the environment, and
deleted when they were used, at the latest after a day. The standard library has no cipher, so the keystream is
HMAC-SHA256 in counter mode under a fresh nonce, and a second HMAC over nonce and ciphertext authenticates both
(encrypt-then-MAC); the two keys differ, and the reference is part of what is authenticated.
"""

import base64
import hashlib
import hmac
import secrets as random
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa
from pydantic import JsonValue, SecretStr

from bot.errors import NotConfigured, Refused
from bot.plan import operation
from bot.stores.database import Database
from bot.stores.tables import secrets

KEPT: Final = timedelta(days=1)
_NONCE: Final = 16
_TAG: Final = 32
_BLOCK: Final = 32


class Vault:
    """The rows of ``secrets``; ``key`` is any secret of the environment that outlives a restart."""

    def __init__(self, database: Database, key: SecretStr | None) -> None:
        self._database = database
        self._key = key

    async def keep(self, reference: str, value: SecretStr, now: datetime) -> None:
        """Seal a value; what is kept under this reference already stays. Raises NotConfigured without a key."""
        text = value.get_secret_value()
        row = {
            "reference": reference,
            "sealed": self._sealed(reference, text),
            "fingerprint": self._mac("fingerprint", reference.encode() + b"\0" + text.encode()).hex()[:12],
            "kept_at": now,
        }
        async with self._database.transaction() as connection:
            await connection.execute(self._database.insert(secrets).values(**row).on_conflict_do_nothing())

    async def value(self, reference: str) -> SecretStr:
        """Return a value; raises Refused where it is no longer kept or was sealed with another key."""
        opened = self._opened(reference, str((await self._row(reference))["sealed"]))
        if opened is None:
            raise Refused("The value cannot be read any more: the bot's signing secret or token has changed since.")
        return SecretStr(opened)

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

    def _sealed(self, reference: str, text: str) -> str:
        nonce = random.token_bytes(_NONCE)
        body = nonce + self._crossed(nonce, text.encode())
        return base64.b64encode(body + self._mac("seal", reference.encode() + b"\0" + body)).decode()

    def _opened(self, reference: str, sealed: str) -> str | None:
        raw = base64.b64decode(sealed)
        body, tag = raw[:-_TAG], raw[-_TAG:]
        if not hmac.compare_digest(tag, self._mac("seal", reference.encode() + b"\0" + body)):
            return None
        return self._crossed(body[:_NONCE], body[_NONCE:]).decode()

    def _crossed(self, nonce: bytes, data: bytes) -> bytes:
        """Add the keystream to the data, or take it away again."""
        blocks = range(len(data) // _BLOCK + 1)
        stream = b"".join(self._mac("stream", nonce + block.to_bytes(8, "big")) for block in blocks)
        return bytes(byte ^ key for byte, key in zip(data, stream, strict=False))

    def _mac(self, purpose: str, data: bytes) -> bytes:
        if self._key is None:
            raise NotConfigured("The vault", "SLACK_SIGNING_SECRET or SLACK_BOT_TOKEN")
        own = hmac.digest(self._key.get_secret_value().encode(), f"novapulse-bot {purpose}".encode(), hashlib.sha256)
        return hmac.digest(own, data, hashlib.sha256)
