"""A value that nobody may see is asked for in the form and never filled in."""

import json

from bot.slack import forms
from commands.emergency_procedures.set_env import set_env


def test_the_form_asks_for_it_and_shows_none() -> None:
    view = forms.command_form(set_env, {"deployment": "api", "name": "MONGO_URI", "value": "hunter2"}, {})
    assert "hunter2" not in json.dumps(view)
    fields = {block["block_id"]: block for block in view["blocks"] if block["type"] == "input"}
    assert fields["argument:value"]["optional"] is False
    assert fields["argument:value"]["element"] == {"type": "plain_text_input", "action_id": "value"}
    assert fields["argument:name"]["element"]["initial_value"] == "MONGO_URI"
