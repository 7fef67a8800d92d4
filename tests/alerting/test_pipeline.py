import asyncio
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import pytest
import sqlalchemy as sa
from pydantic import Field

from bot.alert_rule import Inhibition, Notifications
from bot.alerting.evaluate import evaluate
from bot.alerting.pipeline import Alerting, Stores
from bot.catalog import Catalog
from bot.command import command
from bot.errors import BotError
from bot.plan import Plan
from bot.policy import Policy
from bot.reply import Buttons, Chart, Level, Line, Person, Reply, Text, When, say
from bot.request import Actor
from bot.routing import Receiver, Route, receivers_of
from bot.schedule import Observation
from bot.silence import Silence
from bot.stores.database import Database
from bot.stores.incidents import Incidents
from bot.stores.message import Page
from bot.stores.outbox import CARD, CRITICAL, Delivery, Message, Outbox
from bot.stores.samples import Sample, Samples
from bot.stores.silences import Silences
from bot.stores.tables import alert_states, messages
from tests.own_database import with_tables

NOW = datetime(2026, 7, 1, 9, tzinfo=UTC)
TICK = timedelta(seconds=30)


@command("/scale-workers", permission="workers:scale", section="Tasks")
async def scale_workers(replicas: Annotated[int, Field(description="How many")]) -> Plan:
    """Scale the workers."""
    raise NotImplementedError(replicas)


@command("/queue-stats", permission="queues:read", section="Daily")
async def queue_stats(queue: Annotated[str, Field(description="Which")] = "") -> Reply:
    """Show the queues."""
    return say(queue)


CATALOG = Catalog({"/scale-workers": scale_workers, "/queue-stats": queue_stats}, {})
EMAIL_RULE: dict[str, Any] = {
    "name": "email-queue",
    "metric": "queue_waiting",
    "match": {"queue": "email"},
    "warning": 500,
    "critical": 1000,
    "summary": "Email queue: jobs waiting",
    "unit": "jobs",
    "section": "Monitoring Queue Health",
    "next_steps": ["/scale-workers 4", "/queue-stats {queue}", "/gone"],
}
OTHERS_RULE = EMAIL_RULE | {"name": "queue-depth", "match": {}, "unless": {"queue": "email"}, "summary": "Queue"}
REDIS_RULE: dict[str, Any] = {
    "name": "redis-down",
    "metric": "system_up",
    "below": True,
    "critical": 1,
    "summary": "Redis is unreachable",
    "match": {"system": "redis"},
    "resolved": "Redis answers again",
}


def policy(*rules: dict[str, Any]) -> Policy:
    return Policy.model_validate(
        {
            "people": {"U1": {"name": "Otto"}, "U2": {"name": "Vera"}},
            "roles": {"oncall": {"members": ["U1"]}, "viewer": {"members": ["U2"]}},
            "approvals": {},
            "limits": {},
            "schedules": {},
            "alerts": [*rules] or [EMAIL_RULE, OTHERS_RULE, REDIS_RULE],
        }
    )


@dataclass
class Bot:
    """The alerts of one process on a database; ``restart`` makes another one's."""

    database: Database
    rules: Policy

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        self.stores = Stores(
            self.database,
            Incidents(self.database),
            Samples(self.database),
            Outbox(self.database),
            Silences(self.database),
        )
        self.alerting = Alerting(self.stores, policy=lambda: self.rules, catalog=CATALOG, channel="C1")

    async def tick(self, number: int, *observations: Observation) -> None:
        await self.alerting.tick(list(observations), NOW + number * TICK)

    async def email(self, number: int, value: float | None, reason: str = "") -> None:
        await self.tick(number, waiting("email", value, NOW + number * TICK, reason))

    async def cards(self) -> list[Delivery]:
        async with self.database.transaction() as connection:
            keys = (await connection.execute(sa.select(messages.c.key).order_by(messages.c.created_at))).scalars().all()
        found = [await self.stores.outbox.posted(key) for key in keys]
        return [delivery for delivery in found if delivery and not delivery.thread_of]

    async def rings(self) -> list[tuple[str, str]]:
        """What was said in the threads of cards: the card's key and the title."""
        async with self.database.transaction() as connection:
            query = sa.select(messages.c.thread_of, messages.c.body).where(messages.c.thread_of != "")
            rows = (await connection.execute(query.order_by(messages.c.created_at))).all()
        return [(key, Reply.model_validate(body).title) for key, body in rows]

    async def card(self) -> Delivery:
        (only,) = await self.cards()
        return only


