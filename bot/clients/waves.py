"""Work released in waves: so many jobs at once, then a pause."""

import asyncio
import math


class Waves:
    """At most ``wave`` jobs at once and ``pause`` seconds before the next ones; there is no pause after the last."""

    def __init__(self, wave: int, pause: float) -> None:
        self._wave = wave
        self._pause = pause
        self._room = wave

    async def room(self) -> int:
        """Return how many of the jobs that are to be done may begin now; waits where the wave is full."""
        if self._room <= 0:
            await asyncio.sleep(self._pause)
            self._room = self._wave
        return self._room

    def took(self, jobs: int) -> None:
        """Take note of how many jobs began."""
        self._room -= jobs


def seconds_of(jobs: int, wave: int, pause: float) -> float:
    """Return how long the pauses take in all, in seconds."""
    return max(0, math.ceil(jobs / wave) - 1) * pause


def wave_that_fits(jobs: int, pause: float, seconds: float) -> int:
    """Return the smallest wave with which the pauses take no longer than ``seconds``."""
    pauses = math.floor(seconds / pause) if pause else jobs
    return max(1, math.ceil(jobs / (pauses + 1)))
