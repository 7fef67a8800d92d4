"""Being logged in to the NovaPulse API: one login at a time, few of them, renewed by itself."""

import asyncio
import base64
import binascii
import json
import math
import re
from collections.abc import Awaitable, Callable
from typing import Any, Final

import pyotp

from bot.clients.api_answers import SYSTEM, Answer, require_ok
from bot.errors import Forbidden, NotConfigured, Unavailable, UserError
from bot.settings import ApiSettings

# The API takes five logins a minute from one address, successful ones counted.
_LOGINS: Final = 5
_UNAUTHORIZED: Final = 401
_TOO_MANY: Final = 429
_MINUTE: Final = 60.0
_MFA_MISSING: Final = "the login asks for a second factor: set NOVAPULSE_TOTP_SECRET"
_MFA_REFUSED: Final = "the login did not take the code made from NOVAPULSE_TOTP_SECRET"

# Sends one request: method, path, headers, JSON body.
Send = Callable[[str, str, dict[str, str], dict[str, Any] | None], Awaitable[Answer]]


class ApiSession:
    """Hands out the access token; ``clock`` counts seconds for the login limit, ``wall`` is the time for TOTP."""

    def __init__(
        self, settings: ApiSettings, send: Send, *, clock: Callable[[], float], wall: Callable[[], float]
    ) -> None:
        self._settings = settings
        self._send = send
        self._clock = clock
        self._wall = wall
        self._lock = asyncio.Lock()
        self._access = ""
        self._refresh = ""
        self._logins: list[float] = []
        # Until this moment the API would refuse a login; the reason is empty where there were too many.
        self._held_until = 0.0
        self._held_reason = ""

    @property
    def is_fixed(self) -> bool:
        """Whether a token was configured, which can neither be renewed nor logged in with."""
        return self._settings.novapulse_token is not None

    @property
    def has_token(self) -> bool:
        """Whether an earlier login is still held."""
        return bool(self._access)

    def require_configured(self) -> None:
        """Raise NotConfigured when there is neither a token nor an address with a password."""
        settings = self._settings
        if not self.is_fixed and not (settings.novapulse_email and settings.novapulse_password):
            raise NotConfigured("The NovaPulse login", "NOVAPULSE_EMAIL and NOVAPULSE_PASSWORD")

    async def token(self) -> str:
        """Return a token to try, logging in when there is none; raises NotConfigured, Forbidden or Unavailable."""
        self.require_configured()
        if self._settings.novapulse_token is not None:
            return self._settings.novapulse_token.get_secret_value()
        async with self._lock:
            if not self._access:
                await self._log_in()
            return self._access

    async def renewed(self, refused: str) -> str:
        """Return another token than the ``refused`` one; raises Forbidden when only a person could get one."""
        self.require_configured()
        if self.is_fixed:
            raise Forbidden(SYSTEM, "NOVAPULSE_TOKEN was refused; it may have expired")
        async with self._lock:
            # Whoever waited here for another's renewal finds it done.
            if self._access == refused and not await self._renew():
                await self._log_in()
            return self._access

    async def _renew(self) -> bool:
        if not self._refresh:
            return False
        answer = await self._send("POST", "/auth/refresh", {"Cookie": f"refresh_token={self._refresh}"}, None)
        self._access = ""
        return answer.ok and self._keep(answer)

    async def _log_in(self) -> None:
        self._require_free()
        self._access = self._refresh = ""
        self._logins = [*self._logins[1 - _LOGINS :], self._clock()]
        answer = await self._send("POST", "/auth/login", {}, self._credentials())
        if answer.status == _TOO_MANY:
            self._hold(_wait(answer), "")
            self._require_free()
        try:
            self._judge(answer)
        except Forbidden as error:
            # A wrong password stays wrong: trying it at every tick would lock the account.
            self._hold(_MINUTE, error.reason)
            raise

    def _hold(self, seconds: float, reason: str) -> None:
        self._held_until, self._held_reason = self._clock() + seconds, reason

    def _require_free(self) -> None:
        now = self._clock()
        spent = self._logins[0] + _MINUTE if len(self._logins) == _LOGINS else now
        left = max(self._held_until, spent) - now
        if left <= 0:
            return
        if self._held_reason and now < self._held_until:
            raise Forbidden(SYSTEM, self._held_reason)
        raise Unavailable(SYSTEM, f"logins are limited to {_LOGINS} a minute: try again in {math.ceil(left)} s")

    def _credentials(self) -> dict[str, Any]:
        settings = self._settings
        password = settings.novapulse_password
        body = {"email": settings.novapulse_email, "password": password.get_secret_value() if password else ""}
        if settings.novapulse_totp_secret is not None:
            body["mfaToken"] = _totp(settings.novapulse_totp_secret.get_secret_value(), self._wall())
        return body

    def _judge(self, answer: Answer) -> None:
        if answer.status == _UNAUTHORIZED:
            raise Forbidden(SYSTEM, "the login was refused: wrong address, password or code")
        require_ok(answer)
        body = answer.json()
        if isinstance(body, dict) and body.get("requiresMfa"):
            has_secret = self._settings.novapulse_totp_secret is not None
            raise Forbidden(SYSTEM, _MFA_REFUSED if has_secret else _MFA_MISSING)
        if not self._keep(answer):
            raise Unavailable(SYSTEM, "the login gave no access token")

    def _keep(self, answer: Answer) -> bool:
        self._access = answer.cookies.get("access_token", "")
        self._refresh = answer.cookies.get("refresh_token", self._refresh)
        return bool(self._access)


def role_of(token: str) -> str | None:
    """Return the role that a JWT states, or None where it states none; the API is who verifies it."""
    _, _, rest = token.partition(".")
    payload = rest.partition(".")[0]
    try:
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (ValueError, RecursionError):
        return None
    role = claims.get("role") if isinstance(claims, dict) else None
    return role if isinstance(role, str) and role else None


def _totp(secret: str, now: float) -> str:
    try:
        return pyotp.TOTP(secret.replace(" ", "")).at(int(now))
    except binascii.Error:
        raise UserError("NOVAPULSE_TOTP_SECRET is no secret in base32.") from None
    except ValueError:
        # The library's own floor, after NIST SP 800-63B-4; some services hand out 80 bits.
        hint = "Set up the second factor of the bot's account again, with a secret of at least 23 characters."
        raise UserError("NOVAPULSE_TOTP_SECRET is too short: less than 112 bits.", hint=hint) from None


def _wait(answer: Answer) -> float:
    """Read how long to keep from logging in again, in seconds, from "try again in N seconds"."""
    found = re.search(r"in (\d{1,5}) ?s", answer.message())
    return float(found[1]) if found else _MINUTE
