"""The grammar of what people type, and that nothing they type is answered with a crash."""

from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, JsonValue

from bot.catalog import UMBRELLA, load
from bot.command import command
from bot.dispatch.parse import MissingArguments, bind, parse, split_line, validate
from bot.errors import UsageError
from bot.reply import Reply, say


@command("/scale", permission="workers:scale", section="Testing")
async def scale(
    replicas: Annotated[int, Field(ge=-3, le=50, description="How many")],
    deployment: Annotated[Literal["api", "worker"], Field(description="Which")] = "worker",
    reason: Annotated[str, Field(description="Why")] = "",
    yes_zero: Annotated[bool, Field(description="Zero is meant")] = False,
) -> Reply:
    """Scale something."""
    return say(f"{replicas} {deployment} {reason} {yes_zero}")


@command("/find", permission="things:read", section="Testing")
async def find(
    who: Annotated[str, Field(description="Who", max_length=400)],
    factor: Annotated[float | None, Field(description="How much")] = None,
    day: Annotated[date | None, Field(description="When")] = None,
) -> Reply:
    """Find something."""
    return say(f"{who} {factor} {day}")


@command("/status", permission="things:read", section="Testing")
async def status() -> Reply:
    """Say how it is."""
    return say("well")


def full(**given: JsonValue) -> dict[str, JsonValue]:
    return {"replicas": 5, "deployment": "worker", "reason": "", "yes_zero": False, **given}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5", full()),
        ("  5\t", full()),
        ("replicas=5", full()),
        ("REPLICAS=5", full()),
        ("--replicas 5", full()),
        ("--replicas=5", full()),
        ("-replicas 5", full()),
        ("—replicas 5", full()),
        ("\N{EN DASH}replicas=5", full()),
        ("-3", full(replicas=-3)),
        ("--replicas -3", full(replicas=-3)),
        ("\N{MINUS SIGN}3", full(replicas=-3)),
        ("\N{EN DASH}3", full(replicas=-3)),
        ("5 api", full(deployment="api")),
        ("5 API", full(deployment="api")),
        ("--deployment api 5", full(deployment="api")),
        ("deployment=api 5 --yes-zero", full(deployment="api", yes_zero=True)),
        ("5 —yes-zero", full(yes_zero=True)),
        ("5 --yes_zero", full(yes_zero=True)),
        ("5 --yes-zero=no", full()),
        ("5 yes-zero=yes", full(yes_zero=True)),
        ('5 reason="too many mails"', full(reason="too many mails")),
        ("5 --reason “too many mails”", full(reason="too many mails")),
        ("5 --reason \u2018it\u2019s late\u2019", full(reason="it\u2019s late")),
        ("5 --reason 'it's late'", full(reason="it's late")),
        ("5 --reason „zu viele“", full(reason="zu viele")),
        ('5 --reason "a \\"b\\" \\\\ c"', full(reason='a "b" \\ c')),
        ("5 --reason don't", full(reason="don't")),
        ("5 --reason C:\\new", full(reason="C:\\new")),
        ('5 --reason "--yes-zero"', full(reason="--yes-zero")),
        ("5 --reason ''", full()),
        ("5 worker -- --yes-zero", full(reason="--yes-zero")),
        ("5 worker -- -- a=b", None),
        ("5 --reason a=b=c", full(reason="a=b=c")),
        ("5 --reason &lt;b&gt; ", full(reason="<b>")),
        ("5 --reason &amp;lt;", full(reason="&lt;")),
        ("5\u200b api\ufeff", full(deployment="api")),
        ("5\u00a0api", full(deployment="api")),
    ],
)
def test_what_people_type(text: str, expected: dict[str, JsonValue] | None) -> None:
    if expected is None:
        with pytest.raises(UsageError):
            parse(scale, text)
    else:
        assert parse(scale, text) == expected


