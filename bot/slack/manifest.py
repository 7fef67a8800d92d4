"""The Slack app manifest, derived from the catalogue: a workspace is set up by pasting it."""

import json
from typing import Any, Final

from bot.catalog import UMBRELLA, Catalog
from bot.errors import UserError

SCOPES: Final = (
    "channels:history",  # finding out whether a message whose answer was lost is there; the self-test's events
    "channels:read",  # the id of the alerts channel
    "chat:write",
    "chat:write.public",  # answers in channels that the bot was not invited to
    "commands",
    "files:write",  # long output
    "groups:history",
    "groups:read",
    "im:history",
)
EVENTS: Final = (
    "app_home_opened",
    "message.channels",  # the self-test: the bot is told of the edit that it makes itself
    "message.groups",
)
MOST_COMMANDS: Final = 50
LONGEST_NAME: Final = 32
_DESCRIPTION: Final = 2_000
_HINT: Final = 1_000
_UMBRELLA_DESCRIPTION: Final = "Run any command of the operations runbook; alone, show which you may run here."
_ABOUT: Final = (
    "Runs the operations runbook of NovaPulse from Slack: queue statistics and health at a glance, scaling with a "
    "second person's approval, a morning checklist, and alerts that are one live card each. What it does is planned, "
    "shown, approved and recorded."
)


def manifest(catalog: Catalog, *, prefix: str = "", url: str = "") -> dict[str, Any]:
    """Return the manifest. With ``url`` (https://host/slack/events) Slack posts there instead of over a socket.

    Raises UserError where the prefix makes a command's name longer than Slack takes, or there are more than it takes.
    """
    address = {"request_url": url} if url else {}
    return {
        "_metadata": {"major_version": 1, "minor_version": 1},
        "display_information": {
            "name": "NovaPulse Operations",
            "description": "The operations runbook as slash commands, with approvals and alerts",
            "long_description": _ABOUT,
            "background_color": "#1d3557",
        },
        "features": {
            "app_home": {
                "home_tab_enabled": True,
                "messages_tab_enabled": True,
                "messages_tab_read_only_enabled": True,
            },
            "bot_user": {"display_name": "novapulse", "always_online": True},
            "slash_commands": _commands(catalog, prefix, url),
        },
        "oauth_config": {"scopes": {"bot": list(SCOPES)}},
        "settings": {
            "event_subscriptions": {"bot_events": list(EVENTS)} | address,
            "interactivity": {"is_enabled": True} | address,
            "org_deploy_enabled": False,
            "socket_mode_enabled": not url,
            "token_rotation_enabled": False,
        },
    }


def as_json(catalog: Catalog, *, prefix: str = "", url: str = "") -> str:
    """Return the manifest as the text to paste."""
    return json.dumps(manifest(catalog, prefix=prefix, url=url), indent=2, ensure_ascii=False)


def slash(name: str, prefix: str) -> str:
    """Return a command's name as it is typed in a workspace with this prefix."""
    return "/" + prefix.lstrip("/") + name.lstrip("/")


def _commands(catalog: Catalog, prefix: str, url: str) -> list[dict[str, str]]:
    """Return the commands, the umbrella first."""
    declared = [(c.name, c.description, c.usage_hint) for c in catalog.commands.values()]
    found = [(UMBRELLA, _UMBRELLA_DESCRIPTION, "<command> [arguments]"), *declared]
    if len(found) > MOST_COMMANDS:
        raise UserError(f"These are {len(found)} commands with {UMBRELLA}, and Slack takes {MOST_COMMANDS} of an app.")
    return [_command(slash(name, prefix), description, hint, url) for name, description, hint in found]


def _command(name: str, description: str, hint: str, url: str) -> dict[str, str]:
    if len(name) > LONGEST_NAME:
        raise UserError(f"{name} is longer than Slack's {LONGEST_NAME} characters: choose a shorter COMMAND_PREFIX.")
    command = {"command": name, "description": description[:_DESCRIPTION]}
    if hint:
        command["usage_hint"] = hint[:_HINT]
    return command | ({"url": url} if url else {})
