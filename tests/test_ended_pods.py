"""The sentences about pods that have ended."""

from datetime import UTC, datetime

from bot.clients.cluster_state import Ending, PodLog
from bot.clients.platform_words import KUBERNETES
from bot.ended_pods import ended, how_it_ended, without_a_log
from bot.reply import Line

EVICTED = Ending(at=datetime(2026, 6, 12, 8, tzinfo=UTC), reason="Evicted")
NOBODY_KNOWS = Ending(at=None, reason="failed")


def test_one_is_said_with_its_time_where_that_is_known() -> None:
    assert how_it_ended(EVICTED) == "ended at 06-12 08:00:00 UTC (Evicted)"
    assert how_it_ended(NOBODY_KNOWS) == "ended at a time that the cluster does not tell (failed)"
    assert without_a_log({"a": EVICTED}, KUBERNETES) == (
        "1 pod that ended at 06-12 08:00:00 UTC (Evicted) has no log any more: a"
    )


def test_many_are_counted_and_the_last_is_dated() -> None:
    assert without_a_log({"a": NOBODY_KNOWS, "b": NOBODY_KNOWS}, KUBERNETES) == (
        "2 pods that have ended (failed) have no log any more: a, b"
    )
    assert without_a_log(dict.fromkeys("abcde", EVICTED) | {"f": NOBODY_KNOWS}, KUBERNETES) == (
        "6 pods that have ended (Evicted, failed), the last known at 06-12 08:00:00 UTC, have no log any more: "
        "a, b, c and 3 more"
    )


def test_only_the_first_of_many_that_ended_lately_have_a_line_of_their_own() -> None:
    logs = [PodLog(pod=name, data=None, ending=EVICTED) for name in "abcdefg"]
    lines = list(ended(logs, datetime(2026, 6, 12, 7, tzinfo=UTC), KUBERNETES))
    assert [line.label for line in lines if isinstance(line, Line)] == ["a", "b", "c", "d", "e", "2 pods more"]
    assert len(lines) == 6
