"""Takes what nobody may see out of a request before it is recorded; a reference goes on in its place.

The reference follows from the request's own id, so that a second delivery, or another process that takes the request
up, comes to the same one.
"""

import hashlib
from datetime import datetime
from typing import Final, Protocol

from pydantic import JsonValue, SecretStr

from bot.catalog import Catalog
from bot.command import Command
from bot.dispatch.parse import given
from bot.dispatch.typed_line import typed
from bot.errors import UsageError
from bot.request import Decision, Request

TYPED: Final = "***"  # stands in the text for what should not have been typed


class Vault(Protocol):
    """Whoever keeps the values."""

    async def keep(self, reference: str, value: SecretStr, now: datetime) -> None:
        """Keep a value under a reference; what is kept there already stays."""


class Sealing:
    """Knows which arguments of which commands are secrets."""

    def __init__(self, catalog: Catalog, vault: Vault) -> None:
        self._catalog = catalog
        self._vault = vault

    async def keep(self, item: Request | Decision) -> None:
        """Keep the secrets of a request, as it came in, in the vault."""
        if isinstance(item, Request):
            for name, value in self._secrets(item).items():
                await self._vault.keep(_reference(item, name), SecretStr(str(value)), item.received_at)

    def sealed(self, item: Request | Decision) -> Request | Decision:
        """Return the request with references in the place of its secrets, and its text without them."""
        if not isinstance(item, Request):
            return item
        command = self._catalog.commands.get(item.command)
        if command is None or not command.secrets:
            return item
        references: dict[str, JsonValue] = {name: _reference(item, name) for name in self._secrets(item)}
        arguments = None if item.arguments is None else {**item.arguments, **references}
        return item.model_copy(update={"arguments": arguments, "text": _scrubbed(command, item.text)})

    def _secrets(self, request: Request) -> dict[str, JsonValue]:
        command = self._catalog.commands.get(request.command)
        names = command.secrets if command else ()
        return {name: value for name in names if (value := (request.arguments or {}).get(name)) not in (None, "")}


def _reference(request: Request, name: str) -> str:
    return "kept:" + hashlib.sha256(f"{request.id}\0{name}".encode()).hexdigest()[:24]


def _scrubbed(command: Command, text: str) -> str:
    """Return the text without a secret that was typed all the same; one that cannot be read may be anything."""
    try:
        found = given(command, text)
    except UsageError:
        return _option(command)
    if not set(found) & set(command.secrets):
        return text
    kept = {name: value for name, value in found.items() if name not in command.secrets}
    return f"{typed(command, kept).removeprefix(command.name)} {_option(command)}".strip()


def _option(command: Command) -> str:
    return f"--{command.secrets[0].replace('_', '-')} {TYPED}"
