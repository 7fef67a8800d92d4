import pytest

from benchmarks.failed import Cleared, keeps, stands
from benchmarks.figures import Sample


def took(seconds: float, ping: float = 0.02) -> Cleared:
    return Cleared(seconds, Sample([ping] * 100), 0.0)


@pytest.mark.parametrize(
    ("bot", "node", "expected"),
    [
        (took(2.0), took(2.3), True),
        (took(2.0), took(1.95), True),
        (took(2.0), took(1.8), False),
        (took(2.0, ping=0.051), took(2.3), False),
    ],
)
def test_a_clean_up_is_as_fast_as_node_and_holds_nobody_up(bot: Cleared, node: Cleared, expected: bool) -> None:
    assert keeps(bot, node) == expected


def test_a_broken_promise_is_not_to_be_overlooked() -> None:
    assert (stands(True), stands(False)) == ("kept", "NOT KEPT")
