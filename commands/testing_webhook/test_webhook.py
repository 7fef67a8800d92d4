"""``/test-webhook``: a plan to have a test delivery made, verified in the webhook's log."""

from typing import Annotated, Final

from pydantic import Field, JsonValue

from bot.clients.known_webhooks import Webhook
from bot.clients.webhooks import TEST_EVENT, Webhooks
from bot.command import command
from bot.errors import UserError
from bot.plan import Change, Plan, Step

# Three attempts of at most 10 s each, the pauses between them, and the queue before them.
DELIVERY_TIMEOUT: Final = 90.0


@command(
    "/test-webhook",
    permission="webhooks:test",
    section="Testing Webhook",
    runbook=(
        'curl -X POST -H "Authorization: Bearer $TOKEN" https://api.novapulse.com/api/v1/webhooks/{webhookId}/test',
        (
            'curl -H "Authorization: Bearer $TOKEN" '
            "https://api.novapulse.com/api/v1/webhooks/{webhookId}/logs | jq '.[0]'"
        ),
    ),
    examples=("/test-webhook 65f0c0ffee0000000000a001",),
)
async def test_webhook(
    webhook: Annotated[str, Field(description="The webhook's id")],
    *,
    webhooks: Webhooks,
) -> Plan:
    """Send a webhook's receiver a test delivery, and see in the log whether it arrived."""
    identity = await webhooks.identified(webhook)
    found = await webhooks.webhook(identity)
    _require_testable(found)
    after = await webhooks.last_test(identity)
    arguments: dict[str, JsonValue] = {"webhook": identity, "after": after}
    return Plan(
        title=f"Send a test delivery to webhook {identity}",
        target=f"webhook/{identity}",
        changes=(Change(what=f"{TEST_EVENT} deliveries to {found.url}", before="-", after="one more"),),
        facts={"url": found.url, "newest test on record": after or "none"},
        steps=(
            Step(
                title="Enqueue the test delivery",
                operation="webhooks.send_test",
                arguments=arguments,
            ),
            Step(
                title="Wait for its rows in the log",
                kind="wait",
                operation="webhooks.test_delivered",
                arguments=arguments,
                timeout=DELIVERY_TIMEOUT,
            ),
        ),
        no_undo="A delivery that was sent cannot be taken back; the receiver sees that it is a test.",
        blast_radius=(f"The receiver gets one {TEST_EVENT} event, up to three times if it does not take it.",),
        warnings=("The last delivery failed.",) if found.last_status == "failed" else (),
    )


def _require_testable(found: Webhook) -> None:
    """Say what the API would answer with 400."""
    if found.is_active is False:
        raise UserError("The webhook is inactive: NovaPulse takes no test for it (400).", hint="Activate it first.")
    if found.events and TEST_EVENT not in found.events:
        message = f"The webhook does not listen to {TEST_EVENT}: NovaPulse takes no test for it (400)."
        raise UserError(message, hint=f"It listens to {', '.join(found.events)}. Subscribe it to {TEST_EVENT} first.")
