"""What nobody may see is in no record: not of the request, not of its arguments, not of its text."""

from datetime import UTC, datetime
from typing import Annotated, Any

import pytest
from pydantic import Field, SecretStr

from bot.catalog import Catalog
from bot.command import command
from bot.dispatch.parse import parse, validate
from bot.dispatch.sealing import Sealing
from bot.dispatch.typed_line import typed
from bot.errors import InvalidDeclaration, UsageError
from bot.reply import Reply, say
from bot.request import Actor, Decision, Request

NOW = datetime(2026, 7, 1, 9, tzinfo=UTC)


@command("/set", permission="things:set", section="Testing")
async def set_it(
    name: Annotated[str, Field(description="Which")],
    value: Annotated[str, Field(max_length=8, description="What", json_schema_extra={"secret": True})] = "",
) -> Reply:
    """Set something."""
    return say(f"{name} {value}")


class Kept(dict[str, str]):
    """A vault in memory."""

    async def keep(self, reference: str, value: SecretStr, now: datetime) -> None:
        assert now == NOW
        self.setdefault(reference, value.get_secret_value())


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def sealing(kept: Kept) -> Sealing:
    return Sealing(Catalog({"/set": set_it}, {}), kept)


def _request(**more: Any) -> Request:
    return Request(id="view:1", actor=Actor(id="U1", name="olga"), command="/set", received_at=NOW, **more)


async def test_a_reference_takes_the_place_of_the_value(sealing: Sealing, kept: Kept) -> None:
    request = _request(arguments={"name": "MONGO_URI", "value": "hunter2"})
    await sealing.keep(request)
    sealed = sealing.sealed(request)
    assert isinstance(sealed, Request)
    assert sealed.arguments is not None
    assert kept == {sealed.arguments["value"]: "hunter2"}
    assert "hunter2" not in sealed.model_dump_json()
    again = sealing.sealed(sealed)
    assert again == sealed, "whoever takes it up comes to the same reference"


async def test_somebody_elses_reference_is_a_value_like_any_other(sealing: Sealing, kept: Kept) -> None:
    request = _request(arguments={"name": "A", "value": "kept:other"})
    await sealing.keep(request)
    assert list(kept.values()) == ["kept:other"]
    assert "kept:other" not in sealing.sealed(request).model_dump_json()


@pytest.mark.parametrize("text", ["MONGO_URI hunter2", "MONGO_URI --value hunter2", "A hunter2 more", 'A "hunter2'])
async def test_a_typed_value_is_refused_and_in_no_record(sealing: Sealing, kept: Kept, text: str) -> None:
    sealed = sealing.sealed(_request(text=text))
    assert isinstance(sealed, Request)
    assert "hunter2" not in sealed.model_dump_json()
    await sealing.keep(_request(text=text))
    assert not kept
    with pytest.raises(UsageError, match="never typed into a command"):
        parse(set_it, sealed.text)


def test_what_holds_no_secret_stays_as_it_is(sealing: Sealing) -> None:
    request = _request(text="MONGO_URI")
    assert sealing.sealed(request) == request
    unknown = request.model_copy(update={"command": "/other", "text": "hunter2 x"})
    assert sealing.sealed(unknown) == unknown
    decision = Decision(id="d", actor=request.actor, action="approve", subject="p", received_at=NOW)
    assert sealing.sealed(decision) is decision


def test_the_value_is_in_no_line_usage_or_error() -> None:
    assert typed(set_it, {"name": "A", "value": "kept:1"}) == "/set A"
    assert set_it.usage == "/set <name>"
    with pytest.raises(UsageError, match="what was given") as caught:
        validate(set_it, {"name": "A", "value": "a-long-secret"})
    assert "a-long-secret" not in caught.value.message


def test_a_secret_that_could_be_required_is_a_wrong_declaration() -> None:
    async def wrong(value: Annotated[str, Field(description="What", json_schema_extra={"secret": True})]) -> Reply:
        """Set something."""
        return say(value)

    with pytest.raises(InvalidDeclaration, match="a secret must default"):
        command("/wrong", permission="things:set", section="Testing")(wrong)
