from datetime import timedelta

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.slack.pace import EDIT_BURST
from bot.stores.database import Database
from tests.slack.hearing import BOT, EVERY, START, Bench
from tests.slack.stand_in import SlackStandIn


@pytest.fixture
def bench(slack: SlackStandIn, client: AsyncWebClient, database: Database) -> Bench:
    return Bench(slack, client, database)


async def test_nothing_is_proved_before_the_first_event_has_come_back(bench: Bench) -> None:
    one = bench.replica()
    assert "has not delivered an event of the bot's own yet" in await bench.problem(one)
    await bench.minute(one)
    assert "is the bot in #alerts" in await bench.problem(one)
    await one.hears(bench.slack)
    assert await bench.problem(one) == ""


async def test_one_message_is_posted_and_edited_from_then_on_also_by_the_next_process(bench: Bench) -> None:
    one = bench.replica()
    for _ in range(3):
        await bench.minute(one, heard_by=one)
    await bench.minute(bench.replica("restarted"))
    assert (bench.slack.count("chat.postMessage"), bench.slack.count("chat.update")) == (1, 3)
    assert len(bench.slack.messages) == 1


async def test_three_tests_that_do_not_come_back_make_it_unwell_and_replace_the_socket(bench: Bench) -> None:
    one = bench.replica()
    await bench.minute(one, heard_by=one)
    for _ in range(3):
        assert one.socket.distrusted == []
        await bench.minute(one)
        assert await bench.problem(one) != ""
    assert "has not delivered an event of the bot's own for 216 s" in await bench.problem(one)
    assert one.socket.distrusted == ["it is deaf: 3 self-tests did not come back"]
    await bench.minute(one, heard_by=one)
    assert await bench.problem(one) == ""


async def test_a_test_that_is_overdue_makes_it_unwell_at_once_until_one_comes_back(bench: Bench) -> None:
    one = bench.replica()
    await bench.minute(one, heard_by=one)
    await bench.minute(one)
    overdue = bench.clock.now.replace(second=30)
    assert await one.test.problem(overdue - timedelta(seconds=1)) == ""
    assert await one.test.problem(overdue) == "1 self-test has not come back within 30 s, since 09:02:00 UTC"
    bench.clock.now = START + 3 * EVERY
    await one.test.tick(bench.clock.now)
    assert await bench.problem(one) != ""
    await one.hears(bench.slack)
    assert await bench.problem(one) == ""


async def test_what_a_process_before_has_heard_proves_nothing_of_this_one(bench: Bench) -> None:
    before = bench.replica()
    await bench.minute(before, heard_by=before)
    bench.clock.now += timedelta(seconds=1)
    assert "has not delivered an event of the bot's own yet" in await bench.problem(bench.replica())


async def test_the_first_test_is_sent_at_once_and_the_next_at_their_moments(bench: Bench) -> None:
    bench.clock.now += timedelta(seconds=20)
    one = bench.replica(self_test_every=timedelta(minutes=10))
    sent = []
    for _ in range(1200):
        await one.test.tick(bench.clock.now)
        sent.append(bench.slack.count("chat.postMessage") + bench.slack.count("chat.update"))
        bench.clock.now += timedelta(seconds=1)
    assert [sent.index(number) + 20 for number in (1, 2, 3)] == [20, 600, 1200]
    assert sent[-1] == 3


async def test_where_new_sockets_help_nothing_the_next_one_takes_longer(bench: Bench) -> None:
    one = bench.replica()
    for _ in range(60):
        await bench.minute(one)
    assert [words.split()[3] for words in one.socket.distrusted] == ["3", "6", "12", "24"]


async def test_what_slack_does_not_take_is_not_proved_and_no_fault_of_the_socket(bench: Bench) -> None:
    one = bench.replica()
    await bench.minute(one, heard_by=one)
    bench.slack.trouble("chat.update", *["500"] * 4)
    for _ in range(4):
        await bench.minute(one)
    assert "the self-test cannot be sent: HTTP 500" in await bench.problem(one)
    assert one.socket.distrusted == []


