"""Replies of every kind, with what comes from outside at its worst, for hypothesis."""

from datetime import UTC, datetime

from hypothesis import strategies as st

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
    Span,
    Table,
    Text,
    When,
)

NASTY = (
    "<!channel>",
    "<!here|x>",
    "<@U0VIEWER>",
    "<https://evil.example|click>",
    "https://evil.example/?a=1&b=2",
    "```",
    "`x`",
    "*_~",
    "&lt;!channel&gt;",
    "\x00\x1b[31mred\x1b[0m\x07",
    "\u202egnp.exe",
    "\ufeff",
    "e\u0301",
    "\U0001f469\u200d\U0001f680",
    "\u6f22\u5b57",
    "\r\n\r",
    "\u2028",
    "xoxb-1234-5678-abcdef",
    "mongodb://root:hunter2@db/admin",
    " ",
    "",
)
text = st.one_of(
    st.lists(st.one_of(st.sampled_from(NASTY), st.text(st.characters(exclude_categories=["Cs"]), max_size=20))).map(
        "".join
    ),
    st.builds(lambda word, times: word * times, st.sampled_from((*NASTY, "word ", "line\n")), st.integers(1, 900)),
)
moments = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
spans: st.SearchStrategy[Span] = st.one_of(
    text,
    st.builds(Bold, text=text),
    st.builds(Code, text=text),
    st.builds(Person, id=st.one_of(st.just("U0VIEWER"), text), name=text, notify=st.booleans()),
    st.builds(When, at=moments),
)
rows = st.lists(st.lists(text, max_size=5).map(tuple), max_size=30).map(tuple)
values = st.lists(st.one_of(st.none(), st.floats()), max_size=200).map(tuple)
buttons = st.builds(
    Button,
    label=text,
    action=st.sampled_from(["run", "form", "approve", "deny"]),
    value=text,
    style=st.sampled_from(["plain", "primary", "danger"]),
)
parts: st.SearchStrategy[Part] = st.one_of(
    st.builds(Text, spans=st.lists(spans, max_size=6).map(tuple)),
    st.builds(Note, spans=st.lists(spans, max_size=4).map(tuple)),
    st.builds(Line, level=st.sampled_from(Level), label=text, value=text),
    st.builds(Fields, pairs=st.lists(st.tuples(text, text), max_size=15).map(tuple)),
    st.builds(Table, columns=st.lists(text, max_size=5).map(tuple), rows=rows),
    st.builds(Log, text=text, name=text),
    st.builds(Chart, label=text, values=values),
    st.builds(Buttons, buttons=st.lists(buttons, max_size=30).map(tuple)),
)
replies: st.SearchStrategy[Reply] = st.builds(
    Reply,
    title=text,
    level=st.sampled_from(Level),
    parts=st.lists(parts, max_size=12).map(tuple),
    private=st.booleans(),
    summary=text,
)
