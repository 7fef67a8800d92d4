"""How a command is declared, and what is wrong with a declaration."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from bot.command import Handler, command
from bot.errors import InvalidDeclaration
from bot.plan import Plan
from bot.reply import Reply, say
from bot.request import Request

Number = Annotated[int, Field(description="How many")]


@command("/scale", permission="workers:scale", section="Testing", runbook=("kubectl",), examples=("/scale 5",))
async def scale(
    replicas: Number,
    deployment: Annotated[Literal["api", "worker"], Field(description="Which")] = "worker",
    queue: Annotated[Literal["a", "b"] | None, Field(description="Which queue")] = None,
    note: Annotated[str, Field(description="Why")] = "",
    yes_zero: Annotated[bool, Field(description="Zero is meant")] = False,
    *,
    request: Request,
) -> Plan:
    """Scale
    something.

    It takes its time.
    """
    raise AssertionError((replicas, deployment, queue, note, yes_zero, request))


def test_everything_is_derived_from_the_declaration() -> None:
    assert scale.description == "Scale something."
    assert scale.details == "It takes its time."
    assert scale.usage == "/scale <replicas> [--deployment api|worker] [--queue a|b] [note] [--yes-zero]"
    assert scale.usage_hint == scale.usage.removeprefix("/scale ")
    assert scale.changes
    assert scale.dependencies == {"request": Request}
    assert (scale.runbook, scale.examples) == (("kubectl",), ("/scale 5",))


def test_parameters_know_what_they_are() -> None:
    replicas, deployment, queue, note, yes_zero = scale.parameters
    assert (replicas.required, replicas.default, replicas.choices) == (True, None, ())
    assert (deployment.choices, deployment.default) == (("api", "worker"), "worker")
    assert queue.choices == ("a", "b")
    assert note.description == "Why"
    assert (yes_zero.is_flag, yes_zero.option) == (True, "--yes-zero")
    assert not deployment.is_flag


@pytest.mark.parametrize("name", ["yes_zero", "yes-zero", "--yes-zero", "YES-ZERO"])
def test_a_parameter_is_found_however_it_is_spelt(name: str) -> None:
    assert scale.parameter(name) is scale.parameters[-1]
    assert scale.parameter("request") is None
    assert scale.parameter("") is None


def test_a_required_choice_is_its_words() -> None:
    async def handler(which: Annotated[Literal["a", "b"], Field(description="Which")]) -> Reply:
        """Do."""
        return say(which)

    declared = command("/x", permission="a:b", section="S")(handler)
    assert declared.usage == "/x <a|b>"
    assert not declared.changes


async def _good() -> Reply:
    """Do."""
    return say("done")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"name": "scale"}, "not a slash command"),
        ({"name": "/"}, "not a slash command"),
        ({"name": "/Scale"}, "not a slash command"),
        ({"name": "/" + "x" * 32}, "not a slash command"),
        ({"permission": "scale"}, "not resource:action"),
        ({"permission": "a:b:c"}, "not resource:action"),
        ({"change_permission": "scale"}, "not resource:action"),
        ({"change_permission": "a:c"}, "only what may answer too"),
        ({"section": ""}, "the section is empty"),
    ],
)
def test_a_wrong_declaration_fails_at_import(changed: dict[str, Any], said: str) -> None:
    right = {"name": "/x", "permission": "a:b", "section": "S"}
    with pytest.raises(InvalidDeclaration, match=said):
        command(**right | changed)(_good)


def _no_docstring() -> Handler:
    async def handler() -> Reply:
        return say("done")

    return handler


def _undescribed() -> Handler:
    async def handler(number: int) -> Reply:
        """Do."""
        return say(str(number))

    return handler


def _empty_description() -> Handler:
    async def handler(number: Annotated[int, Field(ge=0)]) -> Reply:
        """Do."""
        return say(str(number))

    return handler


def _wrong_return() -> Handler:
    async def handler() -> str:
        """Do."""
        return "done"

    return handler  # type: ignore[return-value]


def _not_async() -> Handler:
    def handler() -> Reply:
        """Do."""
        return say("done")

    return handler  # type: ignore[return-value]


def _flag_that_is_on() -> Handler:
    async def handler(on: Annotated[bool, Field(description="On")] = True) -> Reply:
        """Do."""
        return say(str(on))

    return handler


def _long() -> Handler:
    async def handler() -> Reply:
        return say("done")

    handler.__doc__ = "x" * 2001
    return handler


def _unannotated() -> Handler:
    async def handler(number, *, request) -> Reply:  # type: ignore[no-untyped-def] # noqa: ANN001
        """Do."""
        return say(f"{number}{request}")

    return handler


def _any_number() -> Handler:
    async def handler(*numbers: Number) -> Reply:
        """Do."""
        return say(str(numbers))

    return handler


def _anything() -> Handler:
    async def handler(**options: Number) -> Reply:
        """Do."""
        return say(str(options))

    return handler


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (_no_docstring, "there is none"),
        (_undescribed, "needs Field"),
        (_empty_description, "needs Field"),
        (_wrong_return, "must return Reply or Plan"),
        (_not_async, "must be async"),
        (_flag_that_is_on, "a flag must default to False"),
        (_long, "the description is too long"),
        (_unannotated, "neither an annotated argument nor a dependency"),
        (_any_number, "neither an annotated argument nor a dependency"),
        (_anything, "neither an annotated argument nor a dependency"),
    ],
)
def test_a_wrong_handler_fails_at_import(make: Callable[[], Handler], said: str) -> None:
    with pytest.raises(InvalidDeclaration, match=said):
        command("/x", permission="a:b", section="S")(make())
