"""Forms: a command's arguments as input fields, and the reason of a decision."""

import json
from collections.abc import Mapping
from typing import Any, Final

from pydantic import JsonValue

from bot.command import Command, Parameter
from bot.errors import UsageError, UserError
from bot.plain_text import one_line
from bot.request import LEAST_ALONE
from bot.slack.escaping import cut
from bot.slack.limits import Block

FORM: Final = "form"
REASON: Final = "reason"
_FIELD: Final = "value"
_TITLE: Final = 24
_LABEL: Final = 100
_HINT: Final = 500
_OPTION: Final = 75
# A choice among what is offered may be something else, which is typed in the field below it.
_CUSTOM: Final = "custom"
_OWN: Final = f":{_CUSTOM}"
_INITIAL: Final = 1_000
_METADATA: Final = 3_000
_REASONS: Final = {
    "deny": ("Deny", "Why not?", "The person who asked sees it, and it is kept."),
    "break_glass": (
        "Act alone",
        "Why can this not wait?",
        f"At least {LEAST_ALONE} characters, announced to everybody and kept.",
    ),
}


def command_form(command: Command, filled: Mapping[str, JsonValue], kept: Mapping[str, str]) -> Block:
    """Return the form of a command, filled in as far as known; ``kept`` comes back when it is submitted."""
    known = {name: value for name, value in filled.items() if value is not None and name not in command.secrets}
    needed = {p.name: known[p.name] for p in command.parameters if p.required and p.name in known}
    return {
        "type": "modal",
        "callback_id": FORM,
        "title": _plain(command.name, _TITLE),
        "submit": _plain("Make a plan" if command.changes else "Run", _TITLE),
        "close": _plain("Cancel", _TITLE),
        "private_metadata": _metadata(kept, {"command": command.name, "needed": needed}),
        "blocks": [
            _intro(command),
            *(block for p in command.parameters if p.in_form for block in _inputs(p, known.get(p.name, p.default))),
        ],
    }


def reason_form(action: str, subject: str, channel: str) -> Block:
    """Return the form that asks for the reason of a decision."""
    title, label, hint = _REASONS[action]
    return {
        "type": "modal",
        "callback_id": REASON,
        "title": _plain(title, _TITLE),
        "submit": _plain(title, _TITLE),
        "close": _plain("Cancel", _TITLE),
        "private_metadata": _metadata({"channel": channel}, {"action": action, "subject": subject}),
        "blocks": [
            {
                "type": "input",
                "block_id": _block(REASON),
                "label": _plain(label, _LABEL),
                "hint": _plain(hint, _HINT),
                "element": {"type": "plain_text_input", "action_id": _FIELD, "multiline": True, "max_length": 500},
            }
        ],
    }


def arguments(view: Block) -> dict[str, JsonValue]:
    """Return what was filled in, by argument name; what was left empty is left out.

    What was typed instead of what is offered counts, whatever was chosen.
    """
    kept = json.loads(view.get("private_metadata") or "{}")
    # A required field is never submitted empty, except by a client that leaves out what it had been filled in with.
    found: dict[str, JsonValue] = dict(kept.get("needed") or {})
    for block, fields in (view.get("state") or {}).get("values", {}).items():
        name = str(block).partition(":")[2]
        value = _value(fields.get(_FIELD) or {})
        if name and value is not None:
            found[name] = value
    typed = {name.removesuffix(_OWN): value for name, value in found.items() if name.endswith(_OWN)}
    return {name: value for name, value in found.items() if not name.endswith(_OWN)} | typed


def left_out(view: Block) -> dict[str, str]:
    """Return the error beside a field that was to hold what is not among the offered, and is empty."""
    values = (view.get("state") or {}).get("values", {})
    chosen = {str(block) for block, fields in values.items() if _value(fields.get(_FIELD) or {}) == _CUSTOM}
    own = {f"{block}{_OWN}" for block in chosen} & {block.get("block_id") for block in view["blocks"]}
    empty = [block for block in own if _value((values.get(block) or {}).get(_FIELD) or {}) is None]
    return dict.fromkeys(empty, "Write it here, or choose another one above.")


