import json
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from bot import catalog
from bot.catalog import Catalog
from bot.errors import UserError
from bot.slack.manifest import as_json, manifest
from tests.slack.declared import CATALOG, queue_stats


def text(longest: int, pattern: str = "") -> dict[str, Any]:
    return {"type": "string", "minLength": 1, "maxLength": longest} | ({"pattern": pattern} if pattern else {})


def closed(required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "required": list(required), "properties": properties}


FLAG = {"type": "boolean"}
URL = text(3000, "^https?://")
NAMES = {"type": "array", "items": text(50), "maxItems": 100, "uniqueItems": True}
COMMAND = closed(
    ("command", "description"),
    command={"type": "string", "minLength": 2, "maxLength": 32, "pattern": "^/"},
    description=text(2000),
    usage_hint=text(1000),
    url=URL,
)
# The limits of the parts used here, as Slack's published schema (slackapi/manifest-schema, version 1) states them.
SCHEMA = closed(
    ("display_information",),
    _metadata=closed(major_version={"type": "integer"}, minor_version={"type": "integer"}),
    display_information=closed(
        ("name",),
        name=text(35),
        description=text(140),
        background_color=text(7, "^#[0-9a-fA-F]{6}$"),
        long_description={"type": "string", "minLength": 175, "maxLength": 4000},
    ),
    features=closed(
        app_home=closed(home_tab_enabled=FLAG, messages_tab_enabled=FLAG, messages_tab_read_only_enabled=FLAG),
        bot_user=closed(("display_name",), display_name=text(80), always_online=FLAG),
        slash_commands={"type": "array", "items": COMMAND, "minItems": 1, "maxItems": 50},
    ),
    oauth_config=closed(scopes=closed(bot=NAMES)),
    settings=closed(
        event_subscriptions=closed(request_url=URL, bot_events=NAMES),
        interactivity=closed(("is_enabled",), is_enabled=FLAG, request_url=URL),
        org_deploy_enabled=FLAG,
        socket_mode_enabled=FLAG,
        token_rotation_enabled=FLAG,
    ),
)


@pytest.mark.parametrize("url", ["", "https://bot.example/slack/events"])
@pytest.mark.parametrize("prefix", ["", "np-"])
def test_slack_accepts_the_manifest_of_the_whole_catalogue(prefix: str, url: str) -> None:
    made = manifest(catalog.load(), prefix=prefix, url=url)
    jsonschema.validate(made, SCHEMA)
    assert made["settings"]["socket_mode_enabled"] is not bool(url)
    assert json.loads(as_json(catalog.load(), prefix=prefix, url=url)) == made


def test_every_command_is_there_with_its_prefix_and_no_empty_hint() -> None:
    commands = manifest(CATALOG, prefix="np-")["features"]["slash_commands"]
    assert [found["command"] for found in commands] == ["/np-nova", "/np-queue-stats", "/np-scale-workers"]
    assert commands[1]["usage_hint"] == "[queue]"
    assert all(found.get("usage_hint", "x") for found in commands)


def test_more_commands_than_slack_takes_are_left_to_the_umbrella() -> None:
    many = Catalog({f"/c{number}": queue_stats for number in range(60)}, {})
    commands = manifest(many)["features"]["slash_commands"]
    assert len(commands) == 50
    assert commands[0]["command"] == "/nova"


def test_a_prefix_that_makes_a_name_too_long_is_refused() -> None:
    with pytest.raises(UserError, match="COMMAND_PREFIX"):
        manifest(CATALOG, prefix="a-very-long-prefix-indeed-")
