from datetime import UTC, datetime, timedelta

from bot.rates import Rate, counter_name, rates, series_name
from bot.stores.samples import Sample

NOW = datetime(2026, 7, 1, 9, tzinfo=UTC)


def series(process: str, *values: float | None) -> dict[str, list[Sample]]:
    name = series_name(process, "http_requests_total")
    return {name: [Sample(name, NOW + timedelta(minutes=at), value) for at, value in enumerate(values)]}


def test_processes_add_up() -> None:
    found = rates(series("a@1", 60, 120, 180) | series("b@1", 0, 60, 120) | series("c@1", None, None, 5))
    assert found == {"http_requests_total": Rate(2.0, 2)}


def test_a_restarted_replica_counts_once_and_is_no_step_backwards() -> None:
    found = rates(series("a@1", 60, 6060) | series("a@2", None, None, 0, 60))
    assert found == {"http_requests_total": Rate(1.0, 1)}
    assert rates(series("a@1", 60, 6060) | series("a@2", None, 5)) == {}


def test_a_replica_that_is_gone_no_longer_counts_and_one_that_was_missed_once_does() -> None:
    assert rates(series("a@1", 60, 6060) | series("b@1", 0, 60, 120, 180)) == {"http_requests_total": Rate(1.0, 1)}
    assert rates(series("a@1", 0, 60, None) | series("b@1", 0, 60, 120)) == {"http_requests_total": Rate(2.0, 2)}


def test_behind_a_load_balancer_a_process_that_was_not_seen_for_a_while_may_well_run() -> None:
    found = rates(series("@1", 0, 60) | series("@2", None, None, None, 0, 60))
    assert found == {"http_requests_total": Rate(2.0, 2)}


def test_labels_of_any_length_have_a_short_name_of_their_own() -> None:
    labels = {"method": "GET", "route": "/a/b" * 500}
    name = counter_name("x_total", labels)
    assert len(name) < 40
    assert name == counter_name("x_total", dict(reversed(labels.items())))
    assert name != counter_name("x_total", labels | {"method": "POST"})
    assert series_name("a@1", "x_total", labels) == f"metrics/a@1/{name}"


def test_what_cannot_be_told_is_not_there() -> None:
    assert rates(series("a@1", 60)) == {}
    assert rates(series("a@1", 60, None)) == {}
    assert rates(series("@1", 60, 10, 70)) == {}
