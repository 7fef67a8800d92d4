"""Searching several logs while they come in: only what was found is kept, however long they are."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Final

from bot.log_entries import Entry, EntryReader, Errors, Grouping

_NEWLINE: Final = b"\n"


class LogSearch:
    """Groups the entries that are ``wanted``, of any number of logs at the same time, off the event loop."""

    def __init__(self, wanted: Callable[[Entry], bool]) -> None:
        self._wanted = wanted
        self._grouping = Grouping()
        self._readers: dict[str, EntryReader] = {}
        self.lines: dict[str, int] = {}
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
                self._add(entry)

    def _ended(self) -> Errors:
        with self._reading:
            for reader in self._readers.values():
                for entry in reader.end():
                    self._add(entry)
            return self._grouping.errors()

    def _add(self, entry: Entry) -> None:
        if self._wanted(entry):
            self._grouping.add(entry)
