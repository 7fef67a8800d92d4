"""What another number of workers does to the jobs that wait."""

from datetime import UTC, datetime, timedelta

import pytest

from bot.backlog import Backlog
from bot.clients.queue_layout import QueueSnapshot
from bot.forecast import Sample

NOW = datetime(2026, 7, 1, 9, tzinfo=UTC)
LONGER = "2,310 jobs wait; fewer workers make this longer"


def moving(ready: int, net: int, into: int, *, is_paused: bool = False) -> list[Sample]:
    """The last minute of a queue that grows by ``net`` jobs a second while ``into`` a second come in."""
    return [
        Sample(NOW - timedelta(seconds=ago), ready - net * ago, ready - net * ago, 5000 - into * ago, 2, is_paused)
        for ago in range(60, -10, -10)
    ]


def backlog(**known: list[Sample]) -> Backlog:
    queues: dict[str, QueueSnapshot] = {}
    return Backlog(dict(queues), known)


@pytest.mark.parametrize(
    ("known", "to", "said"),
    [
        ({"email": moving(0, 0, 0)}, 1, ()),
        ({"email": moving(2310, -3, 1)}, 5, ()),
        (
            {"email": moving(2310, -3, 1), "report": moving(0, 0, 0)},
            3,
            (f"{LONGER}: email empty in about 19 min instead of in about 13 min.",),
        ),
        ({"email": moving(1, 0, 0, is_paused=True)}, 3, ("1 job waits; fewer workers make this longer.",)),
        ({"email": moving(2310, -3, 1)[-1:]}, 3, (f"{LONGER}.",)),
        ({"email": moving(2310, -3, 1)}, 0, ("2,310 jobs wait; without workers they stay where they are.",)),
    ],
)
def test_what_fewer_workers_do(known: dict[str, list[Sample]], to: int, said: tuple[str, ...]) -> None:
    assert backlog(**known).slower(4, to) == said
