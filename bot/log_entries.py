"""NovaPulse's log, read as entries, and the errors in it, grouped.

The application's logger (winston) colours its lower-case level, opens a brace and goes on for several lines up to
``} {"timestamp": ...}``; the framework (Nest) writes lines of its own; libraries write plain ones. Every 4xx answer
is logged at error level too, which is noise, unlike a 5xx.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from bot.log_grouping import GroupKeys, group_message, sample_of
from bot.log_lines import Line, Source, plain_level, read_line

ENTRY_LIMIT: Final = 16_000
GROUP_LIMIT: Final = 200
_PIECE: Final = 64 * 1024
_LINE_LIMIT: Final = 64 * 1024
_LINE_END: Final = 2 * 1024
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
        return _is_noise(self.level, self.status)


@dataclass(frozen=True, slots=True)
class ErrorGroup:
    """Errors that say the same apart from ids and numbers; its texts are masked and short.

    ``logs`` counts them by the log that they were found in.
    """

    message: str
    status: int | None
    count: int
    first: datetime | None
    last: datetime | None
    sample: str
    level: str = "error"
    logs: tuple[tuple[str, int], ...] = ()

    @property
    def is_noise(self) -> bool:
        """Whether they only record that callers got a 4xx."""
        return _is_noise(self.level, self.status)


@dataclass(frozen=True, slots=True)
class Errors:
    """The errors of a log, the worst first, then the most frequent.

    ``total`` counts every error that is no noise, ``noise`` the 4xx answers (by status in ``noise_by_status``),
    ``ungrouped`` the errors beyond the groups that are kept.
    """

    groups: tuple[ErrorGroup, ...]
    total: int
    noise: int
    ungrouped: int
    noise_by_status: tuple[tuple[int, int], ...] = ()


class EntryReader:
    """Reads a log that comes in pieces, whatever bytes are in it; keeps no more than the entry that is still open.

    A mebibyte takes up to half a second or so: read larger logs off the event loop.
    """

    def __init__(self) -> None:
        self._line = b""
        self._current: _Open | None = None

    def feed(self, piece: bytes) -> Iterator[Entry]:
        """Return the entries that this piece ends."""
        *whole, rest = (self._line + piece).split(b"\n")
        # Of a line without an end, only so much is looked at anyway.
        self._line = rest if len(rest) <= _LINE_LIMIT else rest[:_LINE_LIMIT] + rest[-_LINE_END:]
        for raw in whole:
            yield from self._take(raw)

    def end(self) -> Iterator[Entry]:
        """Return what was still open when the log ended."""
        if self._line:
            yield from self._take(self._line)
        if self._current is not None:
            yield self._current.entry()
        self._line, self._current = b"", None

    def _take(self, raw: bytes) -> Iterator[Entry]:
        line, current = read_line(raw), self._current
        if current is not None and line.goes_on(inside=current.inside, stack=current.stack_due):
            current.add(line)
            return
        if current is not None:
            yield current.entry()
        self._current = _Open.start(line) if line.text else None


def entries(data: bytes) -> Iterator[Entry]:
    """Read a log that is there as a whole, in one pass."""
    reader = EntryReader()
    for start in range(0, len(data), _PIECE):
        yield from reader.feed(data[start : start + _PIECE])
    yield from reader.end()


class Grouping:
    """Groups errors as they are read; what exceeds ``group_limit`` groups of a severity is counted, not kept.

    An error at 4xx is counted as noise, by status, unless noise is to be ``grouped`` too.
    """

    def __init__(self, group_limit: int = GROUP_LIMIT, *, noise_grouped: bool = False) -> None:
        self._limit = group_limit
        self._noise_grouped = noise_grouped
        self._keys = GroupKeys()
        self._groups: dict[str, _Group] = {}
        # Each severity has its own limit, so that no flood of information keeps an error out.
        self._kept: Counter[int] = Counter()
        self._noise: Counter[int] = Counter()
        self._total = self._ungrouped = 0

    def add(self, entry: Entry, log: str = "") -> None:
        """Count an entry of a log, whatever its level is."""
        if entry.is_noise and not self._noise_grouped:
            self._noise[entry.status or 0] += 1
            return
        self._total += 1
        severity = _severity(entry)
        key = f"{severity} {entry.status} {self._keys.of(entry.message)}"
        if key not in self._groups:
            if self._kept[severity] >= self._limit:
                self._ungrouped += 1
                return
            self._kept[severity] += 1
            self._groups[key] = _Group(entry, severity)
        self._groups[key].add(entry, log)

    def errors(self) -> Errors:
        """Return what was found."""
        groups = sorted(self._groups.values(), key=lambda group: (group.severity, -group.count))
        kept = [group.close() for group in groups]
        by_status = tuple(sorted(self._noise.items()))
        return Errors(tuple(kept), self._total, sum(self._noise.values()), self._ungrouped, by_status)


def errors_in(found: Iterable[Entry], *, group_limit: int = GROUP_LIMIT) -> Errors:
    """Group the errors that are no noise."""
    grouping = Grouping(group_limit)
    for entry in found:
        if entry.is_error:
            grouping.add(entry)
    return grouping.errors()


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
    severity: int
    first: datetime | None = None
    last: datetime | None = None
    logs: Counter[str] = field(default_factory=Counter)

    @property
    def count(self) -> int:
        return self.logs.total()

    def add(self, entry: Entry, log: str) -> None:
        self.logs[log] += 1
        if entry.at is not None:
            self.first = min(self.first or entry.at, entry.at)
            self.last = max(self.last or entry.at, entry.at)

    def close(self) -> ErrorGroup:
        entry, logs = self.entry, tuple(sorted(self.logs.items(), key=lambda log: (-log[1], log[0])))
        message, sample = group_message(entry.message), sample_of(entry.message)
        return ErrorGroup(message, entry.status, self.count, self.first, self.last, sample, entry.level, logs)


def _is_noise(level: str, status: int | None) -> bool:
    return level in _ERROR_LEVELS and status is not None and 400 <= status < 500  # noqa: PLR2004


def _severity(entry: Entry) -> int:
    """Return 0 for an error, 1 for a warning, 2 for a 4xx, 3 for anything else."""
    if entry.is_noise:
        return 2
    return 0 if entry.is_error else 1 if entry.level == "warn" else 3
