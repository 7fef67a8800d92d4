import io
from datetime import UTC, datetime
from typing import get_args

from hypothesis import HealthCheck, given, settings
from rich.console import Console

from bot.console.invocation import Invocation
from bot.console.render import render
from bot.reply import (
    Bold,
    Button,
    Buttons,
    Chart,
    Code,
    Fields,
    Level,
    Line,
    Log,
    Note,
    Part,
    Person,
    Reply,
    Table,
    Text,
    When,
    say,
)
from tests.slack.replies import replies


def printed(reply: Reply) -> str:
    out = io.StringIO()
    Console(file=out, width=120, color_system=None).print(render(reply, Invocation()))
    return out.getvalue()


@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(reply=replies)
def test_nothing_from_outside_reaches_the_terminal_as_control(reply: Reply) -> None:
    shown = printed(reply)
    assert all(character == "\n" or character >= " " for character in shown)
    assert "\u202e" not in shown


def test_every_kind_of_part_is_shown_with_its_words() -> None:
    reply = say(
        "Queues [bold]x[/bold]",
        Text.of("plain ", Bold(text="bold"), " ", Code(text="code"), " ", Person(id="U1", name="Ana")),
        Note.of("read at ", When(at=datetime(2025, 11, 3, 9, tzinfo=UTC))),
        Line(level=Level.UNKNOWN, label="API", value="no answer"),
        Fields(pairs=(("queue", "email"), ("n", "5"))),
        Table(columns=("queue", "n"), rows=(("email", "5"),)),
        Log(text="one\ntwo"),
        Chart(label="trend", values=(1.0, None, 3.0)),
        Buttons(
            buttons=(
                Button(label="Approve", action="approve", value="p1"),
                Button(label="Scale", action="form", value="/scale-workers 5"),
            )
        ),
        level=Level.CRITICAL,
    )
    shown = printed(reply)
    for words in (
        "[CRITICAL] Queues [bold]x[/bold]",
        "plain bold code Ana",
        "[UNKNOWN] API: no answer",
        "queue  email",
        "email  5",
        "  one\n  two",
        "min 1 \u00b7 max 3 \u00b7 last 3 \u00b7 1 missing",
        "Approve: python -m bot decide p1 approve",
        "Scale: python -m bot run '/scale-workers 5'",
    ):
        assert words in shown
    assert {part.kind for part in reply.parts} == {
        kind.model_fields["kind"].default for kind in get_args(get_args(Part)[0])
    }
