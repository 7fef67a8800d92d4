"""Alertmanager's matchers: ``alert=redis-down``, ``queue!=email``, ``queue=~email|report``, ``severity!~warning``.

The words and the meaning are those of its documentation (Alertmanager, Configuration, "Matcher"): a label that is
missing is empty, an expression has to match the whole value, several matchers all have to match.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Final

from pydantic import BeforeValidator, PlainSerializer

from bot.nearest import shown

_WRITTEN: Final = re.compile(r"\s*([A-Za-z_][\w-]*)\s*(=~|!~|!=|=)\s*(?:\"([^\"]*)\"|((?:[^=~\"].*?)?))\s*", re.DOTALL)
LONGEST: Final = 200  # characters; an expression from outside must not be a book
# Words with ``.*`` and ``.+`` in them, several with ``|`` between: whatever is typed is matched in no time.
_WORDS: Final = re.compile(r"(?:[\w :/@-]|\.[*+]?)*(?:\|(?:[\w :/@-]|\.[*+]?)*)*")
_WILD: Final = 3  # in each of the words


class Matcher:
    """One condition on one label."""

    def __init__(self, text: str) -> None:
        found = _WRITTEN.fullmatch(text[: LONGEST + 1])
        if found is None or len(text) > LONGEST:
            message = (
                f"{shown(text)} is no matcher: write label=value, label!=value, label=~expression or label!~expression"
            )
            raise ValueError(message)
        self.label, self.operator = found[1], found[2]
        self.value = found[3] if found[3] is not None else found[4]
        self._expression = _expression(self.value) if self.operator.endswith("~") else None

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Say whether the labels meet the condition."""
        value = labels.get(self.label, "")
        met = bool(self._expression.fullmatch(value)) if self._expression else value == self.value
        return met is not self.operator.startswith("!")

    def impossible(self, values: Iterable[str]) -> str:
        """Return the part of its value that is none of these, whatever it says of it; empty where each part is one.

        Any label may also be missing, which is the empty value.
        """
        there = {*values, ""}
        if not self.operator.endswith("~"):
            return "" if self.value in there else self.value
        words = self.value.split("|")
        return next((word for word in words if not any(re.fullmatch(word, value) for value in there)), "")

    def __str__(self) -> str:
        """Return it as it is written."""
        return f"{self.label}{self.operator}{self.value}"

    def __repr__(self) -> str:
        """Return it as it is made."""
        return f"Matcher({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        """Say whether both are the same condition."""
        return isinstance(other, Matcher) and str(self) == str(other)

    def __hash__(self) -> int:
        """Return a number that is the same for the same condition."""
        return hash(str(self))


def matches(matchers: Iterable[Matcher], labels: Mapping[str, str]) -> bool:
    """Say whether the labels meet every one of the conditions."""
    return all(matcher.matches(labels) for matcher in matchers)


def _expression(text: str) -> re.Pattern[str]:
    wild = max(len(re.findall(r"\.[*+]", word)) for word in text.split("|"))
    if not _WORDS.fullmatch(text) or wild > _WILD:
        message = f"an expression is words with .* or .+ (at most {_WILD} in each) and | between them, not {text!r}"
        raise ValueError(message)
    return re.compile(text)


def _read(value: object) -> object:
    return Matcher(value) if isinstance(value, str) else value


# As it stands in the policy and in the store: its text.
WrittenMatcher = Annotated[Matcher, BeforeValidator(_read), PlainSerializer(str)]