def reason(view: Block) -> str:
    """Return the reason that was typed; empty where only white space was."""
    value = view["state"]["values"][_block(REASON)][_FIELD].get("value")
    return str(value or "").strip()


def errors(error: UserError, view: Block) -> dict[str, str]:
    """Return a form's errors beside the field they are about; at the last field where they are about none."""
    fields = [block["block_id"] for block in view["blocks"] if block["type"] == "input"]
    wanted = _block(error.argument) if isinstance(error, UsageError) else ""
    words = [error.message, error.hint]
    if isinstance(error, UsageError) and error.nearest:
        words.append(f"Did you mean {error.nearest}?")
    message = cut(one_line(" ".join(word for word in words if word)), _HINT)
    return {wanted if wanted in fields else fields[-1]: message}


def asks_for_reason(message: str) -> dict[str, str]:
    """Return the error beside the reason's field."""
    return {_block(REASON): message}


def _block(name: str) -> str:
    return f"argument:{name}"


def _plain(text: str, limit: int) -> Block:
    return {"type": "plain_text", "text": cut(one_line(text), limit) or "?", "emoji": False}


def _metadata(kept: Mapping[str, str], own: Mapping[str, Any]) -> str:
    text = json.dumps({**kept, **own})
    if len(text) > _METADATA:
        text = json.dumps({**kept, **own, "needed": {}})
    return text


def _intro(command: Command) -> Block:
    return {"type": "section", "text": _plain(command.description, _HINT)}


def _inputs(parameter: Parameter, value: JsonValue) -> list[Block]:
    label, is_optional = (
        parameter.word.replace("_", " "),
        not (parameter.required or parameter.secret or parameter.needs_form),
    )
    label = label[:1].upper() + label[1:]
    field = {
        "type": "input",
        "block_id": _block(parameter.name),
        "optional": is_optional,
        "label": _plain(label, _LABEL),
        "hint": _plain(parameter.description, _HINT),
    }
    if not parameter.offered:
        return [field | {"element": _element(parameter, value)}]
    options = [_option(words, offered) for offered, words in parameter.offered] + [_option("Custom…", _CUSTOM)]
    is_offered = value is None or any(value == offered for offered, _ in parameter.offered)
    own = field | {
        "block_id": f"{field['block_id']}{_OWN}",
        "optional": True,
        "element": _text(None if is_offered else value),
    }
    own["label"] = _plain(f"Custom {label.lower()}", _LABEL)
    del field["hint"]
    return [field | {"optional": False, "element": _select(options, value if is_offered else _CUSTOM)}, own]


def _element(parameter: Parameter, value: JsonValue) -> Block:
    if parameter.is_flag:
        option = {"text": _plain("Yes", _OPTION), "value": "yes"}
        chosen = {"initial_options": [option]} if value is True else {}
        return {"type": "checkboxes", "action_id": _FIELD, "options": [option], **chosen}
    if parameter.choices:
        return _select([_option(word, word) for word in parameter.choices], value)
    return _text(value)


def _option(words: str, value: str) -> Block:
    return {"text": _plain(words, _OPTION), "value": value}


def _select(options: list[Block], value: JsonValue) -> Block:
    chosen = [option for option in options if option["value"] == value]
    initial = {"initial_option": chosen[0]} if chosen else {}
    return {"type": "static_select", "action_id": _FIELD, "options": options, **initial}


def _text(value: JsonValue) -> Block:
    typed = cut(one_line(str(value)), _INITIAL) if value is not None else ""
    return {"type": "plain_text_input", "action_id": _FIELD, **({"initial_value": typed} if typed else {})}


def _value(field: Block) -> JsonValue:
    if field.get("type") == "checkboxes":
        return bool(field.get("selected_options"))
    if field.get("type") == "static_select":
        chosen = field.get("selected_option") or {}
        return chosen.get("value")
    text = str(field.get("value") or "").strip()
    return text or None
