from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.clients.metrics_text import parse_metrics
from bot.errors import Unavailable

TODAY = """\
# HELP http_requests_total Total requests
# TYPE http_requests_total counter
# HELP queue_size Jobs per queue
# TYPE queue_size gauge
# HELP redis_connection_status 1 or 0
# TYPE redis_connection_status gauge
redis_connection_status 0
# HELP process_resident_memory_bytes x
# TYPE process_resident_memory_bytes gauge
process_resident_memory_bytes 123456789
"""
LATER = """\
# TYPE http_requests_total counter
http_requests_total{method="GET",route="/a",status_code="200"} 10
http_requests_total{method="GET",route="/a",status_code="500"} 2
http_requests_total{method="POST",route="/b",status_code="500"} 3
# TYPE http_request_duration_seconds histogram
http_request_duration_seconds_bucket{le="0.1"} 4
http_request_duration_seconds_bucket{le="+Inf"} 5
http_request_duration_seconds_sum 1.5
http_request_duration_seconds_count 5
# TYPE odd gauge
odd NaN
"""


def test_declared_without_a_sample_is_unknown_and_not_absent() -> None:
    metrics = parse_metrics(TODAY)
    for name in ("queue_size", "http_requests_total"):
        assert metrics.is_declared(name)
        assert metrics.samples(name) == []
        assert metrics.value(name) is None
        assert metrics.total(name) is None
    assert not metrics.is_declared("db_query_duration_seconds")
    assert metrics.value("redis_connection_status") == 0
    assert metrics.value("process_resident_memory_bytes") == 123456789


def test_samples_by_labels() -> None:
    metrics = parse_metrics(LATER)
    assert metrics.total("http_requests_total") == 15
    assert metrics.total("http_requests_total", status_code="500") == 5
    assert metrics.value("http_requests_total", status_code="500") is None
    assert metrics.value("http_requests_total", status_code="500", method="POST") == 3
    assert [sample.labels["route"] for sample in metrics.samples("http_requests_total", method="POST")] == ["/b"]
    assert metrics.total("http_requests_total", status_code="404") is None
    assert metrics.value("http_request_duration_seconds_sum") == 1.5
    assert metrics.is_declared("http_request_duration_seconds_bucket")


def test_a_sample_that_is_no_number_is_unknown() -> None:
    assert parse_metrics(LATER).value("odd") is None


def test_nothing_at_all() -> None:
    assert not parse_metrics("").is_declared("queue_size")


@pytest.mark.parametrize("words", ["<html>welcome</html>", '{"success": true}', 'x{a="b} 1', "x one"])
def test_what_is_no_exposition_text(words: str) -> None:
    with pytest.raises(Unavailable, match="no exposition text"):
        parse_metrics(words)


@given(
    st.lists(st.sampled_from(['a{b="c"', "}", " 1", "\n", "# TYPE a counter", "é", '"', "\\", "{", ","])).map("".join)
)
def test_any_text_is_read_or_refused(words: str) -> None:
    with suppress(Unavailable):
        assert parse_metrics(words).value("b") is None
