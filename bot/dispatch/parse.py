"""From what was typed, or filled into a form, to a command's arguments; nothing here asks or changes anything.

Arguments come as ``5``, ``replicas=5``, ``--replicas 5`` or ``--replicas=5``; flags only by name. Every error is a
``UsageError`` that says what was wrong, the usage line and, where something looks alike, what was probably meant.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from pydantic import JsonValue, ValidationError

from bot.catalog import UMBRELLA
from bot.command import Command, Parameter
from bot.dispatch.words import Word, mentioned, unescape, words
from bot.errors import Incomplete, UsageError
from bot.nearest import nearest, shown

_OPTION: Final = re.compile(r"--.+|-[A-Za-z].*", re.DOTALL)
_NAMED: Final = re.compile(r"([A-Za-z][\w-]*)=(.*)", re.DOTALL)
_MATCHER: Final = re.compile(r"([A-Za-z_][\w-]*)(?:=~|!~|!=|=)(.+)", re.DOTALL)
_WHOLE: Final = re.compile(r"[+-]?[0-9]+")  # pydantic takes 5.0 and 1_0 as well, which may be slips
_ID: Final = re.compile(r"\w+")
_SPACE: Final = re.compile(r"\s")
_YES: Final = frozenset({"true", "yes", "on", "1"})
_NO: Final = frozenset({"false", "no", "off", "0"})
_RULES: Final = {
    "int_": "has to be a whole number",
    "float_": "has to be a number",
    "bool_": "takes yes or no",
}
_HELP: Final = "/runbook"


class MissingArguments(Incomplete):
    """Required arguments are missing and nothing else is wrong: the moment to open a form."""

    def __init__(self, missing: tuple[str, ...], *, usage: str) -> None:
        names = " and ".join(missing)
        super().__init__(f"{names} {'is' if len(missing) == 1 else 'are'} missing.", usage=usage, argument=missing[0])
        self.missing = missing


def split_line(line: str) -> tuple[str, str]:
    """Split a line into the command's name and the rest: ``/nova queue-stats email`` is ``/queue-stats``, ``email``.

    The umbrella alone, or with ``help``, asks for the help.
    """
    name, rest = _first(line)
    if name == UMBRELLA:
        name, rest = _first(rest)
        if name in ("/", "/help"):
            name = _HELP
    return name, rest


def _first(line: str) -> tuple[str, str]:
    name, _, rest = _SPACE.sub(" ", line.strip(), count=1).partition(" ")
    return "/" + unescape(name).lstrip("/").lower(), rest.strip()


def parse(command: Command, text: str) -> dict[str, JsonValue]:
    """Return every argument of the command, defaults filled in, as JSON; raises UsageError or MissingArguments."""
    found = given(command, text)
    for name in command.secrets:
        if name in found:
            message = f"{name} is never typed into a command: a form asks for it. What was typed is not kept."
            raise UsageError(message, usage=command.usage, argument=name)
    return validate(command, found)


def given(command: Command, text: str) -> dict[str, JsonValue]:
    """Return the arguments that were typed, as they were typed; raises UsageError."""
    try:
        typed = words(text)
    except UsageError as error:
        raise UsageError(error.message, usage=command.usage) from None
    return _named(command, _Reader(command).read(typed), mentioned(text))


def _named(command: Command, found: dict[str, JsonValue], names: Mapping[str, str]) -> dict[str, JsonValue]:
    """Write the names of those who are mentioned into sentences, which are for people; elsewhere an id is needed."""
    for parameter in command.parameters:
        if names and parameter.takes_rest and parameter.name in found:
            sentence = str(found[parameter.name])
            found[parameter.name] = _ID.sub(lambda word: names.get(word[0], word[0]), sentence)
    return found


def validate(command: Command, arguments: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """Return every argument of the command, defaults filled in, as JSON; raises UsageError or MissingArguments."""
    for name in arguments:
        if command.parameter(name) is None:
            raise _unknown(command, name)
    given = {p.name: value for name, value in arguments.items() if (p := command.parameter(name)) and value is not None}
    checked = {
        parameter.name: _checked(command, parameter, given[parameter.name])
        if parameter.name in given
        else parameter.adapter.dump_python(parameter.default, mode="json")
        for parameter in command.parameters
    }
    missing = tuple(p.name for p in command.parameters if p.required and p.name not in given)
    if missing:
        raise MissingArguments(missing, usage=command.usage)
    return checked


def bind(command: Command, arguments: Mapping[str, JsonValue]) -> dict[str, Any]:
    """Return validated arguments as the Python values that the handler is declared with."""
    return {
        parameter.name: parameter.adapter.validate_python(arguments[parameter.name])
        if parameter.name in arguments
        else parameter.default
        for parameter in command.parameters
    }


class _Reader:
    """Assigns words to a command's parameters, each at most once."""

    def __init__(self, command: Command) -> None:
        self._command = command
        self._places = iter([parameter for parameter in command.parameters if not parameter.is_flag])
        self._given: dict[str, JsonValue] = {}
        self._last: Parameter | None = None  # that was given in its place

    def read(self, typed_words: Iterable[Word]) -> dict[str, JsonValue]:
        """Return the value of each parameter that was given, as typed."""
        waiting = iter(typed_words)
        for word in waiting:
            named = None if word.literal else _NAMED.fullmatch(word.text)
            if not word.literal and _OPTION.fullmatch(word.text):
                self._option(word.text, waiting)
            elif self._is_matcher(word):
                self._match(word.text)
            elif named:
                self._set(self._parameter(named[1]), named[2])
            elif self._last is not None and self._last.takes_rest:
                self._given[self._last.name] = f"{self._given[self._last.name]} {word.text}"
            else:
                self._last = self._next(word)
                self._set(self._last, word.text)
        return self._given

    def _is_matcher(self, word: Word) -> bool:
        """Say whether it is a condition on a label, for the command that takes such."""
        found = None if word.literal else _MATCHER.fullmatch(word.text)
        return found is not None and self._matchers() is not None and self._command.parameter(found[1]) is None

    def _matchers(self) -> Parameter | None:
        return next((one for one in self._command.parameters if one.matchers), None)

    def _match(self, text: str) -> None:
        parameter = self._matchers()
        assert parameter is not None  # noqa: S101 - asked just before
        former = self._given.get(parameter.name)
        self._given[parameter.name] = f"{former},{text}" if former else text

    def _option(self, text: str, waiting: Iterable[Word]) -> None:
        name, equals, value = text.partition("=")
        parameter = self._parameter(name)
        if equals:
            self._set(parameter, value)
        elif parameter.is_flag:
            self._set(parameter, "true")
        else:
            following = next(iter(waiting), None)
            if following is None or (not following.literal and _OPTION.fullmatch(following.text)):
                raise self._error(f"{name} needs a value.", parameter)
            self._set(parameter, following.text)

    def _parameter(self, name: str) -> Parameter:
        found = self._command.parameter(name)
        if found is None:
            raise _unknown(self._command, name)
        return found

    def _next(self, word: Word) -> Parameter:
        parameter = next(self._places, None)
        if parameter is not None and parameter.matchers and parameter.name in self._given:
            parameter = next(self._places, None)  # conditions stand wherever they like
        if parameter is not None and parameter.name in self._given:
            raise self._error(f"{parameter.name} is given twice: by name and in its place.", parameter)
        if parameter is not None:
            return parameter
        meant = nearest(word.text, (p.option for p in self._command.parameters if p.name not in self._given))
        takes = "takes no arguments" if not self._command.parameters else "has all it takes already"
        message = f"{shown(word.text)} is one argument too many: {self._command.name} {takes}."
        raise UsageError(message, usage=self._command.usage, nearest=meant)

    def _set(self, parameter: Parameter, value: str) -> None:
        if parameter.name in self._given:
            raise self._error(f"{parameter.name} is given twice.", parameter)
        self._given[parameter.name] = value

    def _error(self, message: str, parameter: Parameter) -> UsageError:
        return UsageError(message, usage=self._command.usage, argument=parameter.name)


