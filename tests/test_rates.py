from datetime import UTC, datetime, timedelta

from bot.rates import Rate, rates, series_name
from bot.stores.samples import Sample

NOW = datetime(2026, 7, 1, 9, tzinfo=UTC)


def series(process: str, *values: float | None) -> dict[str, list[Sample]]:
    name = series_name(process, "http_requests_total")
    return {name: [Sample(name, NOW + timedelta(minutes=at), value) for at, value in enumerate(values)]}


def test_processes_add_up_and_a_restart_is_another_process() -> None:
    found = rates(series("a@1", 60, 120, 180) | series("a@2", 0, 60) | series("b@1", 5))
    assert found == {"http_requests_total": Rate(2.0, 2)}


def test_what_cannot_be_told_is_not_there() -> None:
    assert rates(series("a@1", 60)) == {}
    assert rates(series("a@1", 60, None)) == {}
    assert rates(series("@1", 60, 10, 70)) == {}
