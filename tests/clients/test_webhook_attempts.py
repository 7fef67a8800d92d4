from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.clients.webhook_attempts import ADVICE, TEXT_LIMIT, Attempt, attempts

AT = datetime(2026, 7, 1, 9, tzinfo=UTC)


def row(after: float = 0.0, **fields: Any) -> dict[str, Any]:
    found = {"_id": "r", "event": "invoice.paid", "status": "failed", "attempt": 1}
    return found | {"createdAt": (AT + timedelta(seconds=after)).isoformat(), **fields}


def test_both_rows_of_a_4xx_are_one_attempt_whichever_says_more() -> None:
    rows = [row(0.1, errorMessage="Request failed"), row(statusCode=404, responseBody="no such hook", duration=9.5)]
    (found,) = attempts(rows)
    assert (found.code, found.duration, found.rows) == (404, 9, 2)
    assert found.error == "Request failed; no such hook"


@pytest.mark.parametrize(
    ("rows", "number"),
    [
        ([row(10, statusCode=404), row(statusCode=404)], 2),
        ([row(statusCode=404, event="a"), row(statusCode=404, event="b")], 2),
        ([row(statusCode=404, attempt=2), row(statusCode=404)], 2),
        ([row(statusCode=500), row(statusCode=500)], 2),
        ([row(), row()], 2),
        ([row(statusCode=404), row(statusCode=403)], 2),
        ([row(statusCode=404), row(status="success", statusCode=200)], 2),
        ([row(statusCode=404)] * 3, 2),
        ([row(statusCode=404)] * 4, 2),
        ([row(statusCode=404, event="a"), row(statusCode=404, event="b")] * 2, 2),
    ],
)
def test_what_is_not_the_same_attempt_counts_apart(rows: list[dict[str, Any]], number: int) -> None:
    assert len(attempts(rows)) == number


@pytest.mark.parametrize(
    ("fields", "cause"),
    [
        ({"errorMessage": "timeout of 10000ms exceeded"}, "timeout"),
        ({"duration": 10_004}, "timeout"),
        ({"errorMessage": "getaddrinfo ENOTFOUND hooks.example"}, "url"),
        ({"errorMessage": "connect ECONNREFUSED 127.0.0.1:1"}, "url"),
        ({"errorMessage": "read ECONNRESET"}, "connection"),
        ({"errorMessage": "unable to verify the first certificate"}, "tls"),
        ({"errorMessage": "SELF_SIGNED_CERT_IN_CHAIN"}, "tls"),
        ({"statusCode": 401}, "signature"),
        ({"statusCode": 400, "responseBody": "Invalid signature"}, "signature"),
        ({"statusCode": 422}, "4xx"),
        ({"statusCode": 429}, "rate"),
        ({"statusCode": 503}, "5xx"),
        ({"statusCode": 302}, "redirect"),
        ({}, "unknown"),
    ],
)
def test_the_cause_of_a_failure(fields: dict[str, Any], cause: str) -> None:
    (found,) = attempts([row(**fields)])
    assert found.cause == cause
    assert cause in ADVICE


def test_a_success_has_no_cause_and_shows_no_body() -> None:
    (found,) = attempts([row(status="success", statusCode=200, responseBody="hello")])
    assert (found.cause, found.error, found.outcome) == ("", "", "200")


def test_nonsense_is_unknown_and_text_is_masked_and_cut() -> None:
    odd = {"status": 7, "attempt": "x", "statusCode": True, "duration": None, "createdAt": "never", "event": None}
    (found,) = attempts([odd | {"errorMessage": "password=hunter2 " + "x" * 10_000}])
    assert (found.event, found.status, found.number, found.code, found.at) == ("unnamed", "failed", None, None, None)
    assert "hunter2" not in found.error
    assert len(found.error) == TEXT_LIMIT
    assert Attempt("r", "e", "failed").outcome == "failed"
