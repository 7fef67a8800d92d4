import json

import pytest

from sandbox.slack_dialect import shown, translated


@pytest.mark.parametrize(
    ("mrkdwn", "expected"),
    [
        ("*a* &amp; &lt;@U1&gt;", "*a* & \u2039@U1\u203a"),
        ("at <!date^1795463716^{date_short_pretty} {time}|2026-11-23 19:55 UTC>.", "at 2026-11-23 19:55 UTC."),
        ("```\na  b\n\nc `d`\n```", "`a\u00a0\u00a0b\u00a0`\n`\u00a0\u00a0\u00a0\u00a0\u00a0`\n`c\u00a0\u02cbd\u02cb`"),
        ("<@U1> stays", "<@U1> stays"),
    ],
)
def test_mrkdwn_becomes_what_local_slack_shows(mrkdwn: str, expected: str) -> None:
    assert shown(mrkdwn) == expected


def test_only_mrkdwn_is_touched() -> None:
    body = {
        "channel": "C1",
        "text": "a &amp; b",
        "blocks": [
            {"type": "header", "text": {"type": "plain_text", "text": "a &amp; b"}},
            {"type": "section", "text": {"type": "mrkdwn", "text": "a &amp; b"}},
        ],
    }
    found = json.loads(translated(json.dumps(body).encode()))
    assert found["text"] == "a & b"
    assert [block["text"]["text"] for block in found["blocks"]] == ["a &amp; b", "a & b"]


def test_what_is_no_json_is_left_alone() -> None:
    assert translated(b"token=x") == b"token=x"
