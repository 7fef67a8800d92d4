import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.reply import Button, Buttons, Log, Reply, say
from bot.slack.calls import SlackTrouble, call, retry_after
from bot.slack.channels import Channels
from bot.slack.delivery import Carrier, marker
from bot.slack.pace import Pace
from bot.slack.sender import LEASE, Sender
from bot.stores.database import Database
from bot.stores.outbox import ANSWER, CARD, CRITICAL, Delivery, Message, Outbox
from tests.slack.stand_in import SlackStandIn


def now() -> datetime:
    return datetime.now(UTC)


def make(outbox: Outbox, client: AsyncWebClient, pace: Pace | None = None) -> Sender:
    carrier = Carrier(outbox, client, Channels(client), clock=now)
    return Sender(outbox, carrier, pace or Pace(), clock=now)


@pytest.fixture
async def sender(outbox: Outbox, client: AsyncWebClient) -> AsyncIterator[Sender]:
    made = make(outbox, client)
    await made.start(alone=True)
    yield made
    await made.stop(grace=0)


def message(key: str = "reply:1", title: str = "Hello", **more: Any) -> Message:
    return Message(key, more.pop("channel", "C1"), more.pop("body", say(title)), **more)


async def settled(
    outbox: Outbox, key: str = "reply:1", states: tuple[str, ...] = ("sent", "dropped"), *, failed: bool = False
) -> Delivery:
    while True:
        found = await outbox.posted(key)
        assert found is not None
        if found.state in states and bool(found.error) >= failed:
            return found
        await asyncio.sleep(0.02)


async def delivered(outbox: Outbox, *put: Message) -> Delivery:
    for one in put:
        await outbox.put(one, now())
    return await settled(outbox, put[-1].key)


def header(shown: dict[str, Any]) -> str:
    return str(shown["blocks"][0]["text"]["text"])


@pytest.mark.usefixtures("sender")
async def test_a_message_is_posted_and_then_edited_in_place(outbox: Outbox, slack: SlackStandIn) -> None:
    first = await delivered(outbox, message())
    assert (first.posted_channel, first.posted_ts) == ("C1", slack.messages[0]["ts"])
    await delivered(outbox, message(title="Changed"))
    assert [header(shown) for shown in slack.messages] == ["Changed"]
    assert slack.messages[0]["blocks"][0]["block_id"] == marker("reply:1")
    assert slack.messages[0]["unfurl_links"] in (False, "0", "false", 0)


@pytest.mark.usefixtures("sender")
async def test_a_reply_goes_into_the_thread_of_its_card_or_the_channel_where_there_is_none(
    outbox: Outbox, slack: SlackStandIn
) -> None:
    card = await delivered(outbox, message("incident:1"))
    await delivered(outbox, message("incident:1:critical", thread_of="incident:1"))
    await delivered(outbox, message("incident:2:critical", thread_of="incident:2"))
    assert [shown.get("thread_ts") for shown in slack.messages] == [None, card.posted_ts, None]


async def test_urgent_first_and_only_the_newest_version(
    outbox: Outbox, client: AsyncWebClient, slack: SlackStandIn
) -> None:
    for one in (
        message("reply:1"),
        message("plan:1", "old", priority=CARD),
        message("plan:1", "new", priority=CARD),
        message("incident:1", "fire", priority=CRITICAL),
    ):
        await outbox.put(one, now())
    sender = make(outbox, client)
    await sender.start(alone=True)
    await slack.wait(lambda: len(slack.messages) == 3)
    await sender.stop()
    assert [header(shown) for shown in slack.messages] == ["fire", "new", "Hello"]


@pytest.mark.usefixtures("sender")
@pytest.mark.parametrize("trouble", ["500", "503", "403", "200", "hang", "cut", "invalid_auth", "internal_error"])
async def test_trouble_that_passes_is_outlived(outbox: Outbox, slack: SlackStandIn, trouble: str) -> None:
    slack.trouble("chat.postMessage", trouble, trouble)
    done = await delivered(outbox, message())
    assert (done.state, len(slack.messages)) == ("sent", 1)


async def test_a_delivery_that_takes_longer_than_all_of_it_may_is_tried_again(
    outbox: Outbox, slack: SlackStandIn
) -> None:
    slack.trouble("chat.postMessage", "hang")
    patient = AsyncWebClient("xoxb-test", base_url=f"{slack.url}/api/", retry_handlers=[])
    sender = Sender(outbox, Carrier(outbox, patient, Channels(patient), clock=now), Pace(), clock=now, within=0.5)
    await sender.start(alone=True)
    await outbox.put(message(), now())
    await settled(outbox, states=("due", "posting", "doubtful"), failed=True)
    assert sender.problem == "not delivered within 0.5 s"
    assert (await settled(outbox)).state == "sent"
    await sender.stop()
    assert len(slack.messages) == 1


