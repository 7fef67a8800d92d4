"""Seals what the bot's own database must not give away to whoever gets a copy of it.

AES-256-GCM under a fresh nonce, with a key that HKDF makes from a secret of the environment. What the content
belongs to is its context: sealed under one, it cannot be opened under another, so that rows cannot be exchanged.
"""

import hmac
import os
from contextlib import suppress
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import SecretStr

from bot.errors import NotConfigured, Refused

# What every sealed thing begins with; JSON and zlib begin with other bytes, so that one tells sealed from plain.
MARK: Final = b"\x01"
_NONCE: Final = 12


class Seal:
    """Seals and opens; ``secret`` is any secret of the environment that outlives a restart."""

    def __init__(self, secret: SecretStr | None) -> None:
        self._secret = secret

    @property
    def is_set(self) -> bool:
        """Whether there is a secret to seal with."""
        return self._secret is not None

    def seal(self, content: bytes, context: str) -> bytes:
        """Return the content sealed, 29 bytes longer; raises NotConfigured without a secret."""
        nonce = os.urandom(_NONCE)
        return MARK + nonce + AESGCM(self._key("seal")).encrypt(nonce, content, context.encode())

    def open(self, sealed: bytes, context: str) -> bytes:
        """Return what was sealed in this context; raises Refused where it is not that or the secret is another."""
        nonce, content = sealed[1 : 1 + _NONCE], sealed[1 + _NONCE :]
        cipher = AESGCM(self._key("seal"))
        if sealed.startswith(MARK) and len(nonce) == _NONCE:
            with suppress(InvalidTag):
                return cipher.decrypt(nonce, content, context.encode())
        raise Refused("The value cannot be read any more: the bot's signing secret or token has changed since.")

    def fingerprint(self, content: bytes, context: str) -> str:
        """Return what tells this content from another of the same context, and says nothing about it."""
        bound = len(context.encode()).to_bytes(8, "big") + context.encode() + content
        return hmac.digest(self._key("fingerprint"), bound, "sha256").hex()[:12]

    def _key(self, purpose: str) -> bytes:
        if self._secret is None:
            raise NotConfigured("The vault", "SLACK_SIGNING_SECRET or SLACK_BOT_TOKEN")
        derived = HKDF(SHA256(), length=32, salt=None, info=f"novapulse-bot {purpose}".encode())
        return derived.derive(self._secret.get_secret_value().encode())
