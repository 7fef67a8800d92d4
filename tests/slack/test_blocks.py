from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from bot.reply import (
    Bold,
    Button,
    Buttons,
    Chart,
    Code,
    Fields,
    Level,
    Line,
    Link,
    Log,
    Note,
    Person,
    Reply,
    Table,
    Text,
    When,
    say,
)
from bot.slack import limits
from bot.slack.blocks import render
from tests.slack.replies import replies


def texts(node: object) -> str:
    return "\n".join(limits._strings(node))


def only(reply: Reply) -> dict[str, Any]:
    (block,) = render(reply).blocks[1:]
    return block


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(reply=replies)
def test_any_reply_fits_into_a_message_and_is_harmless(reply: Reply) -> None:
    rendered = render(reply, marker="card:0123", files=True)
    assert limits.problems(rendered.blocks) == []
    assert 0 < limits.length(rendered.text) <= limits.FALLBACK
    assert "<" not in rendered.text
    assert "hunter2" not in texts(rendered.blocks) + "".join(file.text for file in rendered.files)


def test_outside_text_cannot_mention_link_or_broadcast() -> None:
    drawn = texts(only(say("t", Text.of("<!channel> <@U1> <https://a.example|b> & co"))))
    assert drawn == "&lt;!channel&gt; &lt;@U1&gt; &lt;https://a.example|b&gt; &amp; co"


def test_a_person_is_mentioned_only_where_that_is_wanted() -> None:
    reply = say("t", Text.of(Person(id="U1AB", name="Ana", notify=True), " ", Person(id="U1AB", name="Ana")))
    assert texts(only(reply)) == "<@U1AB> Ana"


def test_only_the_runbook_and_the_bots_own_messages_can_be_links() -> None:
    url = "https://wiki.example.com/runbook#redis-outage"
    runbook = Note(spans=(Link(text="Runbook: Redis Outage", key="", url=url),))
    other = Note(spans=(Link(text="Click here", key="", url=url),))
    bad = Note(spans=(Link(text="Runbook: x", key="", url="https://wiki.example.com/|<!channel>"),))
    shown = texts(render(Reply(title="t", parts=(runbook, other, bad))).blocks)
    assert f"<{url}|Runbook: Redis Outage>" in shown
    assert shown.count("https://") == 1
    assert "<!channel>" not in shown


def test_an_id_that_is_not_slacks_is_never_a_mention() -> None:
    person = Person(id="schedule:x> <!channel", name="the schedule", notify=True)
    assert texts(only(say("t", Text.of(person)))) == "the schedule"


def test_a_moment_is_shown_in_the_readers_zone_with_utc_behind_it() -> None:
    at = datetime(2025, 11, 3, 9, 30, tzinfo=UTC)
    assert texts(only(say("t", Text.of(When(at=at))))) == (
        "<!date^1762162200^{date_short_pretty} {time}|2025-11-03 09:30 UTC>"
    )


def test_marks_inside_bold_and_code_do_not_end_them() -> None:
    assert texts(only(say("t", Text.of(Bold(text="a*b"), Code(text="c`d"))))) == "*a\u2217b*`c\u02cbd`"


@pytest.mark.parametrize(
    ("level", "title", "expected"),
    [
        (Level.CRITICAL, "Email waiting 1,204", "\U0001f534 CRITICAL \u00b7 Email waiting 1,204"),
        (Level.CRITICAL, "Critical: email", "\U0001f534 Critical: email"),
        (Level.CRITICAL, "Failed: Scale to 5", "\U0001f534 Failed: Scale to 5"),
        (Level.CRITICAL, "Queue: failed jobs", "\U0001f534 CRITICAL \u00b7 Queue: failed jobs"),
        (Level.WARNING, "Email", "\u26a0\ufe0f WARNING \u00b7 Email"),
        (Level.UNKNOWN, "Email", "\u2754 UNKNOWN \u00b7 Email"),
        (Level.OK, "Email", "\u2705 Email"),
        (Level.INFO, "Email", "Email"),
    ],
)
def test_the_title_says_how_bad_without_colour(level: Level, title: str, expected: str) -> None:
    rendered = render(say(title, level=level))
    assert texts(rendered.blocks[0]) == expected
    assert rendered.text == expected


def test_the_summary_is_the_notifications_line() -> None:
    assert render(Reply(title="Queues", summary="4 queues, all < 10")).text == "4 queues, all &lt; 10"


