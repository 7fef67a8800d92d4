from datetime import timedelta

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.reply import Text
from bot.stores.database import Database
from tests.slack.hearing import EVERY, START, Bench, Replica
from tests.slack.stand_in import SlackStandIn

AGAIN = "What was typed or clicked then and has no answer did not arrive. Please do it again."
SECOND = timedelta(seconds=1)


@pytest.fixture
def bench(slack: SlackStandIn, client: AsyncWebClient, database: Database) -> Bench:
    return Bench(slack, client, database)


async def sentences(bench: Bench) -> list[str]:
    """Return what is said of deafness, without its title."""
    parts = [part for one in await bench.said() for part in one.body.parts]
    return ["".join(map(str, part.spans)) for part in parts if isinstance(part, Text)]


async def heard_again(bench: Bench, *replicas: Replica) -> None:
    """Let everything come back to each of these in turn, and each of them look."""
    for one in replicas:
        await bench.minute(*replicas, heard_by=one)
        await one.test.tick(bench.clock.now)


async def test_after_a_deafness_its_window_is_said_once(bench: Bench) -> None:
    one = bench.replica()
    await bench.minute(one, heard_by=one)
    for _ in range(3):
        await bench.minute(one)
        assert await bench.said() == []
    await heard_again(bench, one)
    assert await sentences(bench) == [f"Slack delivered nothing from 09:01 to 09:05 UTC. {AGAIN}"]
    await heard_again(bench, one)
    assert len(await bench.said()) == 1


async def test_one_lost_test_is_enough_where_nothing_else_came_either(bench: Bench) -> None:
    one = bench.replica()
    await bench.minute(one, heard_by=one)
    await bench.minute(one)
    await heard_again(bench, one)
    assert await sentences(bench) == [f"Slack delivered nothing from 09:01 to 09:03 UTC. {AGAIN}"]


async def test_the_window_is_what_lies_between_two_deliveries_of_whatever_kind(bench: Bench) -> None:
    one = bench.replica()
    await bench.minute(one, heard_by=one)
    bench.clock.now += 20 * SECOND
    one.test.on_payload()  # a command at 09:01:56
    await bench.minute(one)
    await bench.minute(one)
    bench.clock.now += 5 * SECOND
    one.test.on_payload()  # a click at 09:03:41
    await one.test.tick(bench.clock.now)
    assert await bench.said() == []  # it is not yet proved that Slack delivers again
    await heard_again(bench, one)
    assert await sentences(bench) == [f"Slack delivered nothing from 09:01 to 09:04 UTC. {AGAIN}"]


async def test_a_test_that_is_lost_while_commands_arrive_is_no_deafness(bench: Bench) -> None:
    one = bench.replica()
    await bench.minute(one, heard_by=one)
    bench.clock.now += timedelta(seconds=24)
    await one.test.tick(bench.clock.now)
    bench.clock.now += 10 * SECOND
    one.test.on_payload()
    bench.clock.now += 26 * SECOND
    await one.test.tick(bench.clock.now)
    await heard_again(bench, one)
    assert await bench.said() == []


@pytest.mark.parametrize("opened", [SECOND, 40 * SECOND])
async def test_what_was_lost_while_no_connection_was_open_is_slacks_to_say(bench: Bench, opened: timedelta) -> None:
    one = bench.replica()
    await bench.minute(one, heard_by=one)
    one.socket.opened = None
    await bench.minute(one)
    one.socket.opened = START + 2 * EVERY + opened  # the test of this minute was sent before
    await heard_again(bench, one)
    assert await bench.said() == []


async def test_a_test_that_slack_delivers_late_shows_that_nothing_was_lost(bench: Bench) -> None:
    one = bench.replica()
    await bench.minute(one, heard_by=one)
    await bench.minute(one)
    await one.hears(bench.slack)
    await one.test.tick(bench.clock.now)
    await heard_again(bench, one)
    assert await bench.said() == []


async def test_a_restart_in_between_loses_no_window_and_says_none_twice(bench: Bench) -> None:
    before = bench.replica()
    await bench.minute(before, heard_by=before)
    await bench.minute(before)
    after = bench.replica()
    await bench.minute(after)
    await heard_again(bench, after)
    assert await sentences(bench) == [f"Slack delivered nothing from 09:01 to 09:04 UTC. {AGAIN}"]
    await heard_again(bench, bench.replica())
    assert len(await bench.said()) == 1


async def test_a_bot_that_was_down_says_nothing_of_it(bench: Bench) -> None:
    before = bench.replica()
    await bench.minute(before, heard_by=before)
    bench.clock.now += EVERY
    await before.test.tick(bench.clock.now)  # sends a test, and is killed before it comes back
    bench.clock.now += 30 * EVERY
    await heard_again(bench, bench.replica())
    assert await bench.said() == []


async def test_before_the_first_test_has_ever_come_back_the_set_up_is_not_done(bench: Bench) -> None:
    one = bench.replica()
    for _ in range(4):
        await bench.minute(one)
    await heard_again(bench, one)
    assert await bench.said() == []


async def test_two_windows_are_two_messages(bench: Bench) -> None:
    one = bench.replica()
    await bench.minute(one, heard_by=one)
    for _ in range(2):
        await bench.minute(one)
        await heard_again(bench, one)
    assert [words[:48] for words in await sentences(bench)] == [
        "Slack delivered nothing from 09:01 to 09:03 UTC.",
        "Slack delivered nothing from 09:03 to 09:05 UTC.",
    ]


async def test_a_deaf_replica_among_others_lost_its_share_and_the_others_say_nothing(bench: Bench) -> None:
    deaf, well = bench.replica("deaf"), bench.replica("well")
    await bench.minute(deaf, well, heard_by=deaf)
    for number in range(6):
        await bench.minute(deaf, well, heard_by=None if number % 2 else well)
    assert await bench.said() == []
    await heard_again(bench, deaf, well)
    part = "Slack delivered only a part of what was typed and clicked from 09:01 to 09:08 UTC."
    assert await sentences(bench) == [f"{part} {AGAIN}"]


async def test_where_all_replicas_were_deaf_it_is_said_once(bench: Bench) -> None:
    one, other = bench.replica("one"), bench.replica("other")
    await bench.minute(one, other, heard_by=one)
    await bench.minute(one, other, heard_by=other)
    for _ in range(3):
        await bench.minute(one, other)
    await heard_again(bench, one)
    await heard_again(bench, other)
    said = await sentences(bench)
    assert len(said) == 1
    assert "from 09:01 to 09:07 UTC" in said[0]


async def test_what_a_replica_missed_that_is_gone_is_said_by_another(bench: Bench) -> None:
    gone = bench.replica("bot-1a")
    await bench.minute(gone, heard_by=gone)
    await bench.minute(gone)
    await bench.minute(gone)
    await heard_again(bench, bench.replica("bot-2b"))
    assert await sentences(bench) == [f"Slack delivered nothing from 09:01 to 09:04 UTC. {AGAIN}"]


async def test_over_http_nothing_is_said(bench: Bench) -> None:
    one = bench.replica(socket=False)
    await bench.minute(one, heard_by=one)
    await bench.minute(one)
    await heard_again(bench, one)
    assert await bench.said() == []


async def test_a_window_over_midnight_names_its_days(bench: Bench) -> None:
    bench.clock.now += timedelta(hours=14, minutes=57)
    one = bench.replica()
    await bench.minute(one, heard_by=one)
    await bench.minute(one)
    await bench.minute(one)
    await heard_again(bench, one)
    assert "from 2026-07-01 23:58 to 2026-07-02 00:01 UTC" in (await sentences(bench))[0]
