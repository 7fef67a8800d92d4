"""``/webhook``: what a webhook is set to."""

from typing import Annotated

from pydantic import Field

from bot.clients import webhooks as client
from bot.command import command
from bot.reply import Button, Buttons, Fields, Level, Line, Note, Part, Reply, Text, When, say


@command(
    "/webhook",
    permission="webhooks:read",
    section="Webhook Delivery Failures",
    runbook=('curl -H "Authorization: Bearer $TOKEN" https://api.novapulse.com/api/v1/webhooks/{webhookId}',),
    examples=("/webhook 65f0c0ffee0000000000a001",),
)
async def webhook(
    webhook: Annotated[str, Field(description="The webhook's id")],
    *,
    webhooks: client.Webhooks,
) -> Reply:
    """Show a webhook: its URL, the events it listens to and how it went last; never its secret."""
    identity = client.webhook_id(webhook)
    found = await webhooks.webhook(identity)
    lines = _problems(found)
    level = lines[0].level if lines else Level.OK
    pairs = (
        ("URL", found.url or "none"),
        ("Active", {True: "yes", False: "no", None: "unknown"}[found.is_active]),
        ("Last status", found.last_status or "none yet"),
        ("Secret", {True: "set (***)", False: "none", None: "the API does not say"}[found.has_secret]),
        ("Events", ", ".join(found.events) or "none"),
    )
    parts: list[Part] = [*lines, Fields(pairs=pairs)]
    if found.last_attempt_at:
        parts.append(Text.of("Last attempt ", When(at=found.last_attempt_at)))
    steps = (
        Button(label="Webhook logs", action="run", value=f"/webhook-logs {identity}"),
        Button(label="Test webhook…", action="form", value=f"/test-webhook {identity}"),
    )
    note = Note.of("What stands behind the URL's ? and the secret are never shown.")
    return say(f"Webhook {identity}", *parts, note, Buttons(buttons=steps), level=level)


def _problems(found: client.Webhook) -> list[Line]:
    checks = (
        (found.is_active is False, Level.WARNING, "Inactive", "nothing is delivered to it"),
        (not found.events, Level.WARNING, "No events", "it listens to nothing, or the API does not say to what"),
        (found.has_secret is False, Level.WARNING, "No secret", "the receiver cannot tell that deliveries are genuine"),
        (found.url.startswith("http://"), Level.WARNING, "Not encrypted", "the URL is plain HTTP"),
        (found.last_status == "failed", Level.WARNING, "Last delivery", "failed; /webhook-logs says why"),
        (found.is_active is None, Level.UNKNOWN, "Active", "the API does not say whether it is"),
    )
    return [Line(level=level, label=label, value=value) for holds, level, label, value in checks if holds]
