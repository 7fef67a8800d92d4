"""Deliveries of a webhook: rows of the log made attempts, and what a failed one is probably due to."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from bot.masking import cut
from bot.plain_text import one_line

TEXT_LIMIT: Final = 300
TIMES_OUT_AFTER: Final = 10_000  # milliseconds; fixed in the worker
# Both rows of a 4xx answer are written one right after the other.
_SAME_ATTEMPT: Final = timedelta(seconds=2)
_CLIENT_ERRORS: Final = range(400, 500)
# The first that fits counts. A reason of the network comes before a status, which then comes from a proxy at most.
_CAUSES: Final[tuple[tuple[str, re.Pattern[str]], ...]] = tuple(
    (cause, re.compile(words, re.IGNORECASE))
    for cause, words in (
        ("tls", r"certificat|cert_|self.signed|unable_to_verify|altname|\bssl\b|\btls\b|eproto|handshake"),
        ("timeout", r"timeout|timed out|etimedout|econnaborted"),
        (
            "url",
            r"enotfound|eai_again|econnrefused|ehostunreach|enetunreach|invalid url|getaddrinfo|unsupported protocol",
        ),
        ("connection", r"econnreset|epipe|socket hang up|connection closed"),
        ("signature", r"signature|hmac"),
    )
)
_BY_CODE: Final[Mapping[int, str]] = {
    401: "signature", 403: "signature", 404: "url", 405: "url", 408: "timeout", 410: "url", 429: "rate", 504: "timeout"
}  # fmt: skip
ADVICE: Final[Mapping[str, str]] = {
    "url": "The URL: see that it is right and can be reached from the workers (/webhook shows it).",
    "tls": "The receiver's TLS certificate: expired, self-signed or for another name; the receiver has to renew it.",
    "timeout": "Too slow: a delivery is given up after a fixed 10 s; the receiver should answer first and work after.",
    "connection": "The receiver breaks the connection: its proxy or its server restarts or refuses.",
    "signature": "Refused as not authentic: see that the receiver checks the HMAC with this webhook's secret.",
    "rate": "The receiver takes fewer deliveries than are sent: it answers 429.",
    "4xx": "The receiver refuses the request: what it answered says why; trying again does not help.",
    "5xx": "The receiver fails: its operators have to look; failed deliveries are tried again by themselves.",
    "redirect": "The URL answers with a redirect: enter the address it leads to.",
    "unknown": "The log does not say why.",
}


@dataclass(frozen=True)
class Attempt:
    """One attempt to deliver an event; ``rows`` is how many rows of the log tell of it, ``duration`` is in ms.

    Texts are masked and cut. ``number`` counts from 1. What the log does not say is None or empty.
    """

    id: str
    event: str
    status: str
    number: int | None = None
    code: int | None = None
    duration: float | None = None
    error: str = ""
    at: datetime | None = None
    rows: int = 1

    @property
    def succeeded(self) -> bool:
        """Whether the receiver took it."""
        return self.status == "success"

    @property
    def outcome(self) -> str:
        """Say in a few words how it ended: ``404: no such hook``."""
        parts = [str(self.code) if self.code is not None else "", self.error]
        return ": ".join(part for part in parts if part) or self.status

    @property
    def cause(self) -> str:
        """Return the key in ``ADVICE`` that fits; empty where it succeeded."""
        if self.succeeded:
            return ""
        if found := next((cause for cause, words in _CAUSES if words.search(self.error)), ""):
            return found
        if self.code is None:
            return "timeout" if (self.duration or 0) >= TIMES_OUT_AFTER else "unknown"
        kinds = {3: "redirect", 4: "4xx", 5: "5xx"}
        return _BY_CODE.get(self.code) or kinds.get(self.code // 100, "unknown")


def attempts(rows: Iterable[Mapping[str, Any]]) -> list[Attempt]:
    """Put the rows of the log, the newest first, together to attempts: a 4xx answer has written two."""
    found: list[Attempt] = []
    open_rows: dict[tuple[str, int | None], int] = {}
    for row in rows:
        seen = _row(row)
        key = (seen.event, seen.number)
        at = open_rows.pop(key, None)
        if at is not None and _same(found[at], seen):
            found[at] = _joined(found[at], seen)
            continue
        found.append(seen)
        if not seen.succeeded:
            open_rows[key] = len(found) - 1
    return found


def moment(value: object) -> datetime | None:
    """Read a moment as the API writes it or as the database holds it; None for anything else."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def short(value: object) -> str:
    """Return text from outside masked, in one line and cut; empty for what is no text."""
    return cut(one_line(value), TEXT_LIMIT) if isinstance(value, str) else ""


def _row(row: Mapping[str, Any]) -> Attempt:
    status = "success" if row.get("status") == "success" else "failed"
    error = short(row.get("errorMessage")) or (short(row.get("responseBody")) if status == "failed" else "")
    return Attempt(
        id=str(row.get("_id", "")),
        event=short(row.get("event")) or "unnamed",
        status=status,
        number=_whole(row.get("attempt")),
        code=_whole(row.get("statusCode")),
        duration=_whole(row.get("duration")),
        error=error,
        at=moment(row.get("createdAt")),
    )


def _same(newer: Attempt, older: Attempt) -> bool:
    codes = {code for code in (newer.code, older.code) if code is not None}
    if older.succeeded or len(codes) != 1 or next(iter(codes)) not in _CLIENT_ERRORS:
        return False
    return newer.at is None or older.at is None or newer.at - older.at <= _SAME_ATTEMPT


def _joined(newer: Attempt, older: Attempt) -> Attempt:
    """Keep what either row says; the id is the newer row's, so that "newer than" still holds."""
    errors = dict.fromkeys(error for error in (newer.error, older.error) if error)
    return replace(
        newer,
        code=older.code if newer.code is None else newer.code,
        duration=older.duration if newer.duration is None else newer.duration,
        error=cut("; ".join(errors), TEXT_LIMIT),
        rows=newer.rows + older.rows,
    )


def _whole(value: object) -> int | None:
    return int(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
