"""One call of Slack's Web API with a deadline, its failure sorted by what can be done about it."""

import asyncio
import math
import re
from collections.abc import Awaitable
from typing import Any, Final, Literal, TypeVar

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError

from bot.clients.deadline import reason

T = TypeVar("T")
Kind = Literal["limited", "temporary", "doubtful", "refused", "closed"]

DEADLINE: Final = 10.0
_RETRY_AFTER: Final = 1.0
_TOO_MANY: Final = 429
_CLIENT_ERROR: Final = 400
_SERVER_ERROR: Final = 500
_LIMITED: Final = frozenset({"ratelimited", "rate_limited", "message_limit_exceeded"})
# Slack says of these that something may have been done before it failed.
_DOUBTFUL: Final = frozenset({"fatal_error", "internal_error", "service_unavailable", "request_timeout"})
# A person has to mend these; what waits is sent as soon as they have.
_MENDABLE: Final = frozenset(
    {"invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "missing_scope"}
    | {"no_permission", "not_allowed_token_type", "accesslimited", "access_denied", "team_added_to_org"}
)
# The channel does not take the bot's messages until somebody mends it.
CLOSED: Final = frozenset({"channel_not_found", "not_in_channel", "is_archived", "restricted_action"})
_WORD: Final = re.compile(r"[a-z0-9_]{1,60}")


class SlackTrouble(Exception):
    """A call failed. ``doubtful`` says that Slack may have done it all the same; ``retry_after`` is in seconds."""

    def __init__(self, kind: Kind, error: str, retry_after: float = 0.0) -> None:
        super().__init__(error)
        self.kind = kind
        self.error = error
        self.retry_after = retry_after


async def call(pending: Awaitable[T], seconds: float = DEADLINE) -> T:
    """Await a call of the Web API within so many seconds; raises SlackTrouble and nothing else."""
    try:
        async with asyncio.timeout(seconds):
            return await pending
    except SlackApiError as error:
        raise sorted_error(error.response) from None
    except TimeoutError:
        raise SlackTrouble("doubtful", f"no answer within {seconds:g} s") from None
    except aiohttp.ClientConnectorError as error:
        raise SlackTrouble("temporary", reason(error)) from None
    except (aiohttp.ClientError, SlackClientError, OSError, ValueError) as error:
        raise SlackTrouble("doubtful", reason(error)) from None


def sorted_error(response: Any) -> SlackTrouble:
    """Sort a refusal by its status and Slack's word for it; the response is aiohttp's where the body is no JSON."""
    status = int(getattr(response, "status_code", None) or getattr(response, "status", None) or 0)
    data = getattr(response, "data", None)
    word = str(data.get("error", "")) if isinstance(data, dict) else ""
    word = word if _WORD.fullmatch(word) else f"HTTP {status}"
    if status == _TOO_MANY or word in _LIMITED:
        return SlackTrouble("limited", word, retry_after(response.headers))
    if status >= _SERVER_ERROR or word in _DOUBTFUL:
        return SlackTrouble("doubtful", word)
    if not (isinstance(data, dict) and "ok" in data):
        # Not Slack but a proxy on the way: what it refuses says nothing of a minute later.
        return SlackTrouble("temporary" if status >= _CLIENT_ERROR else "doubtful", word)
    return SlackTrouble("temporary" if word in _MENDABLE else "refused", word)


def retry_after(headers: Any) -> float:
    """Return the seconds that Slack asks to wait; a second where it gives no number."""
    text = {str(name).lower(): value for name, value in dict(headers or {}).items()}.get("retry-after", "")
    try:
        seconds = float(text)
    except (TypeError, ValueError):
        return _RETRY_AFTER
    return max(seconds, _RETRY_AFTER) if math.isfinite(seconds) else _RETRY_AFTER
