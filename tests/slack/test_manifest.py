import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from bot import catalog
from bot.catalog import Catalog
from bot.errors import UserError
from bot.slack.manifest import as_json, manifest
from tests.slack.declared import CATALOG, queue_stats

KEPT = Path(__file__).resolve().parents[2] / "deploy" / "slack-manifest.json"


def text(longest: int, *, shortest: int = 1, pattern: str = "") -> dict[str, Any]:
    found = {"type": "string", "minLength": shortest, "maxLength": longest}
    return found | ({"pattern": pattern} if pattern else {})


def texts(most: int, *, unique: bool = False) -> dict[str, Any]:
    return {"type": "array", "items": text(50), "maxItems": most, "uniqueItems": unique}


def closed(required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "required": list(required), "properties": properties}


FLAG = {"type": "boolean"}
NUMBER = {"type": "integer"}
REQUESTS = text(3500, pattern="^https?://")
COMMAND = closed(
    ("command", "description"),
    command=text(32, shortest=2, pattern="^/"),
    url=text(3000, pattern="^https?://"),
    description=text(2000),
    usage_hint=text(1000),
    should_escape=FLAG,
)
# What Slack's published schema (slackapi/manifest-schema, schemas/manifest.schema.1.0.0.json) says of every part that
# the manifest may have here. A part that the manifest does not have is left out, and so refused. Stricter than Slack's
# in one thing: nothing may be empty.
SCHEMA = closed(
    ("display_information",),
    _metadata=closed(schema_version=NUMBER, min_version=NUMBER, major_version=NUMBER, minor_version=NUMBER),
    display_information=closed(
        ("name",),
        name=text(35),
        description=text(140),
        background_color=text(7, shortest=4, pattern="^#[0-9a-fA-F]{3}([0-9a-fA-F]{3})?$"),
        long_description=text(4000, shortest=175),
    ),
    features=closed(
        app_home=closed(home_tab_enabled=FLAG, messages_tab_enabled=FLAG, messages_tab_read_only_enabled=FLAG),
        bot_user=closed(("display_name",), display_name=text(80), always_online=FLAG),
        slash_commands={"type": "array", "items": COMMAND, "minItems": 1, "maxItems": 50},
    ),
    oauth_config=closed(
        scopes=closed(user=texts(255), bot=texts(255), user_optional=texts(255), bot_optional=texts(255))
    ),
    settings=closed(
        event_subscriptions=closed(
            request_url=REQUESTS, user_events=texts(100, unique=True), bot_events=texts(100, unique=True)
        ),
        interactivity=closed(("is_enabled",), is_enabled=FLAG, request_url=REQUESTS, message_menu_options_url=REQUESTS),
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


def test_slack_accepts_the_manifest_that_is_kept() -> None:
    jsonschema.validate(json.loads(KEPT.read_text(encoding="utf-8")), SCHEMA)


@pytest.mark.parametrize(
    ("changed", "because"),
    [
        ({"command": "/" + "x" * 32}, "is too long"),
        ({"command": "/"}, "is too short"),
        ({"command": "nova"}, "does not match"),
        ({"description": ""}, "should be non-empty|is too short"),
        ({"usage_hint": ""}, "should be non-empty|is too short"),
        ({"url": "bot.example/slack/events"}, "does not match"),
        ({"hint": "[queue]"}, "Additional properties"),
    ],
)
def test_what_slack_would_refuse_of_a_command_is_found(changed: dict[str, str], because: str) -> None:
    made = manifest(CATALOG)
    made["features"]["slash_commands"][1] |= changed
    with pytest.raises(jsonschema.ValidationError, match=because):
        jsonschema.validate(made, SCHEMA)


def test_one_command_more_than_slack_takes_is_found() -> None:
    made = manifest(CATALOG)
    made["features"]["slash_commands"] = made["features"]["slash_commands"][:1] * 51
    with pytest.raises(jsonschema.ValidationError, match="is too long"):
        jsonschema.validate(made, SCHEMA)


def test_the_longest_prefix_that_fits_is_taken_and_one_more_is_refused() -> None:
    found = catalog.load()
    longest = max(len(name) for name in (*found.commands, "/nova"))
    jsonschema.validate(manifest(found, prefix="x" * (32 - longest)), SCHEMA)
    with pytest.raises(UserError, match="COMMAND_PREFIX"):
        manifest(found, prefix="x" * (33 - longest))


def test_every_command_is_there_with_its_prefix_and_no_empty_hint() -> None:
    commands = manifest(CATALOG, prefix="np-")["features"]["slash_commands"]
    assert [found["command"] for found in commands] == ["/np-nova", "/np-queue-stats", "/np-scale-workers"]
    assert commands[1]["usage_hint"] == "[queue]"
    assert all(found.get("usage_hint", "x") for found in commands)


def test_as_many_commands_as_slack_takes_are_all_there_and_one_more_is_refused() -> None:
    many = {f"/c{number}": queue_stats for number in range(49)}
    assert len(manifest(Catalog(many, {}))["features"]["slash_commands"]) == 50
    with pytest.raises(UserError, match="These are 51 commands with /nova, and Slack takes 50 of an app"):
        manifest(Catalog(many | {"/c49": queue_stats}, {}))


def test_a_prefix_that_makes_a_name_too_long_is_refused() -> None:
    with pytest.raises(UserError, match="COMMAND_PREFIX"):
        manifest(CATALOG, prefix="a-very-long-prefix-indeed-")