def waiting(queue: str, value: float | None, at: datetime = NOW, reason: str = "") -> Observation:
    return Observation(metric="queue_waiting", labels={"queue": queue}, value=value, at=at, reason=reason)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = Database(f"sqlite:///{tmp_path / 'state.db'}")
    await with_tables(opened)
    yield opened
    await opened.close()


@pytest.fixture
def bot(database: Database) -> Bot:
    return Bot(database, policy())


def parts(reply: Reply, kind: type[Any]) -> list[Any]:
    return [part for part in reply.parts if isinstance(part, kind)]


def said(reply: Reply) -> str:
    texts = [span for text in parts(reply, Text) for span in text.spans if isinstance(span, str)]
    return "".join([reply.title, *texts, *(line.value for line in parts(reply, Line))])


async def test_one_card_lives_through_warning_critical_and_resolved(bot: Bot) -> None:
    await bot.email(0, 501)
    first = await bot.card()
    assert (first.body.level, first.body.title) == (Level.WARNING, "Email queue: jobs waiting")
    assert "501 jobs, warning above 500" in said(first.body)
    assert first.priority == CARD
    await bot.email(8, 1431)
    second = await bot.card()
    assert (second.key, second.version, second.priority) == (first.key, 2, CRITICAL)
    assert second.body.level is Level.CRITICAL
    assert "1,431 jobs, critical above 1,000" in said(second.body)
    end = NOW + timedelta(minutes=7, seconds=20)
    await bot.alerting.tick([waiting("email", 12, end)], end)
    last = await bot.card()
    assert (last.key, last.version, last.body.level) == (first.key, 3, Level.OK)
    assert last.body.title == 'Resolved after 7 min 20 s, peak 1,431: it was "Email queue: jobs waiting"'
    assert not parts(last.body, Buttons)
    assert await bot.stores.incidents.firing() == {}


async def test_exactly_500_waiting_is_no_alert(bot: Bot) -> None:
    await bot.email(0, 500)
    assert await bot.cards() == []


async def test_critical_calls_on_call_and_warning_does_not(bot: Bot) -> None:
    await bot.email(0, 501)
    assert not any(isinstance(span, Person) for text in parts((await bot.card()).body, Text) for span in text.spans)
    await bot.email(1, 1001)
    people = [span for text in parts((await bot.card()).body, Text) for span in text.spans if isinstance(span, Person)]
    assert people == [Person(id="U1", name="Otto", notify=True)]


async def test_turning_critical_rings_in_the_thread_because_an_edit_rings_nobody(bot: Bot) -> None:
    await bot.email(0, 501)
    assert await bot.rings() == []
    await bot.email(1, 1001)
    await bot.email(2, 1400)
    assert await bot.rings() == [((await bot.card()).key, "Now critical: Email queue: jobs waiting")]


async def test_an_incident_that_begins_critical_rings_by_its_card(bot: Bot) -> None:
    await bot.email(0, 1001)
    assert await bot.rings() == []


async def test_the_next_steps_are_buttons(bot: Bot) -> None:
    await bot.email(0, 501)
    (row,) = parts((await bot.card()).body, Buttons)
    assert [(button.label, button.action, button.value) for button in row.buttons] == [
        ("Scale workers 4…", "form", "/scale-workers 4"),
        ("Queue stats email", "run", "/queue-stats email"),
    ]


async def test_the_trend_is_shown_from_the_samples_with_its_gaps(bot: Bot) -> None:
    series = "queue/email/waiting"
    values = [100.0, None, 501.0]
    found = [Sample(series, NOW + (number - 2) * TICK, value) for number, value in enumerate(values)]
    await bot.stores.samples.add(found)
    await bot.email(0, 501)
    (chart,) = parts((await bot.card()).body, Chart)
    assert chart.values == (100.0, None, 501.0)


async def test_what_is_only_up_or_down_has_no_trend_of_noughts_and_ones(bot: Bot) -> None:
    for number in range(3):
        at = NOW + number * TICK
        await bot.stores.samples.add([Sample("system/redis/up", at, 0.0)])
        await bot.tick(number, Observation(metric="system_up", labels={"system": "redis"}, value=0.0, at=at))
    assert not parts((await bot.card()).body, Chart)


