"""A line of a log that is a JSON object, as winston and pino write them when nobody is to read them."""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

_LEVEL_KEYS: Final = ("level", "severity")
_MESSAGE_KEYS: Final = ("message", "msg")
_TIME_KEYS: Final = ("timestamp", "@timestamp", "time", "ts")
# They differ from pod to pod and from line to line, and say nothing.
_SILENT: Final = {*_LEVEL_KEYS, *_MESSAGE_KEYS, *_TIME_KEYS, "pid", "hostname", "v", "stack"}
_NUMBERS: Final = {10: "trace", 20: "debug", 30: "info", 40: "warn", 50: "error", 60: "fatal"}  # pino's
_NAMED: Final = re.compile(r"""["'](?:level|severity)["']\s{0,3}:\s{0,3}["']?(\w{1,12})""")
_MILLISECONDS: Final = 1e11  # a time in seconds is less than this until the year 5138


@dataclass(frozen=True, slots=True)
class JsonLine:
    """What a line says: ``level`` as it was written, ``message`` with the other fields behind it."""

    level: str
    message: str
    at: datetime | str | None


def read_json(text: str) -> JsonLine | None:
    """Read a line; None where it is no JSON object that names a level."""
    if not text.startswith("{"):
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        # One that was cut, being too long, still names its level near its beginning.
        named = _NAMED.search(text[:2_000])
        return JsonLine(_level(named[1]), text, None) if named else None
    level = next((found[key] for key in _LEVEL_KEYS if key in found), None)
    if isinstance(level, bool) or not isinstance(level, str | int):
        return None
    at = next((_moment(found[key]) for key in _TIME_KEYS if key in found), None)
    return JsonLine(_level(level), _message(found, text), at)


def _level(level: str | int) -> str:
    number = int(level) if isinstance(level, str) and level.isdecimal() else level
    return _NUMBERS.get(number, "info") if isinstance(number, int) else number.strip()


def _message(found: dict[str, Any], text: str) -> str:
    message = next((found[key] for key in _MESSAGE_KEYS if isinstance(found.get(key), str)), None)
    if message is None:
        return text
    rest = {key: value for key, value in found.items() if key not in _SILENT}
    said = f"{message} {json.dumps(rest, ensure_ascii=False)}" if rest else message
    stack = found.get("stack")
    return f"{said}\n{stack}" if isinstance(stack, str) else said


def _moment(value: Any) -> datetime | str | None:
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return datetime.fromtimestamp(value / 1000 if value > _MILLISECONDS else value, UTC)
    except (ValueError, OverflowError, OSError):
        return None
