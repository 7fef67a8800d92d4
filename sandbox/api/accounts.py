"""Who may log in to the pretend API, and the tokens it gives."""

import base64
import hashlib
import hmac
import json
import secrets
from collections import deque
from dataclasses import dataclass

import pyotp

from sandbox.api.answers import HttpError

ACCESS_SECONDS = 15 * 60
REFRESH_SECONDS = 7 * 24 * 3600
LOGINS_PER_MINUTE = 5
_RANKS = ("user", "manager", "company_admin", "super_admin")


@dataclass(frozen=True)
class Account:
    """A user of NovaPulse; with a TOTP secret the login asks for a second factor."""

    email: str
    password: str
    role: str
    totp_secret: str = ""

    def at_least(self, role: str) -> bool:
        """Say whether the account's role is ``role`` or a higher one."""
        return _RANKS.index(self.role) >= _RANKS.index(role)


ADMIN = Account("chatops@novapulse.com", "sandbox-password", "company_admin")
MANAGER = Account("manager@novapulse.com", "sandbox-password", "manager")
WITH_MFA = Account("mfa@novapulse.com", "sandbox-password", "company_admin", "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")
ACCOUNTS = (ADMIN, MANAGER, WITH_MFA)


class Accounts:
    """Logins and tokens; the tokens of one sandbox are worth nothing in another."""

    def __init__(self, access_seconds: float = ACCESS_SECONDS) -> None:
        self.access_seconds = access_seconds
        self._key = secrets.token_bytes(32)
        self._logins: deque[float] = deque()

    def login(self, body: object, now: float) -> Account | None:
        """Return who logs in, None when the second factor is still missing; raises ``HttpError``.

        Every attempt counts towards the limit, the successful ones too.
        """
        self._count(now)
        body = _credentials(body)
        found = next((known for known in ACCOUNTS if known.email == body["email"]), None)
        if found is None or not hmac.compare_digest(found.password, body["password"]):
            raise HttpError(401, "Invalid credentials")
        if not found.totp_secret:
            return found
        if "mfaToken" not in body:
            return None
        if not pyotp.TOTP(found.totp_secret).verify(str(body["mfaToken"]), for_time=int(now), valid_window=1):
            raise HttpError(401, "Invalid MFA token")
        return found

    def token(self, account: Account, kind: str, now: float) -> str:
        """Return a signed token of the kind ``access`` or ``refresh``."""
        seconds = self.access_seconds if kind == "access" else REFRESH_SECONDS
        claims = {"email": account.email, "role": account.role, "kind": kind, "iat": now, "exp": now + seconds}
        signed = f"{_encoded({'alg': 'HS256', 'typ': 'JWT'})}.{_encoded(claims)}"
        return f"{signed}.{self._signature(signed)}"

    def read(self, token: str, kind: str, now: float) -> Account:
        """Return whose token it is; raises ``HttpError`` 401 when it is wrong or expired."""
        signed, _, signature = token.rpartition(".")
        if not hmac.compare_digest(signature.encode(), self._signature(signed).encode()):
            raise HttpError(401, "Unauthorized")
        claims = json.loads(base64.urlsafe_b64decode(signed.split(".")[1] + "=="))
        if claims["kind"] != kind or claims["exp"] <= now:
            raise HttpError(401, "Unauthorized")
        return next(known for known in ACCOUNTS if known.email == claims["email"])

    def _count(self, now: float) -> None:
        while self._logins and self._logins[0] <= now - 60:
            self._logins.popleft()
        if len(self._logins) >= LOGINS_PER_MINUTE:
            seconds = int(self._logins[0] + 60 - now) + 1
            raise HttpError(429, f"Too many login attempts. Please try again in {seconds} seconds.")
        self._logins.append(now)

    def _signature(self, signed: str) -> str:
        digest = hmac.new(self._key, signed.encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _credentials(body: object) -> dict[str, str]:
    """Return a login's body; raises ``HttpError`` 400 for a missing or an unknown field."""
    if not isinstance(body, dict):
        raise HttpError(400, "email must be an email")
    if unknown := [name for name in body if name not in ("email", "password", "mfaToken")]:
        raise HttpError(400, f"property {unknown[0]} should not exist")
    for name in ("email", "password"):
        if not isinstance(body.get(name), str) or not body[name]:
            raise HttpError(400, f"{name} must be a string")
    return body


def _encoded(part: dict[str, object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