async def test_a_warning_that_grows_says_when_it_will_be_critical(bot: Bot) -> None:
    for number in range(6):
        value = 510.0 + number * 40
        await bot.stores.samples.add([Sample("queue/email/waiting", NOW + number * TICK, value)])
        await bot.email(number, value)
    body = (await bot.card()).body
    assert "Will be critical in about 4 min at this rate" in [str(part.spans[0]) for part in parts(body, Text)]
    assert "Will be critical in about 4 min at this rate" in body.summary
    await bot.email(6, None, "no answer")
    assert "Will be critical" not in str((await bot.card()).body)


async def test_a_long_trend_is_thinned_to_its_newest_values(bot: Bot) -> None:
    found = [
        Sample("queue/email/waiting", NOW - timedelta(seconds=number), float(600 - number)) for number in range(600)
    ]
    await bot.stores.samples.add(found)
    await bot.email(0, 501)
    (chart,) = parts((await bot.card()).body, Chart)
    assert len(chart.values) <= 60
    assert chart.values[-1] == 600.0


@pytest.mark.parametrize(
    ("seconds", "value", "versions"),
    [(10, 700, 1), (30, 700, 2), (30, 501, 1), (10, 1001, 2), (10, None, 2)],
)
async def test_a_card_is_edited_for_what_a_person_would_notice(
    bot: Bot, seconds: int, value: float | None, versions: int
) -> None:
    await bot.email(0, 501)
    await bot.alerting.tick([waiting("email", value)], NOW + timedelta(seconds=seconds))
    assert (await bot.card()).version == versions


async def test_the_peak_is_kept_also_of_values_that_were_not_shown(bot: Bot) -> None:
    await bot.email(0, 501)
    await bot.alerting.tick([waiting("email", 900)], NOW + timedelta(seconds=5))
    await bot.alerting.tick([waiting("email", 600)], NOW + timedelta(seconds=10))
    await bot.email(2, 0)
    assert "peak 900" in said((await bot.card()).body)


async def test_as_many_failed_jobs_as_workers_keep_may_be_more(database: Database) -> None:
    bot = Bot(database, policy(EMAIL_RULE | {"metric": "queue_failed", "unit": "jobs"}))
    for number, value in enumerate((1000, 12)):
        at = NOW + number * TICK
        await bot.tick(number, Observation(metric="queue_failed", labels={"queue": "email"}, value=value, at=at))
        words = ("1,000 or more jobs", "peak 1,000 or more")[number]
        assert words in said((await bot.card()).body)


async def test_unknown_is_said_and_never_resolves(bot: Bot) -> None:
    await bot.email(0, 600)
    await bot.email(1, None, "Redis: connection refused")
    unknown = await bot.card()
    assert unknown.body.level is Level.UNKNOWN
    assert "Unknown since : Redis: connection refused. It was 600 jobs before.Firing since " in said(unknown.body)
    assert len(await bot.stores.incidents.firing()) == 1
    await bot.email(2, 600)
    assert (await bot.card()).body.level is Level.WARNING


async def test_a_reason_that_is_a_sentence_ends_once(bot: Bot) -> None:
    await bot.email(0, 600)
    await bot.email(1, None, "Redis could not be read: no answer within 5 s.")
    assert "Redis could not be read: no answer within 5 s. It was 600 jobs before." in said((await bot.card()).body)


async def test_what_the_title_says_is_not_said_again_below(bot: Bot) -> None:
    await bot.tick(0, waiting("email", 600, NOW, "it is full")._replace(summary="Email: it is full"))
    assert "it is full" not in str((await bot.card()).body.parts)
    await bot.tick(1, waiting("email", 600, NOW + TICK, "it is full")._replace(summary="Email: too many jobs"))
    assert "it is full" in str((await bot.card()).body.parts)


async def test_a_restart_edits_the_same_card_and_announces_nothing_twice(bot: Bot) -> None:
    await bot.email(0, 501)
    before = await bot.card()
    for number in range(1, 4):
        bot.restart()
        await bot.email(number, 501)
    assert await bot.card() == before
    bot.restart()
    await bot.email(8, 1431)
    bot.restart()
    await bot.email(9, 12)
    assert (await bot.card()).key == before.key
    assert "Resolved after 4 min 30 s, peak 1,431: " in said((await bot.card()).body)


async def test_what_was_pending_before_a_restart_fires_after_it(database: Database) -> None:
    bot = Bot(database, policy(EMAIL_RULE | {"for": "30s", "keep_firing": "30s"}))
    await bot.email(0, 501)
    assert await bot.cards() == []
    bot.restart()
    await bot.email(1, 501)
    assert (await bot.card()).body.level is Level.WARNING
    bot.restart()
    await bot.email(2, 100)
    assert (await bot.card()).body.level is Level.WARNING
    bot.restart()
    await bot.email(3, 100)
    assert (await bot.card()).body.level is Level.OK


