"""``/webhook``: which webhooks there are, and what one is set to."""

from typing import Annotated, Final

from pydantic import Field

from bot.clients import webhooks as client
from bot.clients.known_webhooks import KnownWebhooks, Webhook
from bot.command import command
from bot.reply import Button, Buttons, Fields, Level, Line, Note, Part, Reply, Table, Text, When, say

_SHOWN: Final = 20
_OFFERED: Final = 3
_SOURCE: Final = (
    "From MongoDB, those used last: webhooks of every company. The API's login shows and tests only its own company's."
)


@command(
    "/webhook",
    permission="webhooks:read",
    section="Webhook Delivery Failures",
    runbook=('curl -H "Authorization: Bearer $TOKEN" https://api.novapulse.com/api/v1/webhooks/{webhookId}',),
    examples=("/webhook", "/webhook 65f0c0ffee0000000000a001"),
)
async def webhook(
    webhook: Annotated[str, Field(description="The webhook's id; all of them when left out")] = "",
    *,
    webhooks: client.Webhooks,
) -> Reply:
    """Show a webhook: its URL, the events it listens to and how it went last; never its secret.

    Without an id it lists the webhooks, those whose last delivery failed in front.
    """
    if not webhook.strip():
        return _listed(await webhooks.known())
    identity = await webhooks.identified(webhook)
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


def _listed(found: KnownWebhooks) -> Reply:
    number = len(found.webhooks)
    if not found.webhooks:
        return say("There is no webhook", Note.of(_SOURCE), level=Level.INFO)
    failed = [one for one in found.webhooks if one.last_status == "failed"]
    title = f"{number:,}{' or more' if found.is_capped else ''} {'webhook' if number == 1 else 'webhooks'}"
    columns = ("id", "URL", "active", "last status", "last attempt (UTC)")
    table = Table(columns=columns, rows=tuple(map(_row, found.webhooks[:_SHOWN])))
    rest = f"{_SHOWN} of {title} are shown. " if number > _SHOWN else ""
    buttons = tuple(
        Button(label=f"Look at \u2026{one.id[-4:]}", action="run", value=f"/webhook {one.id}")
        for one in found.webhooks[:_OFFERED]
    )
    title += f", of {len(failed)} the last delivery failed" if failed else ""
    return say(
        title, table, Note.of(rest + _SOURCE), Buttons(buttons=buttons), level=Level.WARNING if failed else Level.INFO
    )


def _row(one: Webhook) -> tuple[str, ...]:
    active = {True: "yes", False: "no", None: "unknown"}[one.is_active]
    when = one.last_attempt_at.strftime("%Y-%m-%d %H:%M:%S") if one.last_attempt_at else "none yet"
    return (one.id, one.url or "none", active, one.last_status or "none yet", when)


def _problems(found: Webhook) -> list[Line]:
    checks = (
        (found.is_active is False, Level.WARNING, "Inactive", "nothing is delivered to it"),
        (not found.events, Level.WARNING, "No events", "it listens to nothing, or the API does not say to what"),
        (found.has_secret is False, Level.WARNING, "No secret", "the receiver cannot tell that deliveries are genuine"),
        (found.url.startswith("http://"), Level.WARNING, "Not encrypted", "the URL is plain HTTP"),
        (found.last_status == "failed", Level.WARNING, "Last delivery", "failed; /webhook-logs says why"),
        (found.is_active is None, Level.UNKNOWN, "Active", "the API does not say whether it is"),
    )
    return [Line(level=level, label=label, value=value) for holds, level, label, value in checks if holds]
