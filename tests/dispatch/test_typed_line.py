"""That a line reads as somebody would type it, and is read back as the same, whatever the arguments are."""

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.catalog import load
from bot.command import Command, Parameter
from bot.dispatch.parse import parse, split_line, validate
from bot.dispatch.typed_line import typed
from bot.dispatch.words import unescape
from bot.errors import UsageError

CATALOG = load()
OPEN = [command for _, command in sorted(CATALOG.commands.items()) if not command.secrets]
WORDS = st.sampled_from(
    ["5", "off", "-3", "--yes", "level=2", "a!=b", "queue=~x.*", "it's", '"', "--", "&lt;b&gt;", "<@U1>", "a,b", "  "]
)
TEXTS = st.one_of(
    st.text(max_size=40), st.lists(st.one_of(WORDS, st.text("ab c,=", max_size=5)), max_size=6).map(" ".join)
).map(unescape)


@pytest.mark.parametrize("line", [line for command in OPEN for line in command.examples])
def test_every_example_of_the_catalogue_is_read_back_as_the_same(line: str) -> None:
    name, rest = split_line(line)
    command = CATALOG.commands[name]
    arguments = parse(command, rest)
    again, rest = split_line(typed(command, arguments))
    assert (again, parse(command, rest)) == (name, arguments)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("/silence end --duration 13570c79", "/silence end 13570c79"),
        ("/freeze --scope off", "/freeze off"),
        ("/oncall --action accept --who c7bb1296ca9b", "/oncall accept c7bb1296ca9b"),
        ("/alerts --show undelivered", "/alerts undelivered"),
        ('/silence queue=report severity=warning 2h --reason "until noon" --maintenance', ""),
        ("/silence queue=report --reason noon", ""),
        ('/page 2 "redis is dead"', "/page 2 redis is dead"),
        ('/page 2 "redis: level=2"', ""),
        ("/scale-workers --deployment api 4", "/scale-workers 4 --deployment api"),
        ("/retry-failed webhook --cluster 3fa91c02 --wave 50 --pause 10", ""),
        ("/cache keys cache:company:{id}:stats", ""),
        ("/pause-queue email,webhook", ""),
    ],
)
def test_what_can_stand_in_its_place_does(line: str, expected: str) -> None:
    name, rest = split_line(line)
    said = typed(CATALOG.commands[name], parse(CATALOG.commands[name], rest))
    known = {
        '/silence queue=report severity=warning 2h --reason "until noon" --maintenance': (
            "/silence queue=report severity=warning 2h until noon --maintenance"
        ),
        "/retry-failed webhook --cluster 3fa91c02 --wave 50 --pause 10": (
            "/retry-failed webhook 3fa91c02 --wave 50 --pause 10"
        ),
    }
    assert said == (expected or known.get(line, line))


def values(parameter: Parameter) -> st.SearchStrategy[Any]:
    """Return what the parameter may be filled with, some of it refused."""
    if parameter.is_flag:
        return st.booleans()
    if parameter.choices:
        return st.sampled_from(parameter.choices)
    kinds = {parameter.annotation, *get_args(parameter.annotation)}
    numbers = [st.integers(-5, 200)] if int in kinds else [st.floats(0.25, 100)] if float in kinds else []
    return st.one_of(*numbers) if numbers else TEXTS


@given(st.data(), st.sampled_from(OPEN))
def test_whatever_a_form_takes_is_read_back_from_the_line(data: st.DataObject, command: Command) -> None:
    filled = {
        one.name: data.draw(values(one)) for one in command.parameters if one.required or data.draw(st.booleans())
    }
    try:
        arguments = validate(command, filled)
    except UsageError:
        return  # what the command never takes is never shown
    name, rest = split_line(typed(command, arguments))
    assert name == command.name
    assert parse(command, rest) == arguments
