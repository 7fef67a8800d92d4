"""NovaPulse's webhooks: what they are, how deliveries went, and a delivery for a test.

Logs come from the API (its newest 50 rows) or from MongoDB, which has all of them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final, Literal

from bson import ObjectId

from bot.attempt import attempt
from bot.clients.api import LONG_LIMIT, NovaPulseApi
from bot.clients.api_answers import SYSTEM, Answer, data, require_ok
from bot.clients.known_webhooks import KnownWebhooks, Webhook, described, known_webhooks
from bot.clients.mongo import Mongo, beginnings
from bot.clients.webhook_attempts import TEXT_LIMIT, Attempt, attempts, moment
from bot.errors import BotError, NotFound, PermanentError, Unavailable, UsageError
from bot.plan import Progress, condition, operation

TEST_EVENT: Final = "webhook.test"
API_ROWS: Final = 50
DATABASE_ROWS: Final = 400
RECENT_ROWS: Final = 2_000
_NAMED: Final = 5
LAST_ATTEMPT: Final = 3  # the worker makes no more
_NEVER: Final = datetime.min.replace(tzinfo=UTC)
_NEVER_SENT: Final = ("connection refused", "name not known")
_ID: Final = re.compile(r"""(?:ObjectId\(\s*)?["']?([0-9a-fA-F]{24})["']?\s*\)?""")
_COUNTED: Final = dict.fromkeys(("webhookId", "statusCode", "attempt", "createdAt"), 1) | beginnings(
    TEXT_LIMIT, "event", "status"
)
_SHOWN: Final = _COUNTED | {"duration": 1} | beginnings(TEXT_LIMIT, "errorMessage", "responseBody")

Source = Literal["api", "db"]


@dataclass(frozen=True)
class Deliveries:
    """Attempts, the newest first; ``is_capped`` says that there may be more than were read."""

    attempts: list[Attempt]
    source: Source
    is_capped: bool


def webhook_id(text: str) -> str:
    """Return the id of a webhook as the API takes it; raises ``UsageError`` for what would make the API fail."""
    found = _ID.fullmatch(text.strip())
    if found is None:
        message = "That is no webhook id: it is 24 digits and letters a to f, such as 65f0c0ffee0000000000a001."
        raise UsageError(message, argument="webhook")
    return found[1].lower()


class Webhooks:
    """Reads webhooks and has test deliveries made; needs the API's login, and MongoDB for its logs."""

    def __init__(self, api: NovaPulseApi, mongo: Mongo) -> None:
        self._api = api
        self._mongo = mongo

    async def identified(self, text: str) -> str:
        """Return the id that was typed; raises ``UsageError`` with some that are there for what is none."""
        try:
            return webhook_id(text)
        except UsageError as error:
            raise UsageError(error.message, argument=error.argument, hint=await self._there()) from None

    async def webhook(self, identity: str) -> Webhook:
        """Read a webhook; raises ``NotFound`` with some that are there, else as the API's client does."""
        answer = await self._api.call("GET", f"/webhooks/{identity}")
        found = await self._body(answer, identity, "webhook")
        if not isinstance(found, dict):
            raise Unavailable(SYSTEM, "answered something that is no webhook")
        return described(identity, found)

    async def known(self) -> KnownWebhooks:
        """Read which webhooks there are, from MongoDB; raises as it does."""
        return await known_webhooks(self._mongo)

    async def deliveries(self, identity: str, source: Source) -> Deliveries:
        """Read the newest deliveries; raises ``NotFound`` where the API knows no such webhook."""
        return await (self._from_api(identity) if source == "api" else self._from_database(identity))

    async def recent(self, since: datetime) -> Deliveries:
        """Read the newest attempts of all webhooks from MongoDB, at most ``RECENT_ROWS`` rows; raises as it does.

        The rows' own ids carry the time and are always indexed; no index begins with the time of a row.
        """
        newest: list[dict[str, Any]] = [
            {"$match": {"_id": {"$gte": ObjectId.from_datetime(since)}}}, {"$sort": {"_id": -1}},
            {"$limit": RECENT_ROWS}, {"$project": _COUNTED},
        ]  # fmt: skip
        async with self._mongo.database(5.0) as database:
            rows = await (await database["webhooklogs"].aggregate(newest, maxTimeMS=4000)).to_list()
        of_each: dict[str, list[dict[str, Any]]] = {}
        for row in rows:
            of_each.setdefault(str(row.get("webhookId")), []).append(row)
        found = [one for each in of_each.values() for one in attempts(each)]
        return Deliveries(found, "db", len(rows) >= RECENT_ROWS)

    async def last_test(self, identity: str) -> str:
        """Return the id of the log's newest row of a test delivery; empty where it knows none."""
        found = await self._tests(identity)
        return found[0].id if found else ""

    @operation
    async def send_test(self, webhook: str, after: str) -> dict[str, str | bool]:
        """Enqueue a test delivery, unless one is on record that is newer than the row ``after``.

        Whether a call that got no answer enqueued one cannot be known: it is never made a second time.
        """
        if await self.last_test(webhook) != after:
            return {"changed": False, "message": "a test delivery has been made already"}
        try:
            answer = await self._api.call("POST", f"/webhooks/{webhook}/test", seconds=10.0)
        except Unavailable as error:
            if error.reason in _NEVER_SENT:
                raise
            raise PermanentError(
                f"{error}. Whether the delivery was enqueued is unknown: /webhook-logs {webhook} shows it if it was."
            ) from None
        _require_enqueued(answer)
        return {"changed": True, "message": f"{answer.status}: enqueued for the workers"}

    @condition
    async def test_delivered(self, webhook: str, after: str) -> Progress:
        """Whether a test delivery newer than the row ``after`` arrived, or has failed for the last time."""
        found = await self._tests(webhook)
        ids = [one.id for one in found]
        newer = found[: ids.index(after)] if after in ids else found
        if not newer:
            return Progress(done=False, message="no new row in the webhook's log yet; do the workers run?")
        last = newer[0]
        took = "" if last.duration is None else f" after {last.duration:,.0f} ms"
        said = f"attempt {last.number or 1}: {last.outcome}{took}"
        if last.succeeded:
            return Progress(done=True, message=f"delivered; {said}")
        is_last = (last.number or 1) >= LAST_ATTEMPT
        return Progress(done=False, failed=is_last, message=f"not delivered; {said}")

    async def _tests(self, identity: str) -> list[Attempt]:
        """Read the test deliveries, from MongoDB if possible: the API shows them among the newest 50 rows only."""
        found = await attempt(self._from_database(identity, TEST_EVENT))
        if isinstance(found, BotError):
            found = await self._from_api(identity)
        return [one for one in found.attempts if one.event == TEST_EVENT]

    async def _from_api(self, identity: str) -> Deliveries:
        answer = await self._api.call("GET", f"/webhooks/{identity}/logs", limit=LONG_LIMIT)
        rows = await self._body(answer, identity, "logs")
        if not isinstance(rows, list):
            raise Unavailable(SYSTEM, "answered something that is no log of deliveries")
        return Deliveries(attempts(row for row in rows if isinstance(row, dict)), "api", len(rows) >= API_ROWS)

    async def _body(self, answer: Answer, identity: str, name: str) -> Any:
        """Return what an answer holds under a name, or say what its status means for a webhook."""
        if answer.status == HTTPStatus.NOT_FOUND:
            hint = f"It may belong to another company than the login. {await self._there()}".strip()
            raise NotFound(f"The NovaPulse API knows no webhook {identity}.", hint=hint)
        body = data(answer)
        return body.get(name) if isinstance(body, Mapping) else None

    async def _there(self) -> str:
        """Name some webhooks, as far as MongoDB tells them: a list that cannot be read is no second error."""
        found = await attempt(self.known())
        if isinstance(found, BotError) or not found.webhooks:
            return ""
        some = ", ".join(f"{one.id} ({one.url or 'no URL'})" for one in found.webhooks[:_NAMED])
        more = "; /webhook lists more" if len(found.webhooks) > _NAMED else ""
        return f"There {'is' if len(found.webhooks) == 1 else 'are'} {some}{more}."

    async def _from_database(self, identity: str, event: str = "") -> Deliveries:
        wanted: dict[str, Any] = {"webhookId": ObjectId(webhook_id(identity))} | ({"event": event} if event else {})
        newest: list[dict[str, Any]] = [
            {"$match": wanted}, {"$sort": {"createdAt": -1}}, {"$limit": DATABASE_ROWS}, {"$project": _SHOWN}
        ]  # fmt: skip
        async with self._mongo.database(5.0) as database:
            rows = await (await database["webhooklogs"].aggregate(newest, maxTimeMS=4000)).to_list()
        # Rows of one millisecond come in any order; sorting by _id as well would not use the collection's index.
        rows.sort(key=lambda row: (moment(row.get("createdAt")) or _NEVER, str(row["_id"])), reverse=True)
        return Deliveries(attempts(rows), "db", len(rows) >= DATABASE_ROWS)


def _require_enqueued(answer: Answer) -> None:
    """Raise ``PermanentError`` that says what the API's refusal of a test means, unless it took it."""
    meanings: dict[int, str] = {
        HTTPStatus.BAD_REQUEST: f"the webhook is inactive or does not listen to {TEST_EVENT}; /webhook shows which",
        HTTPStatus.FORBIDDEN: "the bot's login may not test webhooks: it needs the role company_admin or above",
        HTTPStatus.NOT_FOUND: "there is no such webhook, or it belongs to another company than the login",
    }
    if meaning := meanings.get(answer.status):
        raise PermanentError(f"The NovaPulse API {answer.reason()}. That means: {meaning}.")
    try:
        require_ok(answer)
    except Unavailable as error:
        raise PermanentError(f"{error}. Nothing was tried again: whether it was enqueued is unknown.") from None
