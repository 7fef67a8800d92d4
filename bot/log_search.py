"""Searching several logs while they come in: only what was found is kept, however long they are."""

import asyncio
import re
import threading
from collections.abc import Awaitable, Callable, Collection
from datetime import datetime
from typing import Final

from bot.errors import UsageError
from bot.log_entries import Entry, EntryReader, Errors, Grouping

_NEWLINE: Final = b"\n"
_EITHER: Final = re.compile(r"\\?\|")  # grep without -E wants it escaped
_EXPRESSION: Final = re.compile(r"[.][*+?]|[\\^$\[\]{}]")


def words_of(pattern: str) -> tuple[str, ...]:
    """Return what a pattern looks for, ``a|b`` is either; raises UsageError where that would be nothing."""
    text = pattern.strip()
    if text.startswith("(") and text.endswith(")") and "|" in text:
        text = text[1:-1]
    words = tuple(word for part in _EITHER.split(text) if (word := part.strip()))
    if pattern and not words:
        raise UsageError("pattern is a text to look for, such as memory or timeout|refused.", argument="pattern")
    return words


def is_expression(word: str) -> bool:
    """Tell whether a word looks like a regular expression, which it is not taken for."""
    return _EXPRESSION.search(word) is not None


def wanted(levels: Collection[str], words: tuple[str, ...]) -> Callable[[Entry], bool]:
    """Return what chooses the entries of these levels (of any where there is none) with one of the words in them."""
    folded = [word.casefold() for word in words]

    def fits(entry: Entry) -> bool:
        if levels and entry.level not in levels:
            return False
        message = entry.message.casefold() if folded else ""
        return not folded or any(word in message for word in folded)

    return fits


class LogSearch:
    """Groups the entries that are ``wanted``, of any number of logs at the same time, off the event loop."""

    def __init__(self, wanted: Callable[[Entry], bool], *, noise_grouped: bool = False) -> None:
        self._wanted = wanted
        self._grouping = Grouping(noise_grouped=noise_grouped)
        self._readers: dict[str, EntryReader] = {}
        self.lines: dict[str, int] = {}
        self.oldest: datetime | None = None
        # One thread at a time reads; the lock is for one whose caller was given up while it read.
        self._turn = asyncio.Lock()
        self._reading = threading.Lock()

    def feed_of(self, name: str) -> Callable[[bytes], Awaitable[None]]:
        """Return what takes this log, piece by piece."""
        self._readers[name] = EntryReader()
        self.lines[name] = 0

        async def feed(piece: bytes) -> None:
            async with self._turn:
                await asyncio.to_thread(self._read, name, piece)

        return feed

    async def found(self) -> Errors:
        """Return what was found, the entries included that were open when their log ended."""
        return await asyncio.to_thread(self._ended)

    def _read(self, name: str, piece: bytes) -> None:
        with self._reading:
            self.lines[name] += piece.count(_NEWLINE)
            for entry in self._readers[name].feed(piece):
                self._add(entry, name)

    def _ended(self) -> Errors:
        with self._reading:
            for name, reader in self._readers.items():
                for entry in reader.end():
                    self._add(entry, name)
            return self._grouping.errors()

    def _add(self, entry: Entry, log: str) -> None:
        if entry.at is not None and (self.oldest is None or entry.at < self.oldest):
            self.oldest = entry.at
        if self._wanted(entry):
            self._grouping.add(entry, log)