def test_the_marker_is_the_first_blocks_id() -> None:
    assert render(say("t"), marker="card:abc").blocks[0]["block_id"] == "card:abc"


def test_lines_stand_together_each_with_its_sign() -> None:
    reply = say(
        "t",
        Line(level=Level.OK, label="Redis", value="answers"),
        Line(level=Level.UNKNOWN, label="API", value="no answer within 3 s"),
    )
    assert texts(only(reply)) == "\u2705 *Redis* answers\n\u2754 *API* no answer within 3 s"


def test_fields_are_cut_into_tens() -> None:
    blocks = render(say("t", Fields(pairs=tuple((f"n{i}", "v") for i in range(12))))).blocks[1:]
    assert [len(block["fields"]) for block in blocks] == [10, 2]


def test_a_table_is_fixed_width_with_numbers_at_the_right() -> None:
    table = Table(columns=("queue", "waiting"), rows=(("email", "1,204"), ("\u6f22\u5b57", "7")))
    assert texts(only(say("t", table))) == (
        "```\nqueue  waiting\n" + "\u2500" * 14 + "\nemail    1,204\n\u6f22\u5b57         7\n```"
    )


def test_a_long_table_says_how_many_rows_are_left_out() -> None:
    table = Table(columns=("n", "text"), rows=tuple((str(i), "x" * 30) for i in range(100)))
    rendered = render(say("t", table), files=True)
    shown = texts(rendered.blocks[1]).count("xxx" * 10)
    assert texts(rendered.blocks[2]) == f"\u2026 {100 - shown} more rows; full output as a file in the thread"
    assert rendered.files[0].text.count("\n") == 101


def test_a_long_log_is_cut_with_a_note_and_no_file_where_there_can_be_none() -> None:
    rendered = render(say("t", Log(text="line\n" * 2000)))
    assert "more lines" in texts(rendered.blocks[2])
    assert "file" not in texts(rendered.blocks[2])
    assert rendered.files == ()


def test_one_endless_line_is_cut() -> None:
    rendered = render(say("t", Log(text="x" * 100_000)))
    assert texts(rendered.blocks[2]) == "\u2026 the rest is cut"


def test_a_log_cannot_end_its_own_frame() -> None:
    assert texts(only(say("t", Log(text="a```<!channel>")))) == "```\na\u02cb\u02cb\u02cb&lt;!channel&gt;\n```"


def test_a_chart_shows_gaps_and_says_its_ends() -> None:
    drawn = texts(only(say("t", Chart(label="waiting", values=(0.0, None, 1431.0, 200.0)))))
    assert drawn == "*waiting* `\u2581\u00b7\u2588\u2582` min 0 \u00b7 max 1,431 \u00b7 last 200 \u00b7 1 missing"


def test_a_chart_without_values_says_so() -> None:
    assert "no values" in texts(only(say("t", Chart(label="waiting", values=(None, None)))))


def test_buttons_carry_their_action_and_their_value() -> None:
    button = Button(label="Approve", action="approve", value="k3v9x2mq7a", style="primary")
    (element,) = only(say("t", Buttons(buttons=(button,))))["elements"]
    assert (element["action_id"], element["value"], element["style"]) == ("approve:0", "k3v9x2mq7a", "primary")


def test_buttons_stay_when_text_has_to_go() -> None:
    reply = say("t", *[Note.of("n" * 1900)] * 60, Buttons(buttons=(Button(label="Go", action="run", value="/x"),)))
    blocks = render(reply).blocks
    assert [block["type"] for block in blocks[-2:]] == ["actions", "context"]
    assert "more parts do not fit" in texts(blocks[-1])


def test_a_button_whose_value_would_be_cut_is_left_out_and_said() -> None:
    assert "1 more buttons" in texts(
        only(say("t", Buttons(buttons=(Button(label="x", action="run", value="v" * 2001),))))
    )


def test_the_checker_finds_what_slack_would_refuse() -> None:
    bad: list[limits.Block] = [
        {"type": "header", "text": {"type": "plain_text", "text": "x" * 151}},
        {"type": "section", "text": {"type": "mrkdwn", "text": "<!channel>"}},
        {"type": "table", "rows": []},
    ]
    found = " / ".join(limits.problems(bad))
    for problem in ("151 characters", "angle bracket", "bare addresses", "not a classic block"):
        assert problem in found
