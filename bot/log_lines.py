"""What one line of NovaPulse's log is: the start of an entry, more of the one before, or a line by itself."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

from bot.log_json import JsonLine, read_json

Source = Literal["application", "framework", "plain"]

# Only so much of a line is looked at: its beginning says what it is, its end may hold the time.
HEAD: Final = 8_000
_TAIL: Final = 300

_COLOURS: Final = re.compile(r"\x1b\[[0-9;?]{0,32}[@-~]|\x1b\][^\x07\x1b]{0,256}(?:\x07|\x1b\\)?|\x1b")
_PREFIX: Final = re.compile(r"\[?(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[\d.,]{0,10}(?:Z|[+-]\d\d:?\d\d)?)\]?\s{1,4}")
_LEVELS: Final = r"fatal|critical|error|err|warning|warn|info|http|log|verbose|debug|trace|silly"
_APPLICATION: Final = re.compile(rf"\[?({_LEVELS})\]?:\s", re.IGNORECASE)
_FRAMEWORK: Final = re.compile(
    rf"\[Nest\]\s{{1,4}}\d{{1,10}}\s{{1,4}}-\s{{1,4}}([\d/.\-]{{6,10}},?\s[\d:.]{{5,12}}\s?(?:[ap]m)?)\s{{1,8}}({_LEVELS})\s{{1,8}}",
    re.IGNORECASE,
)
_KEY: Final = re.compile(r"""["']?(?!\w{0,40}error\b)\w{1,60}["']?:\s""", re.IGNORECASE)
_STACK: Final = re.compile(r"(?:[A-Z]\w{0,60})?(?:Error|Exception)\b")
_TIME: Final = re.compile(r"""["']?timestamp["']?\s{0,3}:\s{0,3}["']([^"']{8,40})["']""", re.IGNORECASE)
_STATUS: Final = re.compile(r"""\bstatus(?:_?code)?["']?\s{0,3}[:=]\s{0,3}["']?([1-5]\d\d)\b""", re.IGNORECASE)
_BAD: Final = re.compile(
    r"(?<!\bno )(?<!\b0 )error(?!\w*:\s{0,3}(?:0|null|none|false)\b)|exception|fatal|unhandled|uncaught|econn",
    re.IGNORECASE,
)
_WARNING: Final = re.compile(r"\bwarn(?:ing)?\b", re.IGNORECASE)
_NAMES: Final = {"err": "error", "critical": "fatal", "warning": "warn", "log": "info", "http": "info"}
_FRAMEWORK_TIMES: Final = ("%m/%d/%Y, %I:%M:%S %p", "%d/%m/%Y, %H:%M:%S", "%Y-%m-%d, %H:%M:%S")


@dataclass(frozen=True, slots=True)
class Line:
    """A line without its colours; ``level`` is None where it does not start an entry by itself.

    ``lead`` is what stands before ``text`` and names the level.
    """

    lead: str
    text: str
    level: str | None
    source: Source
    at: datetime | None
    status: int | None

    def goes_on(self, *, inside: bool, stack: bool) -> bool:
        """Tell whether it belongs to the entry before.

        ``inside`` an open brace it also does by looking like a key, and where a ``stack`` is due (right after a
        framework's error) by being the stack's first line.
        """
        if stack and _STACK.match(self.lead + self.text):
            return True
        if self.level is not None:
            return False
        if not self.text or self.text[0] in " \t}])":
            return True
        return inside and bool(_KEY.match(self.text))


def read_line(raw: bytes) -> Line:
    """Read one line, whatever is in it; a very long one is judged by its beginning and its end."""
    text = raw.decode("utf-8", "replace")
    if "\x1b" in text:
        text = _COLOURS.sub("", text)
    text = text.rstrip("\r\n ")
    end = text[-_TAIL:]
    prefix = _PREFIX.match(text)
    before = _moment(prefix[1]) if prefix else None
    if before is not None and prefix is not None:
        text = text[prefix.end() :]
    head = text[:HEAD]
    if (found := read_json(text)) is not None:
        return _json_line(found, _highest_status(head), _last_time(head) or _last_time(end) or before)
    level, source, at, message = _start(head)
    return Line(
        lead=head[: len(head) - len(message)],
        text=_bounded(text, len(head) - len(message)),
        level=level,
        source=source,
        at=at or _last_time(head) or _last_time(end) or before,
        status=_highest_status(head),
    )


def _json_line(found: JsonLine, status: int | None, before: datetime | None) -> Line:
    message = _bounded(_COLOURS.sub("", found.message), 0)
    at = _moment(found.at) if isinstance(found.at, str) else found.at
    level = _level(_COLOURS.sub("", found.level))
    return Line(lead="", text=message, level=level, source="application", at=at or before, status=status)


def plain_level(text: str) -> str:
    """Judge a line that names no level: by the words of trouble, else it is only information."""
    if _BAD.search(text[:HEAD]):
        return "error"
    return "warn" if _WARNING.search(text[:HEAD]) else "info"


def _start(text: str) -> tuple[str | None, Source, datetime | None, str]:
    if found := _FRAMEWORK.match(text):
        return _level(found[2]), "framework", _framework_moment(found[1]), text[found.end() :]
    if found := _APPLICATION.match(text):
        return _level(found[1]), "application", None, text[found.end() :]
    return None, "plain", None, text


def _level(name: str) -> str:
    return _NAMES.get(name.lower(), name.lower())


def _bounded(text: str, start: int) -> str:
    """Cut a line between two words, because half a secret cannot be recognised any more."""
    if len(text) - start <= HEAD:
        return text[start:]
    words, _, _ = text[start : start + HEAD].rpartition(" ")
    return f"{words} …"


def _highest_status(text: str) -> int | None:
    """Return the worst HTTP status named, so that a failure never hides behind the 404 it quotes."""
    if "status" not in text.lower():  # most lines name none, and this is much faster than the expression
        return None
    return max((int(number) for number in _STATUS.findall(text)), default=None)


def _last_time(text: str) -> datetime | None:
    times = _TIME.findall(text) if "timestamp" in text.lower() else None
    return _moment(times[-1]) if times else None


def _moment(text: str) -> datetime | None:
    """Read an ISO time; one without a zone is UTC, as containers are."""
    try:
        found = datetime.fromisoformat(text.replace(",", "."))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _framework_moment(text: str) -> datetime | None:
    # Newer versions of Node put a narrow no-break space before AM and PM.
    spaced = " ".join(text.split())
    for layout in _FRAMEWORK_TIMES:
        try:
            return datetime.strptime(spaced, layout).replace(tzinfo=UTC)
        except ValueError:
            continue
    return None
