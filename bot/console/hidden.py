"""What nobody may see, asked for at the terminal: never in the command line, which the shell and ``ps`` keep."""

from collections.abc import Callable

from pydantic import JsonValue

from bot.catalog import Catalog
from bot.dispatch.parse import given, parse, split_line, validate
from bot.errors import UsageError

Read = Callable[[str], str]


def filled_in(line: str, catalog: Catalog, read: Read) -> dict[str, JsonValue] | None:
    """Return the line's arguments with what ``read`` says for each secret one; None where nothing is to be asked.

    A line that is wrong otherwise is not asked about: it is refused and on record like every other. Raises UsageError.
    """
    name, text = split_line(line)
    command = catalog.commands.get(name)
    if command is None or not command.secrets:
        return None
    try:
        parse(command, text)
    except UsageError:
        return None
    arguments = given(command, text)
    for secret in command.secrets:
        value = read(secret)
        if not value:
            raise UsageError(f"No {secret} was given, so nothing was done.", usage=command.usage, argument=secret)
        arguments[secret] = value
    validate(command, arguments)
    return arguments
