import pytest

from benchmarks.figures import Sample, machine, ratio


def test_percentiles_are_in_milliseconds() -> None:
    sample = Sample([number / 1000 for number in range(1, 101)])
    assert sample.p50 == pytest.approx(50.5)
    assert sample.p99 == pytest.approx(99.01)


def test_a_row_says_how_many_failed() -> None:
    assert Sample([0.001, 0.003], failed=2).line("the bot").split() == ["the", "bot", "2", "2.0", "3.0", "2", "failed"]
    assert "failed" not in Sample([0.001, 0.003]).line("the bot")


def test_a_ratio_is_of_the_same_percentiles() -> None:
    assert ratio("takes", Sample([0.002, 0.004]), Sample([0.001, 0.002])).split() == ["takes", "2.00x", "2.00x"]


def test_the_machine_is_named() -> None:
    assert "cores" in machine()
