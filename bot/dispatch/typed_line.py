"""From a command's arguments back to the line that somebody would type for them: on cards, in records, in answers."""

from collections.abc import Mapping
from dataclasses import replace

from pydantic import JsonValue

from bot.command import Command, Parameter
from bot.dispatch.parse import given
from bot.dispatch.words import quoted
from bot.errors import UsageError


def typed(command: Command, arguments: Mapping[str, JsonValue]) -> str:
    """Return the line that somebody would type for these arguments; ``parse`` reads its rest back as the same.

    What nobody may see is left out. What can stand in its place does, up to the first that is left out.
    """
    parts, flags, in_place = [command.name], [], True
    for parameter in command.parameters:
        value = arguments.get(parameter.name)
        if parameter.is_flag:
            flags += [parameter.option] if value else []
        elif value is None or parameter.secret or (not parameter.required and value == parameter.default):
            in_place = False
        elif in_place := in_place and _stands_in_place(command, parameter):
            parts.append(_written(command, parameter, _text(value)))
            in_place = not parameter.takes_rest  # which would take what follows as well
        else:
            parts += [parameter.option, quoted(_text(value))]
    return " ".join([*parts, *flags])


def _stands_in_place(command: Command, parameter: Parameter) -> bool:
    """Say whether people give it without its name, as the usage line shows it: a choice only where it comes first."""
    return parameter.required or not parameter.choices or parameter is command.parameters[0]


def _text(value: JsonValue) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _written(command: Command, parameter: Parameter, value: str) -> str:
    """Write a value in its place: conditions and sentences without quotes, where they are read back the same."""
    plainly = value.replace(",", " ") if parameter.matchers else value
    if not (parameter.matchers or parameter.takes_rest):
        return quoted(value)
    among = (parameter, *(one for one in command.parameters if one.matchers and one is not parameter))
    try:
        is_same = given(replace(command, parameters=among), plainly) == {parameter.name: value}
    except UsageError:
        is_same = False
    return plainly if is_same else quoted(value)
