"""What the bot says, as plain data: no Slack in it, so that the console and the store hold the same thing.

Text in a reply is plain. Whoever renders it escapes it; what should be a mention, a time or bold is a span of its
own, so text from outside can never become one.
"""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

# A title that begins with this says by itself how bad it is: what failed is a change, not what it was about.
FAILED: Final = "Failed: "


class Level(StrEnum):
    """How good or bad something is; unknown is neither."""

    OK = "ok"
    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"
    UNKNOWN = "unknown"


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Bold(_Data):
    """Text to be noticed."""

    kind: Literal["bold"] = "bold"
    text: str


class Code(_Data):
    """A name, a command or a value, set in a fixed-width face."""

    kind: Literal["code"] = "code"
    text: str


class Person(_Data):
    """Somebody, by Slack user id; ``notify`` decides whether the mention rings."""

    kind: Literal["person"] = "person"
    id: str
    name: str
    notify: bool = False


class When(_Data):
    """A moment, shown in the reader's own time zone where that is possible."""

    kind: Literal["when"] = "when"
    at: datetime


class Link(_Data):
    """The way to another message of the bot, by its key in the outbox; plain text where it leads nowhere yet.

    ``url`` is filled in by the room that knows where the message stands.
    """

    kind: Literal["link"] = "link"
    text: str
    key: str
    url: str = ""


Span = str | Annotated[Bold | Code | Person | When | Link, Field(discriminator="kind")]


class Text(_Data):
    """A paragraph; newlines are kept."""

    kind: Literal["text"] = "text"
    spans: tuple[Span, ...]

    @classmethod
    def of(cls, *spans: Span) -> "Text":
        """Build a paragraph from its spans."""
        return cls(spans=spans)


class Note(_Data):
    """A small grey line: sources, ages, hints."""

    kind: Literal["note"] = "note"
    spans: tuple[Span, ...]

    @classmethod
    def of(cls, *spans: Span) -> "Note":
        """Build a note from its spans."""
        return cls(spans=spans)


class Line(_Data):
    """One checked thing: its level as a sign, its name, what was found."""

    kind: Literal["line"] = "line"
    level: Level
    label: str
    value: str


class Fields(_Data):
    """Short pairs of name and value, shown in two columns."""

    kind: Literal["fields"] = "fields"
    pairs: tuple[tuple[str, str], ...]


class Table(_Data):
    """Rows of cells under column names; numbers are right-aligned by whoever renders it."""

    kind: Literal["table"] = "table"
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class Log(_Data):
    """Fixed-width text from outside, cut where Slack would refuse it; ``name`` is used where it becomes a file."""

    kind: Literal["log"] = "log"
    text: str
    name: str = "output.txt"


class Chart(_Data):
    """A trend, oldest value first; ``None`` is a gap, never a zero."""

    kind: Literal["chart"] = "chart"
    label: str
    values: tuple[float | None, ...]


class Button(_Data):
    """Something to press.

    ``action`` says what pressing does: ``run`` runs the command line in ``value``, ``form`` opens the form of the
    command line in ``value`` filled in; the others act on the plan, run or incident whose id is ``value``. Whatever
    the value says, a click is authorized again for the person who clicked.
    """

    label: str
    action: Literal[
        "run", "form", "approve", "deny", "cancel", "break_glass", "undo", "confirm", "replan", "stop_watching"
    ]
    value: str
    style: Literal["plain", "primary", "danger"] = "plain"


class Buttons(_Data):
    """A row of buttons."""

    kind: Literal["buttons"] = "buttons"
    buttons: tuple[Button, ...]


Part = Annotated[Text | Note | Line | Fields | Table | Log | Chart | Buttons, Field(discriminator="kind")]


class Reply(_Data):
    """An answer or a card: a title, how bad it is, and the parts below it.

    ``private`` shows it to the person who asked only. ``summary`` is the one line for notifications and screen
    readers; the title where it is left out.
    """

    title: str
    level: Level = Level.INFO
    parts: tuple[Part, ...] = ()
    private: bool = False
    summary: str = ""


_WORST_FIRST: Final = (Level.CRITICAL, Level.WARNING, Level.UNKNOWN, Level.OK)


def worst(levels: Iterable[Level]) -> Level:
    """Return the worst of the levels; unknown is worse than well, and nothing at all is unknown."""
    found = {Level.OK if level is Level.INFO else level for level in levels}
    return next((level for level in _WORST_FIRST if level in found), Level.UNKNOWN)


def say(title: str, *parts: Part, level: Level = Level.INFO, private: bool = False) -> Reply:
    """Build a reply the short way."""
    return Reply(title=title, level=level, parts=parts, private=private)
