"""How often a pod restarted, as a table says it."""

from datetime import UTC, datetime, timedelta

import pytest

from bot.restarts import restarts

NOW = datetime(2026, 7, 1, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("count", "reason", "at", "said"),
    [
        (0, "", None, "0"),
        (0, "", NOW, "0"),
        (3, "OOMKilled", NOW - timedelta(days=15, hours=2), "3 (OOMKilled 15 d 2 h ago)"),
        (3, "OOMKilled", None, "3 (OOMKilled)"),
        (1, "", NOW - timedelta(minutes=2), "1 (2 min ago)"),
    ],
)
def test_the_last_one_is_said_with_how_long_ago_it_was(count: int, reason: str, at: datetime | None, said: str) -> None:
    assert restarts(count, reason, at, NOW) == said