async def test_firing_again_after_the_end_is_a_new_incident(bot: Bot) -> None:
    for number, value in enumerate((501, 100, 501)):
        await bot.email(number, value)
    cards = await bot.cards()
    assert [card.body.level for card in cards] == [Level.OK, Level.WARNING]
    assert len({card.key for card in cards}) == 2


async def test_the_incident_and_its_message_are_committed_together_or_not_at_all(database: Database) -> None:
    class Broken(Outbox):
        async def put_all(self, several: Collection[Message], now: datetime, *, connection: Any) -> None:
            await super().put_all(several, now, connection=connection)
            raise BotError("killed here")

    bot = Bot(database, policy())
    stores = Stores(database, Incidents(database), Samples(database), Broken(database), Silences(database))
    dying = Alerting(stores, policy=lambda: bot.rules, catalog=CATALOG, channel="C1")
    with pytest.raises(BotError):
        await dying.tick([waiting("email", 501)], NOW)
    assert await bot.cards() == []
    assert await bot.stores.incidents.firing() == {}
    await bot.email(1, 501)
    assert (await bot.card()).version == 1


async def test_a_system_that_is_down_is_critical_and_says_why(bot: Bot) -> None:
    down = Observation(metric="system_up", labels={"system": "redis"}, value=0, at=NOW, reason="connection refused")
    await bot.tick(0, down)
    card = await bot.card()
    assert (card.body.level, card.body.title) == (Level.CRITICAL, "Redis is unreachable")
    assert [line.value for line in parts(card.body, Line)] == ["failing"]
    assert "connection refused" in str(card.body)
    await bot.tick(2, down._replace(value=1.0, reason="", at=NOW + 2 * TICK))
    assert (await bot.card()).body.title == "Resolved after 1 min: Redis answers again"


async def test_an_alert_whose_rule_is_gone_is_closed_as_unknown(bot: Bot) -> None:
    await bot.email(0, 501)
    bot.rules = policy(REDIS_RULE)
    await bot.email(1, 501)
    card = await bot.card()
    assert (card.body.level, card.body.title) == (Level.UNKNOWN, "Closed: Email queue: jobs waiting")


async def test_many_at_once_are_one_message_and_none_is_dropped(bot: Bot) -> None:
    names = [f"q{number}" for number in range(12)]
    await bot.tick(0, *(waiting(name, 501 if name != "q3" else 2001) for name in names))
    digest = await bot.card()
    assert digest.body.title == "12 new alerts at once"
    assert "1 critical and 11 warnings began at " in said(digest.body)
    assert (digest.body.level, digest.priority) == (Level.CRITICAL, CRITICAL)
    assert {line.label for line in parts(digest.body, Line)} == {f"Queue ({name})" for name in names}
    assert len(await bot.stores.incidents.firing()) == 12
    # A value that moves makes no card of its own, an end does.
    await bot.tick(4, *(waiting(name, 505 if name != "q3" else 2005, NOW + 4 * TICK) for name in names))
    assert len(await bot.cards()) == 1
    rest = [waiting(name, 505, NOW + 5 * TICK) for name in names if name != "q3"]
    await bot.tick(5, waiting("q3", 0, NOW + 5 * TICK), *rest)
    resolved = [
        card for card in await bot.cards() if card.body.title.startswith("Resolved") and "Queue (q3)" in card.body.title
    ]
    assert len(resolved) == 1


async def test_many_that_end_at_once_without_a_card_are_one_message_too(bot: Bot) -> None:
    names = [f"q{number}" for number in range(60)]
    await bot.tick(0, *(waiting(name, 501 if name != "q59" else 2001) for name in names))
    (began,) = await bot.cards()
    lines = [line.label for line in parts(began.body, Line)]
    assert (lines[0], len(lines)) == ("Queue (q59)", 40)
    assert any("and 20 more" in str(note) for note in began.body.parts)
    await bot.tick(1, *(waiting(name, 0, NOW + TICK) for name in names))
    over = (await bot.cards())[-1]
    assert (over.body.title, over.body.level) == ("60 alerts are resolved", Level.OK)
    assert len(await bot.cards()) == 2
    assert await bot.stores.incidents.firing() == {}


