import tracemalloc

import pytest

from bot.log_entries import Entry
from bot.log_search import LogSearch, wanted, words_of

ERROR = b'\x1b[31merror\x1b[39m: broken {\n  "statusCode": 500\n} {"timestamp":"2026-07-01T08:00:00.000Z"}\n'


def is_error(entry: Entry) -> bool:
    return entry.is_error


async def test_logs_that_come_in_pieces_at_the_same_time() -> None:
    search = LogSearch(is_error)
    one, other = search.feed_of("one"), search.feed_of("other")
    for start in range(0, len(ERROR), 7):
        await one(ERROR[start : start + 7])
        await other(ERROR[start : start + 7])
    found = await search.found()
    assert [(group.count, group.status) for group in found.groups] == [(2, 500)]
    assert search.lines == {"one": 3, "other": 3}


async def test_an_entry_without_an_end_counts_and_a_line_without_one_stays_small() -> None:
    search = LogSearch(is_error)
    feed = search.feed_of("one")
    await feed(b"error: it goes on and on ")
    for _ in range(100):
        await feed(b"x" * 64_000)
    found = await search.found()
    assert found.total == 1
    assert len(found.groups[0].sample) <= 1_000


async def _peak(lines: int) -> int:
    """Return the most memory that a search held, of a log that is never there as a whole."""
    search = LogSearch(wanted((), ()), noise_grouped=True)
    feed = search.feed_of("one")
    tracemalloc.start()
    try:
        for start in range(0, lines // 3, 100):
            texts = (chr(97 + number % 26) * (number % 97) for number in range(start, start + 100))
            await feed("".join(f"error: {text} {{\n  x: 1\n}}\n" for text in texts).encode())
        await search.found()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


async def test_memory_does_not_grow_with_what_is_read() -> None:
    await _peak(100)  # what is made once is made now
    few, many = await _peak(9_000), await _peak(90_000)
    assert many < 1.2 * few


@pytest.mark.parametrize("sign", [".*", "+?", "^", "$", "()", "[a]", "{2}", "\\", "a.b(c)"])
async def test_signs_in_a_pattern_mean_themselves(sign: str) -> None:
    search = LogSearch(wanted((), words_of(f"x{sign}y")))
    await search.feed_of("one")(f"info: x{sign}Y\ninfo: xy\ninfo: xzzy\n".encode())
    assert (await search.found()).total == 1
