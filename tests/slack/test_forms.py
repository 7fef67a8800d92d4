from typing import Any

import pytest

from bot.errors import Refused, UsageError
from bot.slack import forms
from commands.adding_a_new_worker.scale_workers import scale_workers as real_scale_workers
from commands.administration.silence import silence
from tests.slack.declared import scale_workers

VIEW = forms.command_form(scale_workers, {"replicas": 5, "deployment": "api", "yes_zero": True}, {"channel": "C1"})


def state(**fields: Any) -> dict[str, Any]:
    return VIEW | {"state": {"values": {f"argument:{name}": {"value": field} for name, field in fields.items()}}}


def test_a_form_has_a_field_for_each_argument_filled_in_as_far_as_known() -> None:
    replicas, deployment, yes_zero = VIEW["blocks"][1:]
    assert (replicas["element"]["initial_value"], replicas["optional"]) == ("5", False)
    assert replicas["hint"]["text"] == "How many <worker> pods"
    assert deployment["element"]["initial_option"]["value"] == "api"
    assert [option["value"] for option in deployment["element"]["options"]] == ["api", "worker"]
    assert yes_zero["element"]["initial_options"][0]["value"] == "yes"
    assert yes_zero["label"]["text"] == "Yes zero"


def test_an_empty_form_shows_the_defaults_and_leaves_the_rest_empty() -> None:
    view = forms.command_form(scale_workers, {}, {})
    fields = {block["block_id"]: block["element"] for block in view["blocks"] if block["type"] == "input"}
    assert "initial_value" not in fields["argument:replicas"]
    assert fields["argument:deployment"]["initial_option"]["value"] == "worker"
    assert len(view["title"]["text"]) <= 24


def test_a_form_leaves_out_what_typing_makes_superfluous() -> None:
    view = forms.command_form(real_scale_workers, {}, {})
    assert "argument:yes_zero" not in [block.get("block_id") for block in view["blocks"]]


def test_what_was_filled_in_is_read_back() -> None:
    found = forms.arguments(
        state(
            replicas={"type": "plain_text_input", "value": " 7 "},
            deployment={"type": "static_select", "selected_option": {"value": "worker"}},
            yes_zero={"type": "checkboxes", "selected_options": []},
        )
    )
    assert found == {"replicas": "7", "deployment": "worker", "yes_zero": False}


def test_what_was_left_empty_is_left_out_and_a_required_value_stays() -> None:
    found = forms.arguments(
        state(
            replicas={"type": "plain_text_input", "value": None},
            deployment={"type": "static_select", "selected_option": None},
        )
    )
    assert found == {"replicas": 5}


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (UsageError("Wrong.", argument="replicas", nearest="5"), {"argument:replicas": "Wrong. Did you mean 5?"}),
        (UsageError("Wrong."), {"argument:yes_zero": "Wrong."}),
        (Refused("No.", hint="Ask Ana."), {"argument:yes_zero": "No. Ask Ana."}),
    ],
)
def test_errors_stand_beside_their_field(error: UsageError | Refused, expected: dict[str, str]) -> None:
    assert forms.errors(error, VIEW) == expected


@pytest.mark.parametrize("action", ["deny", "break_glass"])
def test_a_reason_is_asked_for_and_read(action: str) -> None:
    view = forms.reason_form(action, "p1", "C1")
    field = {"type": "plain_text_input", "value": "  too risky "}
    assert forms.reason(view | {"state": {"values": {"argument:reason": {"value": field}}}}) == "too risky"


def test_a_long_line_from_a_button_does_not_break_the_form() -> None:
    view = forms.command_form(scale_workers, {"replicas": "9" * 5000}, {"channel": "C1"})
    assert len(view["private_metadata"]) <= 3000
    assert len(view["blocks"][1]["element"]["initial_value"]) <= 1000


SILENCE = forms.command_form(silence, {"what": "queue=email"}, {})
FIELDS = {block["block_id"]: block for block in SILENCE["blocks"] if block["type"] == "input"}


def silenced(chosen: str, typed: str | None = None) -> dict[str, Any]:
    fields = {
        "argument:duration": {"type": "static_select", "selected_option": {"value": chosen}},
        "argument:duration:custom": {"type": "plain_text_input", "value": typed},
        "argument:reason": {"type": "plain_text_input", "value": "load test"},
    }
    return SILENCE | {"state": {"values": {name: {"value": field} for name, field in fields.items()}}}


def test_a_silence_is_chosen_and_not_typed_and_its_reason_is_required() -> None:
    duration, custom = FIELDS["argument:duration"], FIELDS["argument:duration:custom"]
    words = [option["text"]["text"] for option in duration["element"]["options"]]
    assert words == ["Until resolved", "30 minutes", "4 hours", "Custom…"]
    assert (duration["element"]["type"], duration["element"]["initial_option"]["value"]) == (
        "static_select",
        "resolved",
    )
    assert (custom["label"]["text"], custom["optional"]) == ("Custom duration", True)
    assert (FIELDS["argument:reason"]["optional"], FIELDS["argument:maintenance"]["optional"]) == (False, True)


@pytest.mark.parametrize(
    ("chosen", "typed", "duration"), [("4h", None, "4h"), ("custom", " 90m ", "90m"), ("resolved", "2h", "2h")]
)
def test_a_duration_that_is_typed_counts_before_the_one_that_is_chosen(
    chosen: str, typed: str | None, duration: str
) -> None:
    view = silenced(chosen, typed)
    assert forms.left_out(view) == {}
    assert forms.arguments(view) == {"what": "queue=email", "duration": duration, "reason": "load test"}


def test_a_custom_duration_that_is_not_typed_is_asked_for_beside_its_field() -> None:
    assert forms.left_out(silenced("custom")) == {
        "argument:duration:custom": "Write it here, or choose another one above."
    }
    assert forms.left_out(silenced("custom", "45m")) == {}


def test_a_duration_that_is_known_and_not_offered_is_filled_in() -> None:
    view = forms.command_form(silence, {"what": "queue=email", "duration": "2d"}, {})
    fields = {block["block_id"]: block["element"] for block in view["blocks"] if block["type"] == "input"}
    assert fields["argument:duration"]["initial_option"]["value"] == "custom"
    assert fields["argument:duration:custom"]["initial_value"] == "2d"