async def test_alerts_that_the_policy_groups_share_a_card_through_their_lives(database: Database) -> None:
    rules = policy().model_copy(
        update={"notifications": Notifications.model_validate({"group_by": ["alert"], "group_interval": "1m"})}
    )
    bot = Bot(database, rules)
    await bot.tick(0, waiting("report", 501))
    assert (await bot.card()).body.title == "Queue (report)"
    await bot.tick(1, waiting("report", 501, NOW + TICK), waiting("webhook", 1200, NOW + TICK))
    card = await bot.card()
    assert (card.body.title, card.body.level) == ("Queue (webhook), and 1 more", Level.CRITICAL)
    assert [line.label for line in parts(card.body, Line)] == ["Queue (webhook)", "Queue (report)"]
    assert [title for _, title in await bot.rings()] == ["Now critical: Queue (webhook), and 1 more"]
    at = NOW + 4 * TICK
    await bot.tick(4, waiting("report", 501, at), waiting("webhook", 1200, at), waiting("workflow", 600, at))
    assert [title for _, title in await bot.rings()][1:] == ["More of it: Queue (webhook), and 2 more"]
    over = [waiting(queue, 0, NOW + 5 * TICK) for queue in ("report", "webhook", "workflow")]
    await bot.tick(5, *over)
    assert (await bot.card()).body.level is Level.OK


async def test_what_is_on_and_off_keeps_its_card_and_says_so(bot: Bot) -> None:
    for number, value in enumerate((501, 0, 501, 0, 501)):
        await bot.email(number, value)
    cards = await bot.cards()
    assert len(cards) == 3
    assert "On and off: it began 3 times or more within 30 min" in str(cards[-1].body)
    await bot.email(5, 0)
    calm = (await bot.cards())[-1]
    assert "Within its limit since" in str(calm.body)
    assert [line.level for line in parts(calm.body, Line)] == [Level.OK]
    await bot.email(6, 501)
    assert len(await bot.cards()) == 3
    assert await bot.rings() == []
    await bot.email(7, 0)
    await bot.email(7 + 20, 0)
    assert (await bot.cards())[-1].body.level is Level.OK


async def test_what_nobody_has_rings_again_after_the_policys_interval(bot: Bot) -> None:
    await bot.email(0, 501)
    await bot.email(479, 501)
    assert await bot.rings() == []
    await bot.email(480, 501)
    assert [title for _, title in await bot.rings()] == ["Still firing: Email queue: jobs waiting"]
    await bot.email(481, 501)
    assert len(await bot.rings()) == 1


async def test_a_silence_that_mutes_nothing_any_longer_is_ended_with_the_reason(bot: Bot) -> None:
    silence = Silence(
        id="s",
        matchers=("queue=email",),
        owner=Actor(id="U1", name="Otto"),
        reason="x",
        since=NOW,
        until=NOW + 200 * TICK,
    )
    await bot.stores.silences.start(silence)
    await bot.email(0, 501)
    await bot.email(1, 0)
    await bot.email(59, 0)
    assert len(await bot.stores.silences.active(NOW)) == 1
    await bot.email(61, 0)
    assert await bot.stores.silences.active(NOW) == []
    ((ended,), _) = await bot.stores.silences.ended_since(NOW, NOW + 61 * TICK, limit=10)
    assert ended.by == "nothing matches it any longer"


async def test_ten_at_once_are_ten_cards(bot: Bot) -> None:
    await bot.tick(0, *(waiting(f"q{number}", 501) for number in range(10)))
    assert len(await bot.cards()) == 10


async def test_a_state_of_another_version_starts_anew(bot: Bot) -> None:
    await bot.email(0, 501)
    async with bot.database.transaction() as connection:
        await connection.execute(sa.update(alert_states).values(state={"strange": True}))
    await bot.email(1, 501)
    assert (await bot.card()).body.level is Level.WARNING


async def test_incidents_are_listed_newest_first(bot: Bot) -> None:
    for number, value in enumerate((501, 100, 1001)):
        await bot.email(number, value)
    opened, number = await bot.stores.incidents.opened_since(NOW, limit=10)
    assert [(one.state, one.severity) for one in opened] == [("firing", "critical"), ("resolved", "warning")]
    assert number == 2
    assert await bot.stores.incidents.opened_since(NOW + timedelta(minutes=5), limit=10) == ([], 0)