async def test_a_long_delivery_keeps_its_lease(outbox: Outbox, client: AsyncWebClient, slack: SlackStandIn) -> None:
    times = [now()]
    carrier = Carrier(outbox, client, Channels(client), clock=now)
    sender = Sender(outbox, carrier, Pace(), clock=lambda: times[-1])
    await sender.start(alone=True)
    slack.trouble("chat.postMessage", "hang")
    await outbox.put(message(), times[0])
    begun = await settled(outbox, states=("posting",))
    for _ in range(4):
        times.append(times[-1] + LEASE / 2)
        outbox.waiting["slack"].set()
        await leased(outbox, times[-1] + LEASE)
        assert await outbox.due(times[-1]) == [], "another sender would take it"
    await sender.stop(grace=0)
    assert begun.attempts == 1


async def leased(outbox: Outbox, until: datetime) -> None:
    while True:
        if not await outbox.due(until - timedelta(seconds=1)):
            return
        await asyncio.sleep(0.02)


@pytest.mark.usefixtures("sender")
@pytest.mark.parametrize("channel", ["C0ALERTS", "#alerts"])
async def test_a_lost_answer_does_not_make_a_second_message(outbox: Outbox, slack: SlackStandIn, channel: str) -> None:
    slack.trouble("chat.postMessage", "lose")
    done = await delivered(outbox, message(channel=channel))
    assert len(slack.messages) == 1
    assert (done.posted_channel, done.posted_ts) == ("C0ALERTS", slack.messages[0]["ts"])


@pytest.mark.usefixtures("sender")
@pytest.mark.parametrize("troubles", [("500", "cut"), ("429", "invalid_auth", "403")])
async def test_the_search_itself_is_repeated_until_it_answers(
    outbox: Outbox, slack: SlackStandIn, troubles: tuple[str, ...]
) -> None:
    slack.trouble("chat.postMessage", "lose")
    slack.trouble("conversations.history", *troubles)
    await delivered(outbox, message())
    assert len(slack.messages) == 1


@pytest.mark.usefixtures("sender")
async def test_a_channel_that_cannot_be_searched_gets_the_message_again(outbox: Outbox, slack: SlackStandIn) -> None:
    slack.trouble("chat.postMessage", "lose")
    slack.trouble("conversations.history", "not_in_channel")
    done = await delivered(outbox, message())
    assert (done.state, len(slack.messages)) == ("sent", 2)


async def test_a_crash_between_post_and_record_does_not_make_a_second_message(
    outbox: Outbox, client: AsyncWebClient, slack: SlackStandIn
) -> None:
    await outbox.put(message(), now())
    (due,) = await outbox.due(now())
    await outbox.posting(due, now(), until=now() + timedelta(hours=1))
    await client.chat_postMessage(
        channel="C1", text="t", blocks=[{"type": "header", "block_id": marker("reply:1"), "text": {"text": "Hello"}}]
    )
    sender = make(outbox, client)
    await sender.start(alone=True)
    done = await settled(outbox, states=("sent",))
    await sender.stop()
    assert (len(slack.messages), done.posted_ts) == (1, slack.messages[0]["ts"])


@pytest.mark.usefixtures("sender")
async def test_429_is_waited_out_before_the_next_call(outbox: Outbox, slack: SlackStandIn) -> None:
    slack.trouble("chat.postMessage", "429")
    await delivered(outbox, message())
    (first, second) = [at for name, at in slack.calls if name == "chat.postMessage"]
    assert second - first >= 1.0
    assert len(slack.messages) == 1


async def test_a_call_that_hangs_ends_by_itself_and_nobody_knows_what_it_did() -> None:
    with pytest.raises(SlackTrouble) as trouble:
        await call(asyncio.Event().wait(), 0.01)
    assert (trouble.value.kind, trouble.value.error) == ("doubtful", "no answer within 0.01 s")


@pytest.mark.parametrize(
    ("told", "seconds"), [("30", 30), ("0", 1), ("", 1), ("soon", 1), ("inf", 1), ("nan", 1), ("-5", 1)]
)
def test_a_wait_that_is_no_number_of_seconds_is_a_second(told: str, seconds: float) -> None:
    assert retry_after({"Retry-After": told}) == seconds


