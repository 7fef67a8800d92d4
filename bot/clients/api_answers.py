"""What the NovaPulse API's answers look like, and what the bot keeps of them.

Success bodies are wrapped as ``{"success": true, "data": ...}``, some of them once more inside, those under
``/auth/`` not at all; errors never are. The HTTP status alone says which of the two an answer is.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from bot.clients.queue_layout import QueueCounts
from bot.errors import Forbidden, Unavailable
from bot.masking import cut, mask, text

SYSTEM: Final = "NovaPulse API"
_MESSAGE_LIMIT: Final = 200
# NovaPulse has five queues.
_MOST_QUEUES: Final = 500


@dataclass(frozen=True)
class Answer:
    """One HTTP answer: the status, the body as it came, and the cookies it set."""

    status: int
    body: bytes
    cookies: Mapping[str, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether the status means success."""
        return 200 <= self.status < 300  # noqa: PLR2004 - these are HTTP's own numbers

    def json(self) -> Any:
        """Decode the body; None when it is no JSON."""
        try:
            return json.loads(text(self.body))
        except (ValueError, RecursionError):
            return None

    def message(self) -> str:
        """Return the error's message without secrets, cut; empty when the body has none."""
        body = self.json()
        found = body.get("message") if isinstance(body, dict) else None
        words = ", ".join(map(str, found)) if isinstance(found, list) else str(found or "")
        return cut(" ".join(mask(words).split()), _MESSAGE_LIMIT)

    def reason(self) -> str:
        """Say what the API answered."""
        message = self.message()
        return f"answered {self.status}: {message}" if message else f"answered {self.status}"


@dataclass(frozen=True)
class Health:
    """What ``/health`` says: its status, each component's health (None: it did not say), and why where it failed."""

    status: str
    components: Mapping[str, bool] | None
    message: str = ""

    @property
    def ok(self) -> bool:
        """Whether the API called itself healthy, and none of the components it named is down."""
        return self.status == "ok" and all((self.components or {}).values())

    @property
    def said(self) -> str:
        """What it says of its components, or why it failed where it named none."""
        if self.components is None:
            return self.message or f"{self.status}, it named no components"
        return ", ".join(f"{name} {'up' if up else 'down'}" for name, up in self.components.items())


def data(answer: Answer) -> Any:
    """Return the body without its wrapping; raises Forbidden or Unavailable unless the status means success."""
    require_ok(answer)
    body = answer.json()
    if isinstance(body, dict) and isinstance(body.get("success"), bool) and "data" in body:
        return body["data"]
    return body


def require_ok(answer: Answer) -> None:
    """Raise Forbidden for 401 and 403, Unavailable for every other status that does not mean success."""
    if answer.status in (401, 403):
        raise Forbidden(SYSTEM, answer.reason())
    if not answer.ok:
        raise Unavailable(SYSTEM, answer.reason())


def read_health(answer: Answer) -> Health:
    """Read a health answer; its failures (500, 503) are health too, every other status raises."""
    failed = answer.status in (500, 503)
    body = answer.json() if failed else data(answer)
    details = body.get("details") if isinstance(body, dict) else None
    components = _components(details) if isinstance(details, dict) and details else None
    if failed:
        return Health("error", components, answer.reason())
    if not isinstance(body, dict) or not isinstance(body.get("status"), str):
        raise Unavailable(SYSTEM, "answered something that is no health report")
    return Health(cut(mask(body["status"]), _MESSAGE_LIMIT), components)


def read_queue_stats(answer: Answer) -> dict[str, QueueCounts]:
    """Read the counters of each queue by its short name; a counter that is missing is None."""
    body = data(answer)
    stats = body.get("stats") if isinstance(body, dict) else None
    if not isinstance(stats, dict) or not stats or not all(isinstance(entry, dict) for entry in stats.values()):
        raise Unavailable(SYSTEM, "answered something that is no queue statistics")
    if len(stats) > _MOST_QUEUES:
        raise Unavailable(SYSTEM, f"answered statistics of more than {_MOST_QUEUES} queues")
    return {str(short): _counts(entry) for short, entry in stats.items()}


def read_metrics(answer: Answer) -> str:
    """Return the exposition text, whether it came as plain text or inside JSON."""
    body = data(answer)
    return body if isinstance(body, str) else text(answer.body)


def _components(details: Mapping[str, Any]) -> dict[str, bool]:
    return {name: isinstance(entry, dict) and entry.get("status") == "up" for name, entry in details.items()}


def _counts(entry: Mapping[str, Any]) -> QueueCounts:
    return QueueCounts(**{name: _count(entry, name.replace("_", "-")) for name in QueueCounts.__dataclass_fields__})


def _count(entry: Mapping[str, Any], name: str) -> int | None:
    value = entry.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