async def test_replicas_ticking_at_once_open_one_incident(tmp_path: Path) -> None:
    databases = [Database(f"sqlite:///{tmp_path / 'state.db'}") for _ in range(4)]
    await with_tables(databases[0])
    bots = [Bot(database, policy()) for database in databases]
    await asyncio.gather(*(bot.email(0, 501) for bot in bots))
    assert (await bots[0].card()).version == 1
    for database in databases:
        await database.close()


async def test_an_end_in_the_same_minute_says_one_time(bot: Bot) -> None:
    await bot.email(0, 501)
    await bot.email(1, 0)
    moments = [span for text in parts((await bot.card()).body, Text) for span in text.spans if isinstance(span, When)]
    assert moments == [When(at=NOW)]
    await bot.email(2, 501)
    await bot.email(9, 0)
    texts = parts((await bot.cards())[-1].body, Text)
    assert [type(span) for text in texts for span in text.spans] == [str, When, str, When]


async def test_another_reason_for_the_same_value_changes_the_card(bot: Bot) -> None:
    slow = "Redis answers slowly or not at all: no answer within 2 s"
    for number, words in enumerate((slow, "")):
        at = NOW + number * TICK
        down = Observation(metric="system_up", labels={"system": "redis"}, value=0, at=at, summary=words)
        await bot.tick(number, down)
        assert (await bot.card()).body.title == (words or "Redis is unreachable")


async def test_a_first_card_of_its_own_rings_once(bot: Bot) -> None:
    names = [f"q{number}" for number in range(12)]
    await bot.tick(0, *(waiting(name, 501) for name in names))
    await bot.tick(1, *(waiting(name, 501 if name != "q3" else 2001, NOW + TICK) for name in names))
    assert len(await bot.cards()) == 2
    assert await bot.rings() == []


RECEIVERS: dict[str, Any] = {
    "room": {"slack": True},
    "oncall": {"slack": "#oncall", "pagerduty": True, "mail": True},
    "queues": {"slack": "#queues", "mail": ["queues@example.com"]},
}
ROUTES: list[dict[str, Any]] = [
    {"matchers": ["severity=critical"], "receivers": ["room", "oncall"], "continue": True},
    {"matchers": ["queue=report"], "receivers": ["queues"]},
    {"receivers": ["room"]},
]


@pytest.fixture
def routed(database: Database) -> Bot:
    made = policy().model_copy(
        update={
            "receivers": {name: Receiver.model_validate(one) for name, one in RECEIVERS.items()},
            "routes": tuple(map(Route.model_validate, ROUTES)),
        }
    )
    bot = Bot(database, made)
    bot.alerting = Alerting(
        bot.stores, policy=lambda: made, catalog=CATALOG, channel="C1", pagerduty=True, address="alerts@novapulse.com"
    )
    return bot


async def went(bot: Bot) -> list[tuple[str, str, str]]:
    """What was put: the way, the place or the page's action, and the title."""
    found = [one for one in await bot.cards() if not one.thread_of]
    return sorted((one.via, one.page.action if one.page else one.channel, one.body.title) for one in found)


async def test_an_alert_goes_where_its_labels_say(routed: Bot) -> None:
    await routed.tick(0, waiting("email", 600), waiting("report", 600))
    assert [one[:2] for one in await went(routed)] == [
        ("mail", "queues@example.com"),
        ("slack", "#queues"),
        ("slack", "C1"),
    ]


async def test_what_becomes_critical_pages_and_its_end_is_told_to_whom_it_was_told(routed: Bot) -> None:
    await routed.email(0, 600)
    assert [one[:2] for one in await went(routed)] == [("slack", "C1")]
    await routed.email(1, 1200)
    assert [one[:2] for one in await went(routed)] == [
        ("mail", "alerts@novapulse.com"),
        ("pagerduty", "trigger"),
        ("slack", "#oncall"),
        ("slack", "C1"),
    ]
    await routed.email(2, 0)
    ended = await went(routed)
    assert [one[:2] for one in ended] == [
        ("mail", "alerts@novapulse.com"),
        ("mail", "alerts@novapulse.com"),
        ("pagerduty", "resolve"),
        ("slack", "#oncall"),
        ("slack", "C1"),
    ]
    assert len({title for way, _, title in ended if way != "mail"}) == 1