@pytest.mark.usefixtures("sender")
async def test_429_of_a_response_url_is_waited_out_too(outbox: Outbox, slack: SlackStandIn) -> None:
    slack.trouble("chat.postMessage", "not_in_channel", "not_in_channel")
    slack.trouble("hook", "429")
    done = await delivered(outbox, message(response_url=f"{slack.url}/hook"))
    assert (done.state, len(slack.responses)) == ("sent", 1)
    (first, second) = [at for name, at in slack.calls if name == "chat.postMessage"]
    assert second - first >= 1.0


@pytest.mark.usefixtures("sender")
async def test_429_on_edits_does_not_hold_up_new_messages(outbox: Outbox, slack: SlackStandIn) -> None:
    await delivered(outbox, message())
    slack.retry_after = "30"
    slack.trouble("chat.update", "429")
    await outbox.put(message(title="Changed"), now())
    await slack.wait(lambda: slack.count("chat.update") == 1)
    assert (await delivered(outbox, message("reply:2"))).state == "sent"
    assert slack.count("chat.update") == 1


@pytest.mark.usefixtures("sender")
async def test_refused_blocks_are_sent_as_text(outbox: Outbox, slack: SlackStandIn) -> None:
    slack.trouble("chat.postMessage", "invalid_blocks")
    reply = say("Queues <b>", Log(text="email 5"), Buttons(buttons=(Button(label="Go", action="run", value="/x"),)))
    done = await delivered(outbox, message(body=reply))
    assert done.state == "sent"
    assert slack.messages[0]["text"].startswith("*Queues &lt;b&gt;*\n```\nemail 5\n```")
    assert "Go" in slack.messages[0]["text"]


@pytest.mark.usefixtures("sender")
@pytest.mark.parametrize("error", ["channel_not_found", "is_archived", "not_in_channel"])
async def test_what_a_closed_channel_does_not_take_waits_and_is_visible(
    outbox: Outbox, slack: SlackStandIn, error: str
) -> None:
    slack.trouble("chat.postMessage", error)
    await outbox.put(message(priority=CRITICAL), now())
    waiting = await settled(outbox, states=("due",), failed=True)
    assert (waiting.error, waiting.sent_version) == (error, 0)
    assert [late.key for late in await outbox.undelivered(now())] == ["reply:1"]
    assert (await delivered(outbox, message("reply:2"))).state == "sent"


@pytest.mark.usefixtures("sender")
@pytest.mark.parametrize("error", ["restricted_action_read_only_channel", "a_word_of_tomorrow", "invalid_blocks"])
@pytest.mark.parametrize("priority", [CRITICAL, CARD, ANSWER])
async def test_whatever_slack_has_against_an_alert_it_waits_and_only_an_answer_is_dropped(
    outbox: Outbox, slack: SlackStandIn, error: str, priority: int
) -> None:
    slack.trouble("chat.postMessage", error, error)
    await outbox.put(message(priority=priority), now())
    refused = await settled(outbox, states=("due", "dropped"), failed=True)
    assert (refused.state, refused.error) == ("dropped" if priority == ANSWER else "due", error)
    if priority < ANSWER:
        slack.troubles.clear()
        await outbox.failed(refused, error, retry_at=now(), certain=True)
        assert (await settled(outbox)).state == "sent"


@pytest.mark.usefixtures("sender")
async def test_the_response_url_is_the_second_way(outbox: Outbox, slack: SlackStandIn) -> None:
    slack.trouble("chat.postMessage", "not_in_channel")
    slack.trouble("hook", "500")
    done = await delivered(outbox, message(response_url=f"{slack.url}/hook"))
    slack.trouble("chat.postMessage", "not_in_channel")
    assert done.state == "sent"
    assert [answer["response_type"] for answer in slack.responses] in (["in_channel"], [])


@pytest.mark.usefixtures("sender")
async def test_a_response_url_is_used_five_times_at_most(outbox: Outbox, slack: SlackStandIn) -> None:
    for number in range(6):
        slack.trouble("chat.postMessage", "not_in_channel")
        done = await delivered(outbox, message(title=f"{number}", response_url=f"{slack.url}/hook"))
    assert (len(slack.responses), done.state) == (5, "dropped")


@pytest.mark.usefixtures("sender")
async def test_an_old_response_url_is_not_used(outbox: Outbox, slack: SlackStandIn) -> None:
    slack.trouble("chat.postMessage", "not_in_channel")
    await outbox.put(message(response_url=f"{slack.url}/hook"), now() - timedelta(minutes=31))
    assert (await settled(outbox)).state == "dropped"
    assert slack.responses == []


