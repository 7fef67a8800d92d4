import asyncio

import pytest

from bot.clients.waves import Waves, seconds_of, wave_that_fits


@pytest.mark.parametrize(
    ("jobs", "wave", "pause", "seconds"), [(0, 5, 60, 0), (5, 5, 60, 0), (6, 5, 60, 60), (25, 5, 2, 8), (25, 5, 0, 0)]
)
def test_there_is_a_pause_between_two_waves_and_none_after_the_last(
    jobs: int, wave: int, pause: float, seconds: float
) -> None:
    assert seconds_of(jobs, wave, pause) == seconds


@pytest.mark.parametrize(("jobs", "pause", "seconds"), [(1_000, 60, 18_000), (7, 1, 3), (1, 60, 0), (10_000, 0, 5)])
def test_the_smallest_wave_that_fits(jobs: int, pause: float, seconds: float) -> None:
    found = wave_that_fits(jobs, pause, seconds)
    assert seconds_of(jobs, found, pause) <= seconds
    assert found == 1 or seconds_of(jobs, found - 1, pause) > seconds


async def test_a_full_wave_makes_the_next_wait() -> None:
    waves = Waves(10, 1e9)
    assert await waves.room() == 10
    waves.took(4)
    assert await waves.room() == 6
    waves.took(6)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await waves.room()
    again = Waves(1, 0)
    again.took(1)
    assert await again.room() == 1
