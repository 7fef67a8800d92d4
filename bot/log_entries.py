"""NovaPulse's log, read as entries, and the errors in it, grouped.

The application's logger (winston) colours its lower-case level, opens a brace and goes on for several lines up to
``} {"timestamp": ...}``; the framework (Nest) writes lines of its own; libraries write plain ones. Every 4xx answer
is logged at error level too, which is noise, unlike a 5xx.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from bot.log_grouping import group_key, group_message, sample_of
from bot.log_lines import Line, Source, plain_level, read_line

ENTRY_LIMIT: Final = 16_000
GROUP_LIMIT: Final = 200
_ERROR_LEVELS: Final = ("error", "fatal")


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: ``level`` in lower case, ``message`` as it was written (not masked), ``status`` of HTTP if named.

    ``at`` is None where the entry tells no time.
    """

    level: str
    message: str
    at: datetime | None
    status: int | None
    source: Source

    @property
    def is_error(self) -> bool:
        """Whether it is at error level, noise included."""
        return self.level in _ERROR_LEVELS

    @property
    def is_noise(self) -> bool:
        """Whether it only records that a caller got a 4xx."""
        return self.is_error and self.status is not None and 400 <= self.status < 500  # noqa: PLR2004


@dataclass(frozen=True, slots=True)
class ErrorGroup:
    """Errors that say the same apart from ids and numbers; its texts are masked and short."""

    message: str
    status: int | None
    count: int
    first: datetime | None
    last: datetime | None
    sample: str


@dataclass(frozen=True, slots=True)
class Errors:
    """The errors of a log, the most frequent first.

    ``total`` counts every error that is no noise, ``noise`` the 4xx answers, ``ungrouped`` the errors beyond the
    groups that are kept.
    """

    groups: tuple[ErrorGroup, ...]
    total: int
    noise: int
    ungrouped: int


def entries(data: bytes) -> Iterator[Entry]:
    """Read a log entry by entry, in one pass and with a bounded memory, whatever bytes are in it.

    A mebibyte takes up to half a second or so: read larger logs off the event loop.
    """
    current: _Open | None = None
    for raw in _lines(data):
        line = read_line(raw)
        if current is not None and line.goes_on(inside=current.inside, stack=current.stack_due):
            current.add(line)
            continue
        if current is not None:
            yield current.entry()
        current = _Open.start(line) if line.text else None
    if current is not None:
        yield current.entry()


def errors_in(found: Iterable[Entry], *, group_limit: int = GROUP_LIMIT) -> Errors:
    """Group the errors that are no noise; what exceeds ``group_limit`` groups is counted, not kept."""
    groups: dict[str, _Group] = {}
    total = noise = ungrouped = 0
    for entry in found:
        if not entry.is_error:
            continue
        if entry.is_noise:
            noise += 1
            continue
        total += 1
        key = f"{entry.status} {group_key(entry.message)}"
        if key in groups:
            groups[key].add(entry)
        elif len(groups) < group_limit:
            groups[key] = _Group(entry, first=entry.at, last=entry.at)
        else:
            ungrouped += 1
    kept = sorted((group.close() for group in groups.values()), key=lambda group: -group.count)
    return Errors(groups=tuple(kept), total=total, noise=noise, ungrouped=ungrouped)


@dataclass(slots=True)
class _Open:
    """An entry whose lines are still coming."""

    level: str
    source: Source
    at: datetime | None
    status: int | None
    lines: list[str]
    size: int
    inside: bool

    @property
    def stack_due(self) -> bool:
        """The framework writes the stack of an error right after its own line."""
        return self.source == "framework" and self.level in _ERROR_LEVELS and len(self.lines) == 1

    @classmethod
    def start(cls, line: Line) -> "_Open":
        level = line.level or plain_level(line.text)
        inside = line.source == "application" and line.text.endswith("{")
        return cls(level, line.source, line.at, line.status, [line.text], len(line.text), inside)

    def add(self, line: Line) -> None:
        self.at = line.at or self.at
        if line.status is not None:
            self.status = max(line.status, self.status or 0)
        if line.text.startswith("}"):
            self.inside = False
        if self.size <= ENTRY_LIMIT:
            self.lines.append(line.lead + line.text)
            self.size += len(line.text) + 1

    def entry(self) -> Entry:
        return Entry(self.level, "\n".join(self.lines).rstrip(), self.at, self.status, self.source)


@dataclass(slots=True)
class _Group:
    """A group that is still growing."""

    entry: Entry
    first: datetime | None
    last: datetime | None
    count: int = field(default=1)

    def add(self, entry: Entry) -> None:
        self.count += 1
        if entry.at is not None:
            self.first = min(self.first or entry.at, entry.at)
            self.last = max(self.last or entry.at, entry.at)

    def close(self) -> ErrorGroup:
        message = group_message(self.entry.message)
        sample = sample_of(self.entry.message)
        return ErrorGroup(message, self.entry.status, self.count, self.first, self.last, sample)


def _lines(data: bytes) -> Iterator[bytes]:
    start = 0
    while start < len(data):
        end = data.find(b"\n", start)
        if end < 0:
            end = len(data)
        yield data[start:end]
        start = end + 1
