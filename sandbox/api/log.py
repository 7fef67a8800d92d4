"""The pretend API's log lines, coloured and spread over lines as the deployed one writes them."""

import json
from datetime import UTC, datetime
from typing import Any

from sandbox.api.answers import iso

_COLOURS = {"error": 31, "warn": 33, "info": 32}


def entry(level: str, text: str, body: dict[str, Any] | None, now: float) -> list[str]:
    """Return the lines of one entry of the application's own logger."""
    head = f"\x1b[{_COLOURS[level]}m{level}\x1b[39m: {text}"
    tail = json.dumps({"timestamp": iso(now)}, separators=(",", ":"))
    if body is None:
        return [f"{head} {tail}"]
    inner = json.dumps(body, indent=2).split("\n")
    return [f"{head} {{", *inner[1:-1], f"}} {tail}"]


def framework(level: str, context: str, text: str, now: float) -> str:
    """Return a line of the framework's own logger."""
    at = datetime.fromtimestamp(now, UTC).strftime("%m/%d/%Y, %I:%M:%S %p")
    return f"[Nest] 1  - {at}   {level.upper():>5} [{context}] {text}"