@pytest.mark.parametrize(
    ("method", "error"), [("conversations.history", "not_in_channel"), ("conversations.list", "missing_scope")]
)
async def test_where_the_channel_cannot_be_read_nothing_is_posted(bench: Bench, method: str, error: str) -> None:
    one = bench.replica()
    bench.slack.trouble(method, error)
    await bench.minute(one)
    assert f"the self-test cannot be sent: {error}" in await bench.problem(one)
    assert bench.slack.messages == []


async def test_a_channel_that_is_not_there_is_said(bench: Bench) -> None:
    one = bench.replica(self_test_channel="#quiet")
    await bench.minute(one)
    assert "the self-test cannot be sent: channel_not_found" in await bench.problem(one)


async def test_a_post_whose_answer_was_lost_is_found_and_not_repeated(bench: Bench) -> None:
    one = bench.replica()
    bench.slack.trouble("chat.postMessage", "lose")
    await bench.minute(one)
    await bench.minute(one, heard_by=one)
    assert len(bench.slack.messages) == 1
    assert await bench.problem(one) == ""


async def test_a_message_that_somebody_deleted_is_posted_anew(bench: Bench) -> None:
    one = bench.replica()
    await bench.minute(one, heard_by=one)
    bench.slack.trouble("chat.update", "message_not_found")
    bench.slack.messages.clear()
    await bench.minute(one)
    await bench.minute(one)
    assert bench.slack.count("chat.postMessage") == 2


async def test_it_waits_while_cards_are_edited_and_while_slack_asks_for_a_pause(bench: Bench) -> None:
    one = bench.replica()
    for _ in range(int(EDIT_BURST)):
        one.pace.edit()
    await one.test.tick(bench.clock.now)
    assert bench.slack.calls == []
    other = bench.replica("other")
    bench.slack.retry_after = "600"
    bench.slack.trouble("chat.postMessage", "429")
    await bench.minute(other)
    assert other.pace.edits_wait() > 500


async def test_only_what_the_bot_said_itself_counts(bench: Bench) -> None:
    one = bench.replica()
    await bench.minute(one)
    await one.hears(bench.slack, user="U0PERSON")
    assert await bench.problem(one) != ""


async def test_a_card_of_the_bots_own_counts_as_well(bench: Bench) -> None:
    one = bench.replica()
    await one.test.on_message({"event": {"type": "message", "user": BOT, "text": "An alert"}})
    assert await bench.problem(one) == ""


async def test_replicas_share_a_test_and_what_any_of_them_hears_counts_for_all(bench: Bench) -> None:
    one, other = bench.replica("one"), bench.replica("other")
    for _ in range(8):
        await bench.minute(one, other, heard_by=other)
    assert bench.slack.count("chat.postMessage") + bench.slack.count("chat.update") == 8
    assert [await bench.problem(one), await bench.problem(other)] == ["", ""]
    assert one.socket.distrusted == []


async def test_the_replica_that_swallows_its_share_is_found_and_not_the_other(bench: Bench) -> None:
    deaf, well = bench.replica("deaf"), bench.replica("well")
    for number in range(8):
        await bench.minute(deaf, well, heard_by=well if number % 2 else None)
    assert await bench.problem(well) == ""
    assert "4 self-tests have not come back" in await bench.problem(deaf)
    assert len(deaf.socket.distrusted) == 1
    assert well.socket.distrusted == []


async def test_over_http_only_what_comes_back_to_nobody_counts(bench: Bench) -> None:
    one, other = bench.replica("one", socket=False), bench.replica("other", socket=False)
    for number in range(8):
        await bench.minute(one, other, heard_by=other if number % 2 else None)
    assert await bench.problem(one) == ""
    for _ in range(4):
        await bench.minute(one, other)
    assert "has not delivered an event of the bot's own for" in await bench.problem(one)
    assert one.socket.distrusted == []


async def test_switched_off_it_sends_nothing_and_says_nothing(bench: Bench) -> None:
    one = bench.replica(self_test_every=timedelta(0))
    await bench.minute(one)
    assert bench.slack.calls == []
    assert await bench.problem(one) == ""