@pytest.mark.usefixtures("sender")
async def test_a_private_message_is_seen_by_one_person(outbox: Outbox, slack: SlackStandIn) -> None:
    await delivered(outbox, message(private_to="U1"))
    assert [whisper["user"] for whisper in slack.whispers] == ["U1"]
    assert slack.messages == []


@pytest.mark.usefixtures("sender")
async def test_a_private_message_stays_private_on_its_second_way(outbox: Outbox, slack: SlackStandIn) -> None:
    slack.trouble("chat.postEphemeral", "user_not_in_channel")
    await delivered(outbox, message(private_to="U1", response_url=f"{slack.url}/hook"))
    assert [answer["response_type"] for answer in slack.responses] == ["ephemeral"]


@pytest.mark.usefixtures("sender")
@pytest.mark.parametrize(
    ("error", "linked"), [("message_not_found", False), ("cant_update_message", True), ("edit_window_closed", True)]
)
async def test_a_card_that_cannot_be_edited_is_posted_anew(
    outbox: Outbox, slack: SlackStandIn, error: str, linked: bool
) -> None:
    old = await delivered(outbox, message())
    slack.trouble("chat.update", error)
    new = await delivered(outbox, message(title="Changed"))
    assert new.posted_ts != old.posted_ts
    assert header(slack.messages[1]) == "Changed"
    assert (old.posted_ts.replace(".", "") in str(slack.messages[1]["blocks"])) is linked
    await delivered(outbox, message(title="Again"))
    assert [header(shown) for shown in slack.messages] == ["Hello", "Again"]


LONG: Reply = say("Logs", Log(text="line\n" * 2000, name="api.log"))


@pytest.mark.usefixtures("sender")
async def test_long_output_follows_whole_as_a_file_in_the_thread(outbox: Outbox, slack: SlackStandIn) -> None:
    done = await delivered(outbox, message(body=LONG))
    (file,) = slack.files
    assert (file["name"], file["thread_ts"]) == ("api.log", done.posted_ts)
    assert file["bytes"].count(b"line") == 2000


@pytest.mark.usefixtures("sender")
async def test_no_file_is_promised_where_slack_takes_none(outbox: Outbox, slack: SlackStandIn) -> None:
    slack.trouble("files.getUploadURLExternal", "missing_scope")
    await delivered(outbox, message(body=LONG))
    assert "more lines" in str(slack.messages[0]["blocks"])
    assert "as a file" not in str(slack.messages[0]["blocks"])


async def test_bursts_are_let_through_and_then_slowed_down(
    outbox: Outbox, client: AsyncWebClient, slack: SlackStandIn
) -> None:
    sender = make(outbox, client, Pace(post_burst=2))
    for number in range(3):
        await outbox.put(message(f"reply:{number}"), now())
    await outbox.put(message("reply:other", channel="C2"), now())
    await sender.start(alone=True)
    await slack.wait(lambda: len(slack.messages) == 4)
    await sender.stop()
    times = {shown["blocks"][0]["block_id"]: at for shown, (_, at) in zip(slack.messages, slack.calls, strict=True)}
    assert slack.messages[-1]["channel"] == "C1"
    assert times[marker("reply:2")] - times[marker("reply:0")] >= 0.9


async def test_stopping_sends_what_is_due_first(outbox: Outbox, client: AsyncWebClient, slack: SlackStandIn) -> None:
    sender = make(outbox, client)
    await sender.start(alone=True)
    for number in range(3):
        await outbox.put(message(f"reply:{number}"), now())
    await sender.stop(grace=30)
    assert len(slack.messages) == 3


class Forgetful(Outbox):
    """Cannot record what became of the first delivery."""

    is_away = True

    async def sent(self, delivery: Delivery, now: datetime, *, channel: str = "", ts: str = "") -> None:
        if self.is_away:
            raise OSError
        await super().sent(delivery, now, channel=channel, ts=ts)

    async def failed(self, delivery: Delivery, error: str, *, retry_at: datetime, certain: bool) -> None:
        if self.is_away:
            self.is_away = False
            raise OSError
        await super().failed(delivery, error, retry_at=retry_at, certain=certain)


async def test_what_could_not_be_recorded_is_said_and_looked_for_when_its_lease_is_over(
    database: Database, client: AsyncWebClient, slack: SlackStandIn
) -> None:
    outbox, times = Forgetful(database), [now()]
    carrier = Carrier(outbox, client, Channels(client), clock=lambda: times[-1])
    sender = Sender(outbox, carrier, Pace(), clock=lambda: times[-1])
    await sender.start(alone=True)
    await outbox.put(message(), times[0])
    while "recorded" not in sender.problem:  # noqa: ASYNC110 - it is a state, not an event
        await asyncio.sleep(0.01)
    times.append(times[0] + LEASE)
    await settled(outbox)
    await sender.stop()
    assert (sender.problem, len(slack.messages)) == ("", 1)


