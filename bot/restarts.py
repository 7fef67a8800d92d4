"""How often a pod restarted, in the words of a table."""

from datetime import datetime

from bot.elapsed import elapsed


def restarts(count: int, reason: str, at: datetime | None, now: datetime) -> str:
    """Say how often, and how and how long ago the last one ended: an old kill is not taken for a new one."""
    last = [reason] if reason else []
    if count and at is not None:
        last.append(f"{elapsed(now - at)} ago")
    return f"{count} ({' '.join(last)})" if last else f"{count}"