async def test_a_value_that_moves_is_no_new_page_and_an_acknowledgement_is(routed: Bot) -> None:
    await routed.email(0, 1200)
    await routed.email(1, 1300)
    (incident,) = (await routed.stores.incidents.firing()).values()
    page = await routed.stores.outbox.posted(f"pagerduty:{incident.id}")
    assert page is not None
    assert (page.version, page.page) == (1, Page(incident.id, "trigger", "critical"))
    await routed.stores.incidents.acknowledge(incident.id, "Otto", NOW + 1.5 * TICK)
    await routed.email(2, 1300)
    page = await routed.stores.outbox.posted(f"pagerduty:{incident.id}")
    assert page is not None
    assert (page.version, page.page) == (2, Page(incident.id, "acknowledge", "critical"))


async def test_many_at_once_are_one_message_for_each_place_and_a_page_for_each(routed: Bot) -> None:
    await routed.tick(0, *(waiting(f"q{number}", 1200) for number in range(12)))
    assert [one[:2] for one in await went(routed)] == [
        ("mail", "alerts@novapulse.com"),
        *[("pagerduty", "trigger")] * 12,
        ("slack", "#oncall"),
        ("slack", "C1"),
    ]


async def test_a_way_that_is_not_set_up_is_left_out(routed: Bot) -> None:
    routed.restart()
    await routed.email(0, 1200)
    assert [one[:2] for one in await went(routed)] == [("slack", "#oncall"), ("slack", "C1")]


async def crowd(bot: Bot, tick: float, number: int, value: float, *more: Observation, critical: int = 0) -> None:
    """Observe so many queues at once; the first of them are critical."""
    at = NOW + tick * TICK
    depths = [2001 if index < critical else value for index in range(number)]
    found = [waiting(f"q{index:02}", depth, at) for index, depth in enumerate(depths)]
    await bot.alerting.tick([*found, *more], at)


def is_up(*, up: bool) -> Observation:
    return Observation(metric="system_up", labels={"system": "redis"}, value=float(up), at=NOW, reason="refused")


async def cards_of_their_own(bot: Bot, number: int) -> None:
    """Give so many queues a card each: few begin at once."""
    for several in range(number):
        await crowd(bot, several / 100, several + 1, 501)
    assert len(await bot.cards()) == number


async def test_what_repeats_at_once_is_one_message_and_the_cards_are_edited(bot: Bot) -> None:
    await cards_of_their_own(bot, 12)
    versions = {card.key: card.version for card in await bot.cards()}
    await crowd(bot, 500, 12, 502)
    (digest,) = [card for card in await bot.cards() if card.key not in versions]
    assert (digest.body.title, digest.body.level) == ("12 alerts still fire", Level.WARNING)
    assert {line.label for line in parts(digest.body, Line)} == {f"Queue (q{number:02})" for number in range(12)}
    assert "502" in str(digest.body)
    assert await bot.rings() == []
    assert all(card.version == versions[card.key] + 1 for card in await bot.cards() if card.key in versions)


async def test_what_turns_critical_at_once_is_one_message_that_calls(bot: Bot) -> None:
    await cards_of_their_own(bot, 12)
    await crowd(bot, 1, 12, 501, critical=11)
    digest = (await bot.cards())[-1]
    assert (digest.body.title, digest.priority) == ("11 alerts are now critical", CRITICAL)
    assert "On call: " in said(digest.body)
    assert "notify=True" in str(digest.body)
    assert len([card for card in await bot.cards() if card.body.level is Level.CRITICAL]) == 12
    assert await bot.rings() == []


async def test_what_is_no_longer_muted_at_once_is_one_message_that_says_by_what(bot: Bot) -> None:
    inhibition = {"source": ["alert=redis-down"], "target": ["alert=queue-depth"]}
    bot.rules = bot.rules.model_copy(update={"inhibitions": (Inhibition.model_validate(inhibition),)})
    await cards_of_their_own(bot, 12)
    await crowd(bot, 1, 12, 501, is_up(up=False))
    versions = {card.key: card.version for card in await bot.cards()}
    await crowd(bot, 5, 12, 501, is_up(up=True), critical=1)
    (digest,) = [card for card in await bot.cards() if card.key not in versions]
    assert (digest.body.title, digest.body.level) == ("12 alerts are no longer muted and still fire", Level.CRITICAL)
    assert "1 critical and 11 warnings as of " in said(digest.body)
    assert 'Until now: explained by "Redis is unreachable".' in said(digest.body)
    assert [line.level for line in parts(digest.body, Line)] == [Level.CRITICAL] + [Level.WARNING] * 11
    assert await bot.rings() == []
    assert all(one.muted == "" for one in (await bot.stores.incidents.firing()).values())


