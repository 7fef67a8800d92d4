"""A reply on a terminal: the same words as in Slack, and nothing from outside that the terminal would obey."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from rich.console import Console, Group, RenderableType
from rich.text import Text as Styled

from bot.console.invocation import Invocation
from bot.console.table import WholeTable
from bot.drawing import chart_words, sparkline
from bot.plain_text import one_line, plain
from bot.reply import Bold, Buttons, Chart, Code, Fields, Level, Line, Link, Log, Note, Reply, Span, Text, When

SIGNS: Final = {
    Level.OK: "[ok]",
    Level.INFO: "[--]",
    Level.WARNING: "[WARNING]",
    Level.CRITICAL: "[CRITICAL]",
    Level.UNKNOWN: "[UNKNOWN]",
}
_STYLES: Final = {
    Level.OK: "green",
    Level.INFO: "",
    Level.WARNING: "yellow",
    Level.CRITICAL: "bold red",
    Level.UNKNOWN: "magenta",
}
_MOMENT: Final = "%Y-%m-%d %H:%M:%S %Z"


@dataclass(frozen=True)
class Screen:
    """Where answers are shown, and how it was come by, which the lines below a card repeat."""

    console: Console
    invocation: Invocation = field(default_factory=Invocation)

    def show(self, reply: Reply) -> None:
        """Print a reply."""
        self.console.print(render(reply, self.invocation))


def render(reply: Reply, invocation: Invocation) -> RenderableType:
    """Return a reply as rich shows it; colours repeat what the words say already."""
    title = Styled(one_line(reply.title) or "(no title)", style="bold")
    if reply.level is not Level.INFO:
        title = Styled.assemble(_sign(reply.level), " ", title)
    parts = (_buttons(part, invocation) if part.kind == "buttons" else _DRAWN[part.kind](part) for part in reply.parts)
    return Group(title, *parts)


def _sign(level: Level) -> Styled:
    return Styled(SIGNS[level], style=_STYLES[level])


def _spans(spans: tuple[Span, ...]) -> Styled:
    return Styled.assemble(*map(_span, spans))


def _span(span: Span) -> Styled:
    if isinstance(span, str):
        return Styled(plain(span))
    if isinstance(span, Bold):
        return Styled(one_line(span.text), style="bold")
    if isinstance(span, Code):
        return Styled(one_line(span.text), style="cyan")
    if isinstance(span, When):
        return Styled(span.at.astimezone().strftime(_MOMENT))
    if isinstance(span, Link):
        return Styled(one_line(span.text))
    return Styled(one_line(span.name or span.id))


def _text(part: Text) -> RenderableType:
    return _spans(part.spans)


def _note(part: Note) -> RenderableType:
    note = _spans(part.spans)
    note.stylize("dim")
    return note


def _line(part: Line) -> RenderableType:
    return Styled.assemble(_sign(part.level), " ", (f"{one_line(part.label)}:", "bold"), " ", one_line(part.value))


def _fields(part: Fields) -> RenderableType:
    widest = max((len(one_line(name)) for name, _ in part.pairs), default=0)
    lines = [f"{one_line(name).ljust(widest)}  {one_line(value)}" for name, value in part.pairs]
    return Styled("\n".join(lines))


def _log(part: Log) -> RenderableType:
    return Styled("\n".join(f"  {line}" for line in plain(part.text).splitlines()))


def _chart(part: Chart) -> RenderableType:
    return Styled(f"{one_line(part.label)} {sparkline(part.values)} {chart_words(part)}")


def _buttons(part: Buttons, invocation: Invocation) -> RenderableType:
    offered = [f"{one_line(one.label)}: {_typed(one.action, one.value, invocation)}" for one in part.buttons]
    return Styled("\n".join(offered), style="dim")


def _typed(action: str, value: str, invocation: Invocation) -> str:
    return invocation.run(value) if action in ("run", "form") else invocation.decide(value, action)


_DRAWN: Final[dict[str, Callable[[Any], RenderableType]]] = {
    "text": _text,
    "note": _note,
    "line": _line,
    "fields": _fields,
    "table": WholeTable,
    "log": _log,
    "chart": _chart,
}
