"""How the API words its answers: successes are wrapped, errors are not."""

from datetime import UTC, datetime
from typing import Any

from aiohttp import web


class HttpError(Exception):
    """An error as NovaPulse answers it: a status and a message for people."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def wrapped(body: Any, *, status: int = 200) -> web.Response:
    """Return a success."""
    return web.json_response({"success": True, "data": body}, status=status)


def failed(error: HttpError, path: str, now: float) -> web.Response:
    """Return an error; 401 names itself once more."""
    return web.json_response(failure(error, path, now), status=error.status)


def failure(error: HttpError, path: str, now: float) -> dict[str, Any]:
    """Return the body of an error."""
    body: dict[str, Any] = {"statusCode": error.status, "timestamp": iso(now), "path": path, "message": error.message}
    return body | ({"error": "Unauthorized"} if error.status == web.HTTPUnauthorized.status_code else {})


def iso(now: float) -> str:
    """Return a moment as JavaScript writes it."""
    return datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