@pytest.mark.parametrize(
    ("text", "message", "nearest", "argument"),
    [
        ("five", "replicas has to be a whole number, not “five”.", "", "replicas"),
        ("5.5", "replicas has to be a whole number, not “5.5”.", "", "replicas"),
        ("5.0", "replicas has to be a whole number, not “5.0”.", "", "replicas"),
        ("1_0", "replicas has to be a whole number, not “1_0”.", "", "replicas"),
        ("--replicas=5 5", "replicas is given twice: by name and in its place.", "", "replicas"),
        ("--deployment api 5 worker", "deployment is given twice: by name and in its place.", "", "deployment"),
        ("9" * 5000, "replicas has to be a whole number", "", "replicas"),
        ("51", "replicas has to be at most 50, not “51”.", "", "replicas"),
        ("-4", "replicas has to be at least -3, not “-4”.", "", "replicas"),
        ("", "replicas is missing.", "", "replicas"),
        ("5 wroker", "deployment is one of api, worker, not “wroker”.", "worker", "deployment"),
        ("5 --deploymnt api", "/scale has no argument “--deploymnt”.", "--deployment", ""),
        ("5 deploymnt=api", "/scale has no argument “deploymnt”.", "--deployment", ""),
        ("5 --yes-zeroo", "/scale has no argument “--yes-zeroo”.", "--yes-zero", ""),
        ("5 --x", "/scale has no argument “--x”.", "", ""),
        (
            "5 api why yes-zero",
            "“yes-zero” is one argument too many: /scale has all it takes already.",
            "--yes-zero",
            "",
        ),
        ("5 --replicas 6", "replicas is given twice.", "", "replicas"),
        ("5 replicas=6", "replicas is given twice.", "", "replicas"),
        ("5 --yes-zero --yes-zero", "yes_zero is given twice.", "", "yes_zero"),
        ("--replicas", "--replicas needs a value.", "", "replicas"),
        ("--replicas --yes-zero", "--replicas needs a value.", "", "replicas"),
        ("5 --yes-zero=perhaps", "yes_zero takes yes or no, not “perhaps”.", "", "yes_zero"),
        ('5 --reason "open', 'A quote is opened and never closed: “"open”', "", ""),
    ],
)
def test_what_was_wrong_is_said(text: str, message: str, nearest: str, argument: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(scale, text)
    assert caught.value.message.startswith(message)
    assert caught.value.nearest == nearest
    assert caught.value.argument == argument
    assert caught.value.usage == scale.usage


def test_a_command_without_arguments_takes_none() -> None:
    assert parse(status, " ") == {}
    with pytest.raises(UsageError, match="/status takes no arguments"):
        parse(status, "now")


def test_only_missing_arguments_are_a_reason_for_a_form() -> None:
    with pytest.raises(MissingArguments) as caught:
        parse(scale, "--yes-zero")
    assert caught.value.missing == ("replicas",)
    with pytest.raises(UsageError) as wrong:
        parse(scale, "--deployment nothing")
    assert not isinstance(wrong.value, MissingArguments)


def test_a_wrong_word_is_said_back_short_and_masked() -> None:
    with pytest.raises(UsageError) as caught:
        parse(scale, "xoxb-1234567890-abcdefghij " + "y" * 100_000)
    assert "1234567890" not in caught.value.message
    with pytest.raises(UsageError) as long:
        parse(scale, "y" * 100_000)
    assert len(long.value.message) < 200


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        ({"replicas": None}, "replicas is missing."),
        ({"replicas": 5, "color": "red"}, "/scale has no argument “color”."),
        ({"replicas": 5.0}, "replicas has to be a whole number"),
        ({"replicas": ["5"]}, "replicas has to be a whole number"),
        ({"replicas": 5, "yes_zero": "perhaps"}, "yes_zero takes yes or no"),
        ({"replicas": 5, "deployment": 7}, "deployment is one of api, worker"),
    ],
)
def test_a_form_gets_the_same_errors(given_: dict[str, JsonValue], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        validate(scale, given_)
    assert caught.value.message.startswith(message)


def test_a_form_may_leave_out_what_has_a_default() -> None:
    assert validate(scale, {"replicas": "5", "deployment": None, "yes-zero": True}) == full(yes_zero=True)


def test_other_types_stay_json_until_they_are_bound() -> None:
    arguments = parse(find, "ann 1.5 2026-07-01")
    assert arguments == {"who": "ann", "factor": 1.5, "day": "2026-07-01"}
    assert bind(find, arguments) == {"who": "ann", "factor": 1.5, "day": datetime(2026, 7, 1, tzinfo=UTC).date()}
    assert bind(find, {"who": "ann"}) == {"who": "ann", "factor": None, "day": None}
    for text in ("ann x", "ann --day yesterday", '"' + "w" * 401 + '"'):
        with pytest.raises(UsageError):
            parse(find, text)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("/queue-stats email", ("/queue-stats", "email")),
        ("  /Queue-Stats   email  now ", ("/queue-stats", "email  now")),
        ("queue-stats", ("/queue-stats", "")),
        ("/queue-stats\nemail", ("/queue-stats", "email")),
        ("/queue-stats\u00a0email", ("/queue-stats", "email")),
        ("/nova queue-stats email", ("/queue-stats", "email")),
        ("/nova /queue-stats email", ("/queue-stats", "email")),
        ("/nova", ("/runbook", "")),
        ("/nova help scale-workers", ("/runbook", "scale-workers")),
        ("", ("/", "")),
    ],
)
def test_a_line_is_a_command_and_the_rest(line: str, expected: tuple[str, str]) -> None:
    assert split_line(line) == expected