async def test_what_came_in_a_digest_repeats_in_one_too_and_gets_no_card_by_it(bot: Bot) -> None:
    await crowd(bot, 0, 60, 501, critical=45)
    await crowd(bot, 500, 60, 502, critical=45)
    began, goes_on = await bot.cards()
    assert (began.body.title, goes_on.body.title) == ("60 new alerts at once", "60 alerts still fire")
    assert len(parts(goes_on.body, Line)) == 40
    assert {line.level for line in parts(goes_on.body, Line)} == {Level.CRITICAL}
    assert "and 20 more, 5 of them critical: /alerts lists all that fires." in str(goes_on.body)
    firing = (await bot.stores.incidents.firing()).values()
    assert {(one.notified_at, one.rung_at) for one in firing} == {(None, NOW + 500 * TICK)}
    await crowd(bot, 501, 60, 0)
    assert "and 20 more, 5 of them critical: /alerts resolved lists what is over." in str((await bot.cards())[-1].body)


async def test_few_ring_in_the_threads_of_their_cards(bot: Bot) -> None:
    await cards_of_their_own(bot, 10)
    await crowd(bot, 500, 10, 501)
    assert len(await bot.rings()) == 10
    assert len(await bot.cards()) == 10


async def test_of_what_begins_together_the_furthest_beyond_its_limit_is_named_first(bot: Bot) -> None:
    depths = [600.0 + number * 10 for number in range(12)] + [2100.0, 2300.0]
    await bot.tick(0, *(waiting(f"q{number:02}", depth) for number, depth in enumerate(depths)))
    labels = [line.label for line in parts((await bot.card()).body, Line)]
    assert labels[:4] == ["Queue (q13)", "Queue (q12)", "Queue (q11)", "Queue (q10)"]
    assert labels[-1] == "Queue (q00)"


OF_THE_MAIL_TEAM = EMAIL_RULE | {"labels": {"team": "mail"}}
DOWN = Observation(metric="system_up", labels={"system": "redis"}, value=0, at=NOW)


def test_a_rules_own_label_chooses_the_route() -> None:
    (finding,) = evaluate(policy(OF_THE_MAIL_TEAM).alerts, [waiting("email", 501)], {}, NOW)
    routes = [Route.model_validate({"matchers": ["team=mail"], "receivers": ["theirs"]}), Route(receivers=("room",))]
    assert receivers_of(routes, finding.labels) == ("theirs",)


@pytest.mark.parametrize(("team", "muted"), [("mail", True), ("web", False)])
async def test_a_rules_own_label_is_what_an_inhibition_looks_at(database: Database, team: str, muted: bool) -> None:
    rules = policy(OF_THE_MAIL_TEAM, REDIS_RULE)
    inhibition = Inhibition.model_validate({"source": ["alert=redis-down"], "target": [f"team={team}"]})
    bot = Bot(database, rules.model_copy(update={"inhibitions": (inhibition,)}))
    await bot.tick(0, waiting("email", 501), DOWN)
    assert await _muted(bot) == muted


@pytest.mark.parametrize(("team", "muted"), [("mail", True), ("web", False)])
async def test_a_rules_own_label_is_what_a_silence_looks_at(database: Database, team: str, muted: bool) -> None:
    bot = Bot(database, policy(OF_THE_MAIL_TEAM))
    owner, until = Actor(id="U1", name="Otto"), NOW + 200 * TICK
    await bot.stores.silences.start(
        Silence(id="s", matchers=(f"team={team}",), owner=owner, reason="x", since=NOW, until=until)
    )
    await bot.email(0, 501)
    assert await _muted(bot) == muted


async def _muted(bot: Bot) -> bool:
    (found,) = [one for one in (await bot.stores.incidents.firing()).values() if "queue" in one.alert.labels]
    return bool(found.muted)


async def test_a_shared_card_counts_whom_it_does_not_name_and_says_what_lists_them(database: Database) -> None:
    notified = Notifications.model_validate({"group_by": ["severity"]})
    bot = Bot(database, policy().model_copy(update={"notifications": notified}))
    await crowd(bot, 0, 18, 501)
    assert "and 3 more: /alerts alert=queue-depth" in str((await bot.card()).body)
    await crowd(bot, 1, 18, 501, waiting("email", 501, NOW + TICK))
    assert "and 4 more: /alerts alert=~email-queue|queue-depth" in str((await bot.card()).body)