class Held(Carrier):
    """Remembers in which order it was given what, and carries nothing to the channel C1 before it is let."""

    def __init__(self, outbox: Outbox, client: AsyncWebClient) -> None:
        super().__init__(outbox, client, Channels(client), clock=now)
        self.begun: list[str] = []
        self.let = asyncio.Event()

    async def carry(self, delivery: Delivery) -> None:
        self.begun.append(delivery.key)
        if delivery.channel == "C1":
            await self.let.wait()
        await super().carry(delivery)


async def test_a_channels_messages_go_one_after_the_other_and_hold_up_no_other_channel(
    outbox: Outbox, client: AsyncWebClient, slack: SlackStandIn
) -> None:
    carrier = Held(outbox, client)
    for number in range(60):  # more than are looked at in one go
        await outbox.put(message(f"reply:{number}", priority=CARD), now())
    await outbox.put(message("other:1", channel="C2"), now())
    sender = Sender(outbox, carrier, Pace(post_burst=100), clock=now)
    await sender.start(alone=True)
    await settled(outbox, "other:1")
    await delivered(outbox, message("other:2", channel="C2"))
    assert carrier.begun == ["reply:0", "other:1", "other:2"]
    carrier.let.set()
    await slack.wait(lambda: len(slack.messages) >= 6)
    await sender.stop(grace=0)
    assert [key for key in carrier.begun if key.startswith("reply:")][:4] == [f"reply:{n}" for n in range(4)]


async def test_a_card_under_way_is_not_carried_twice_however_often_it_changes(
    outbox: Outbox, client: AsyncWebClient, slack: SlackStandIn
) -> None:
    carrier = Held(outbox, client)
    sender = Sender(outbox, carrier, Pace(), clock=now)
    await sender.start(alone=True)
    await outbox.put(message(), now())
    await settled(outbox, states=("posting",))
    await outbox.put(message(title="Changed"), now())
    await delivered(outbox, message("other:1", channel="C2"))
    assert carrier.begun == ["reply:1", "other:1"]
    carrier.let.set()
    assert (await settled(outbox)).sent_version == 2
    await sender.stop()
    assert [header(shown) for shown in slack.messages if shown["channel"] == "C1"] == ["Changed"]


class HeldUp(Outbox):
    """An outbox that is looked at again at once, and whose look takes until what was under way has landed."""

    def __init__(self, database: Database, flying: Callable[[], bool]) -> None:
        super().__init__(database)
        self._is_flying = flying

    async def due(self, now: datetime, **asked: Any) -> list[Delivery]:
        found = await super().due(now, **asked)
        if found:
            self.waiting["slack"].set()
        while asked["busy"] and self._is_flying():  # noqa: ASYNC110 - the sender tells nobody that it has landed
            await asyncio.sleep(0.01)
        return found


async def test_what_waited_for_its_channel_during_the_last_look_is_sent_before_the_stop(
    database: Database, client: AsyncWebClient, slack: SlackStandIn
) -> None:
    outbox = HeldUp(database, lambda: any(task.get_name().startswith("reply:") for task in asyncio.all_tasks()))
    sender = make(outbox, client)
    for number in range(3):
        await outbox.put(message(f"reply:{number}"), now())
    await sender.start(alone=True)
    await sender.stop(grace=30)
    assert len(slack.messages) == 3


async def test_stopping_while_slack_is_down_does_not_wait_for_it(outbox: Outbox, client: AsyncWebClient) -> None:
    client.base_url = "http://127.0.0.1:9/api/"
    sender = make(outbox, client)
    await sender.start(alone=True)
    await outbox.put(message(), now())
    await settled(outbox, states=("due",), failed=True)
    await sender.stop()
    assert sender.problem == "connection refused"
    assert len(await outbox.undelivered(now())) == 1


def test_a_slack_without_limits_may_be_called_as_often_again() -> None:
    now = [0.0]
    usual, quick = Pace(clock=lambda: now[0]), Pace(clock=lambda: now[0], times=20.0)
    for pace in (usual, quick):
        for _ in range(11):
            pace.post("C1")
            pace.edit()
    assert quick.edits_wait() == pytest.approx(usual.edits_wait() / 20)
    assert quick.busy()["C1"] == pytest.approx(usual.busy()["C1"] / 20)
    quick.pause("post", 30.0)
    assert quick.posts_wait() == 30.0, "what Slack asks for holds all the same"