def _unknown(command: Command, name: str) -> UsageError:
    meant = nearest(name, (parameter.option for parameter in command.parameters))
    return UsageError(f"{command.name} has no argument {shown(name)}.", usage=command.usage, nearest=meant)


def _checked(command: Command, parameter: Parameter, value: JsonValue) -> JsonValue:
    value = _lenient(parameter, value)
    try:
        python = parameter.adapter.validate_python(value)
    except ValidationError as error:
        message = f"{parameter.name} {_problem(error, parameter, value)}"
        meant = nearest(str(value), parameter.choices)
        raise UsageError(message, usage=command.usage, nearest=meant, argument=parameter.name) from None
    if type(python) is int and not _WHOLE.fullmatch(str(value).strip()):
        message = f"{parameter.name} {_RULES['int_']}, not {shown(str(value))}."
        raise UsageError(message, usage=command.usage, argument=parameter.name)
    json: JsonValue = parameter.adapter.dump_python(python, mode="json")
    return json


def _lenient(parameter: Parameter, value: JsonValue) -> JsonValue:
    """Read yes and no for flags, and a choice in any case."""
    if not isinstance(value, str):
        return value
    word = value.strip().lower()
    if parameter.is_flag and word in _YES | _NO:
        return word in _YES
    return next((choice for choice in parameter.choices if choice.lower() == word), value)


def _problem(error: ValidationError, parameter: Parameter, value: JsonValue) -> str:
    first = error.errors(include_url=False)[0]
    value = "what was given" if parameter.secret else value
    limits, said, kind = first.get("ctx", {}), shown(str(value)), first["type"]
    if parameter.choices:
        return f"is one of {', '.join(parameter.choices)}, not {said}."
    if "ge" in limits or "le" in limits:
        bound = f"at least {limits['ge']}" if "ge" in limits else f"at most {limits['le']}"
        return f"has to be {bound}, not {said}."
    for beginning, rule in _RULES.items():
        if kind.startswith(beginning):
            return f"{rule}, not {said}."
    return f"cannot be {said}: {limits.get('error') or first['msg'].lower()}."
