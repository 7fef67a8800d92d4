"""The webhooks of the pretend NovaPulse and the log of their deliveries."""

import re
from collections.abc import Callable
from typing import Any

from sandbox.api.answers import HttpError, iso

ACTIVE = "65f0c0ffee0000000000a001"
INACTIVE = "65f0c0ffee0000000000a002"
UNTESTABLE = "65f0c0ffee0000000000a003"
OF_ANOTHER_COMPANY = "65f0c0ffee0000000000b001"
LOGS_SHOWN = 50
COMPANY = "65f0c0ffee0000000000c001"


class Webhooks:
    """Webhooks by id, and delivery logs, the oldest first."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.deliveries: list[dict[str, Any]] = []
        self.answers: dict[str, int | None] = {}  # what a webhook's receiver answers, 200 else; None: nothing in time
        self._clock = clock
        self._webhooks = {
            ACTIVE: _webhook(ACTIVE, ["invoice.paid", "contact.created", "webhook.test"], active=True),
            INACTIVE: _webhook(INACTIVE, ["invoice.paid", "webhook.test"], active=False),
            UNTESTABLE: _webhook(UNTESTABLE, ["invoice.paid"], active=True),
        }

    @property
    def all(self) -> list[dict[str, Any]]:
        """Every webhook, as the database holds it."""
        return list(self._webhooks.values())

    def get(self, webhook_id: str) -> dict[str, Any]:
        """Return a webhook with its secret, as the API does; raises ``HttpError``."""
        if not re.fullmatch(r"[0-9a-f]{24}", webhook_id):
            raise HttpError(500, "Internal server error")
        if webhook_id not in self._webhooks:
            raise HttpError(404, "Webhook not found")
        return self._webhooks[webhook_id]

    def testable(self, webhook_id: str) -> dict[str, Any]:
        """Return a webhook that takes test deliveries; raises ``HttpError``."""
        found = self.get(webhook_id)
        if not found["isActive"] or "webhook.test" not in found["events"]:
            raise HttpError(400, "Webhook is not active or does not listen to webhook.test")
        return found

    def logs(self, webhook_id: str) -> list[dict[str, Any]]:
        """Return the newest deliveries first, always 50 at most."""
        self.get(webhook_id)
        found = [log for log in self.deliveries if log["webhookId"] == webhook_id]
        return found[: -LOGS_SHOWN - 1 : -1]

    def arrived(self, webhook_id: str, event: str) -> None:
        """Note a worker's delivery as the receiver answers it; where it fails, all three attempts at once."""
        code = self.answers.get(webhook_id, 200)
        failed = code is None or code >= 400  # noqa: PLR2004 - the first status of an error
        for attempt in range(1, 4 if failed else 2):
            self.delivered(webhook_id, event, status_code=code, attempt=attempt)

    def delivered(self, webhook_id: str, event: str, *, status_code: int | None = 200, attempt: int = 1) -> None:
        """Note a delivery; without a status code it timed out. A 4xx answer is written twice, as deployed."""
        now = iso(self._clock())
        row: dict[str, Any] = {"webhookId": webhook_id, "event": event, "attempt": attempt, "createdAt": now}
        row |= {"payload": {"event": event}, "duration": 10_000 if status_code is None else 184}
        if status_code is None:
            row |= {"status": "failed", "errorMessage": "timeout of 10000ms exceeded"}
        elif status_code < 400:  # noqa: PLR2004 - the first status of an error
            row |= {"status": "success", "statusCode": status_code, "responseBody": "ok", "deliveredAt": now}
        else:
            row |= {"status": "failed", "statusCode": status_code, "responseBody": "no such hook"}
        twice = status_code is not None and 400 <= status_code < 500  # noqa: PLR2004
        for _ in range(2 if twice else 1):
            # As MongoDB makes them: they begin with the time.
            self.deliveries.append({"_id": f"{int(self._clock()):08x}{len(self.deliveries):016x}", **row})


def _webhook(webhook_id: str, events: list[str], *, active: bool) -> dict[str, Any]:
    return {
        "_id": webhook_id,
        "companyId": COMPANY,
        "url": "https://hooks.customer.example/novapulse?token=tok_5b1c9d",
        "secret": "whsec_9f2d7c6b5a4e3f21",
        "events": events,
        "isActive": active,
        "lastStatus": "success" if active else None,
        "lastAttemptAt": None,
    }
