"""What webhooks are set to, and which there are: the API shows one by its id, MongoDB has all of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from bot.clients.mongo import Mongo, beginnings
from bot.clients.webhook_attempts import TEXT_LIMIT, moment, short

READ: Final = 200
# Masked before it is cut, so that no secret is halved.
_URL_LIMIT: Final = 4 * TEXT_LIMIT
# Never the secret.
_SHOWN: Final = (
    {"isActive": 1, "lastAttemptAt": 1} | beginnings(TEXT_LIMIT, "lastStatus") | beginnings(_URL_LIMIT, "url")
)


@dataclass(frozen=True)
class Webhook:
    """A webhook without its secret; ``has_secret`` says whether it has one, None is unknown. Texts are masked."""

    id: str
    url: str
    events: tuple[str, ...]
    is_active: bool | None
    has_secret: bool | None
    last_status: str
    last_attempt_at: datetime | None


@dataclass(frozen=True)
class KnownWebhooks:
    """Those whose last delivery failed in front, then the ones used last; their events and secrets are not read.

    ``is_capped`` says that there may be more than the ``READ`` that were used last.
    """

    webhooks: tuple[Webhook, ...]
    is_capped: bool


async def known_webhooks(mongo: Mongo) -> KnownWebhooks:
    """Read the webhooks that were used last, of every company; raises as MongoDB's client does."""
    newest: list[dict[str, Any]] = [{"$sort": {"lastAttemptAt": -1}}, {"$limit": READ}, {"$project": _SHOWN}]
    async with mongo.database(5.0) as database:
        rows = await (await database["webhooks"].aggregate(newest, maxTimeMS=4000)).to_list()
    found = [described(str(row["_id"]), row) for row in rows]
    found.sort(key=lambda webhook: webhook.last_status != "failed")
    return KnownWebhooks(tuple(found), len(rows) >= READ)


def described(identity: str, found: Mapping[str, Any]) -> Webhook:
    """Say what a webhook is set to, given as the API or the database has it."""
    events, active = found.get("events"), found.get("isActive")
    url, _, query = str(found.get("url") or "").partition("?")
    return Webhook(
        id=identity,
        url=short(url) + ("?***" if query else ""),
        events=tuple(short(event) for event in events if short(event)) if isinstance(events, list) else (),
        is_active=active if isinstance(active, bool) else None,
        has_secret=bool(found["secret"]) if "secret" in found else None,
        last_status=short(found.get("lastStatus")),
        last_attempt_at=moment(found.get("lastAttemptAt")),
    )