@pytest.mark.parametrize("name", sorted(load().commands))
def test_the_umbrella_reaches_the_command(name: str) -> None:
    assert split_line(f"{UMBRELLA} {name[1:]} some words") == (name, "some words")
    assert split_line(f"{UMBRELLA} {name} some words") == (name, "some words")


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused_with_a_sentence(text: str) -> None:
    for declared in (scale, find, status):
        try:
            parse(declared, text)
        except UsageError as error:
            said = error.message, error.usage
        else:
            said = "read", declared.usage
        assert said[0]
        assert said[1] == declared.usage
    split_line(text)


@given(
    st.dictionaries(st.text(max_size=10), st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.text()))
)
def test_any_form_is_read_or_refused_with_a_sentence(arguments: dict[str, Any]) -> None:
    said = "read"
    try:
        validate(scale, arguments)
    except UsageError as error:
        said = error.message
    assert said


@pytest.mark.parametrize(
    ("line", "read"),
    [
        ("2 redis is dead", {"level": "2", "reason": "redis is dead"}),
        ('2 "redis is" dead', {"level": "2", "reason": "redis is dead"}),
        ("2 --reason dead", {"level": "2", "reason": "dead"}),
    ],
)
def test_a_reason_is_all_that_follows_as_people_write_it(line: str, read: dict[str, str]) -> None:
    assert parse(load().commands["/page"], line) == read


def test_what_takes_one_word_still_refuses_another() -> None:
    with pytest.raises(UsageError, match="one argument too many"):
        parse(load().commands["/queue-stats"], "email report")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("2 <@U0ONCALL|Ola On-call> <!here> db gone", "@Ola On-call @here db gone"),
        ('2 "ask <@U0ONCALL|Ola On-call>, in <#C1|ops>"', "ask @Ola On-call, in #ops"),
        ("2 ask <@U9>", "ask U9"),
    ],
)
def test_a_sentence_has_the_names_of_those_it_mentions(line: str, reason: str) -> None:
    assert parse(load().commands["/page"], line)["reason"] == reason


def test_who_is_meant_is_an_id_wherever_it_is_no_sentence() -> None:
    assert parse(load().commands["/oncall"], "override <@U0ONCALL|Ola On-call> --until 8h")["who"] == "U0ONCALL"
