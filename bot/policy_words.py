"""What pydantic finds wrong with the policy, in words that somebody who has never heard of pydantic understands."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic_core import ErrorDetails

from bot.masking import cut, mask

Place = tuple[str | int, ...]

_KEY: Final = "[key]"
_WITHOUT_A_PLACE: Final = frozenset({"missing", "extra_forbidden"})
# By the error's type; the names in braces are what pydantic says of its limits.
_WORDS: Final[Mapping[str, str]] = {
    "extra_forbidden": "is not a key that the policy knows",
    "missing": "is missing",
    "finite_number": "has to be a number that is not nan or inf",
    "bool_type": "has to be true or false",
    "bool_parsing": "has to be true or false",
    "int_type": "has to be a whole number",
    "int_parsing": "has to be a whole number",
    "int_from_float": "has to be a whole number",
    "int_parsing_size": "is too long for a number",
    "float_type": "has to be a number",
    "float_parsing": "has to be a number",
    "string_type": 'has to be text in quotes, such as "email"',
    "string_too_short": "may not be empty",
    "string_too_long": "is too long: {max_length} characters at most",
    "string_pattern_mismatch": "{input} is no mail address, such as alerts@novapulse.com",
    "literal_error": "has to be {expected}",
    "tuple_type": "has to be a list in brackets, such as [...]",
    "too_short": "has to name {min_length} at least",
    "too_long": "may name {max_length} at most",
    "dict_type": "has to be a table, which has keys of its own",
    "model_type": "has to be a table, which has keys of its own",
    "model_attributes_type": "has to be a table, which has keys of its own",
    "greater_than_equal": "has to be {ge} or more",
    "less_than_equal": "has to be {le} or less",
}
_LOCAL: Final = "has to be a local time without a zone, such as 2026-01-05T09:00:00"
_WITH_ZONE: Final = "has to be a moment with its zone, such as 2026-12-07T09:00:00Z"
_MOMENT: Final = "has to be a moment, such as 2026-01-05T09:00:00"
_MOMENTS: Final[Mapping[str, str]] = {"timezone_naive": _LOCAL, "timezone_aware": _WITH_ZONE}
_LONGEST: Final = 60


def fault(errors: Sequence[ErrorDetails], data: Mapping[str, Any]) -> tuple[str, Place]:
    """Return the first fault of a file's data as a sentence, and its place.

    Where a value may be one of several kinds, pydantic says for each why it is none of that kind: what is farthest
    inside the value is what was meant, and where none is, all kinds are named.
    """
    places = [_place(error, data) for error in errors]
    first = places[0]
    alike = [(place, error) for place, error in zip(places, errors, strict=True) if place[: len(first)] == first]
    deepest = max(len(place) for place, _ in alike) if _is_choice(errors[0], first) else len(first)
    meant = [(place, error) for place, error in alike if len(place) == deepest]
    where = meant[0][0]
    said = dict.fromkeys(_words(error) for place, error in meant if place == where and not _is_aside(error))
    path = ".".join(str(part) for part in where)
    own_words = errors[0]["type"] in _WITHOUT_A_PLACE
    return (f"{path} {next(iter(said))}" if own_words else f"{path}: {_joined(list(said))}"), where


def _is_choice(error: ErrorDetails, place: Place) -> bool:
    """Whether pydantic tried several kinds: then it names the kind behind the place."""
    return len([part for part in error["loc"] if part != _KEY]) > len(place)


def _is_aside(error: ErrorDetails) -> bool:
    """Whether it only says that text is neither true nor false, where it was meant to be text."""
    return error["type"] == "bool_parsing" and isinstance(error["input"], str) and error["loc"][-1] == "bool"


def _place(error: ErrorDetails, data: object) -> Place:
    """Return where in the file an error is, without the names that pydantic has for kinds of values."""
    found: list[str | int] = []
    parts = [part for part in error["loc"] if part != _KEY]
    for number, part in enumerate(parts):
        inside = _inside(data, part)
        is_named = number == len(parts) - 1 and error["type"] in _WITHOUT_A_PLACE
        if inside is not None or is_named:
            found.append(part)
            data = inside
    return tuple(found)


def _inside(data: object, part: str | int) -> object:
    if isinstance(data, dict):
        return data.get(part)
    if isinstance(data, list) and isinstance(part, int) and part < len(data):
        return data[part]
    return None


def _words(error: ErrorDetails) -> str:
    kind = error["type"]
    if kind.startswith(("datetime", "date_", "timezone_")):
        return _MOMENTS.get(kind, _MOMENT)
    if kind not in _WORDS:
        return error["msg"].removeprefix("Value error, ")
    limits = error.get("ctx", {})
    if error["loc"][-1] == _KEY:
        return f"there is no such key here, only {limits['expected']}"
    return _WORDS[kind].format(**limits, input=cut(mask(repr(error["input"])), _LONGEST))


def _joined(said: list[str]) -> str:
    """Join what a value may be: ``has to be true or false, or text in quotes``."""
    first, *others = said
    return "".join((first, *(f", or {other.removeprefix('has to be ')}" for other in others)))
