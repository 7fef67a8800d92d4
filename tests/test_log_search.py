from bot.log_entries import Entry
from bot.log_search import LogSearch

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
