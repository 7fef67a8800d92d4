"""How the API answers its callers: the share of 5xx and the 95th percentile of its response times."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from bot.attempt import attempt, is_missing, why
from bot.clients.platform import Platform
from bot.clients.replica_metrics import MetricsReader, Replica, ReplicaMetrics
from bot.elapsed import elapsed
from bot.errors import BotError
from bot.increase import risen
from bot.log_entries import entries
from bot.schedule import FOR, Observation, schedule
from bot.stores.samples import Sample, Samples, series_of

# Over so much of the past every share is taken; a rule's `for` says how long it has to last.
WINDOW: Final = timedelta(minutes=2)
# A share of fewer requests or entries says little: it is taken of so many.
FEWEST: Final = 20
_LOG_BYTES: Final = 4 * 1024 * 1024  # of all pods together
_PREFIX: Final = "api-watch/"
_LONGEST: Final = 190
_REQUESTS: Final = "http_requests_total"
_ERRORS: Final = "http_request_errors_total"
_BUCKETS: Final = "http_request_duration_seconds_bucket"
_P95: Final = 0.95
_MS: Final = 1000
_PERCENT: Final = 100
_SERVER_ERRORS: Final = range(500, 600)
_SILENT: Final = f"NovaPulse's metrics carry no sample of {_REQUESTS}, so nobody knows from them how many requests fail"

QUIET: Final = f"No request reached the API in the last {elapsed(WINDOW)}, so no share of them failed or went well."

Series = Mapping[str, Sequence[Sample]]


@schedule(
    "api-watch",
    metrics={"api_error_percent": {"source": ("metrics", "log")}, "api_p95_ms": {}, "api_metrics_readable": {}},
)
async def api_watch(metrics: MetricsReader, cluster: Platform, samples: Samples, now: datetime) -> list[Observation]:
    """Read the counters of every replica; where they carry no sample, the share of 5xx entries in the API's log.

    A 4xx answer is a caller's mistake: it counts as a request in the metrics, and not at all in the log.
    """
    found = await attempt(metrics.read())
    replicas = found.replicas if isinstance(found, ReplicaMetrics) else ()
    await samples.add([sample for replica in replicas for sample in _counted(replica, now)])
    series = await samples.beginning(_PREFIX, now - WINDOW - timedelta(seconds=1))
    is_fed = any(replica.metrics.samples(_REQUESTS) for replica in replicas)
    if is_fed and isinstance(found, ReplicaMetrics):
        seen = [*_by_metrics(series, found, now), _said("api_metrics_readable", 1.0, now)]
    else:
        seen = [*_unknown(found, now), await _by_log(cluster, now)]
    await samples.add([Sample(series_of(one.metric, {}), one.at, one.value) for one in _charted(seen)])
    return seen


def _charted(seen: list[Observation]) -> list[Observation]:
    """Keep the one reading of each metric that is known, for its trend."""
    return list({one.metric: one for one in seen if one.value is not None}.values())


def _counted(replica: Replica, now: datetime) -> list[Sample]:
    """Read one process's counters; where neither a start nor a name tells processes apart, none of them is kept."""
    process, metrics = replica.process or replica.name, replica.metrics
    requests = metrics.samples(_REQUESTS)
    if not process or not requests:
        return []
    failed = [one.value for one in requests if one.labels.get("status_code", "").startswith("5")]
    has_status = any("status_code" in one.labels for one in requests)
    counters = {
        "requests": metrics.total(_REQUESTS),
        "errors": sum(failed) if has_status else metrics.total(_ERRORS) or 0.0,
    }
    bounds = {one.labels.get("le", "") for one in metrics.samples(_BUCKETS)}
    counters |= {f"le={bound}": metrics.total(_BUCKETS, le=bound) for bound in sorted(bounds)}
    named = {f"{_PREFIX}{process}/{what}": value for what, value in counters.items()}
    return [Sample(name, now, value) for name, value in named.items() if len(name) <= _LONGEST]


def _by_metrics(series: Series, found: ReplicaMetrics, now: datetime) -> list[Observation]:
    since, seen = now - WINDOW, f"{len(found.replicas)} replicas seen"
    said = " ".join((f"From the metrics, {seen if len(found.replicas) > 1 else '1 replica seen'}.", *found.problems))
    requests, errors = risen(series, "requests", since), risen(series, "errors", since)
    if requests is None or errors is None:
        early = "two readings are needed for a rate, and there is one so far"
        return [_error(None, now, early, expected=False), _said("api_p95_ms", None, now, early, expected=False)]
    if not requests:
        # No request that went well is no request: an API that nobody reaches any more has not got better.
        return [_error(None, now, QUIET, expected=False), _said("api_p95_ms", None, now, QUIET, expected=False)]
    share = _PERCENT * errors / max(requests, FEWEST)
    p95, is_beyond = _percentile(series, since)
    slow = f"{said} It is beyond the largest bucket." if is_beyond else said
    few = f"{said} Of fewer than {FEWEST} requests the share is taken of {FEWEST}." if requests < FEWEST else said
    return [_error(share, now, few), _said("api_p95_ms", p95, now, slow, expected=False)]


def _percentile(series: Series, since: datetime) -> tuple[float | None, bool]:
    """Return the 95th percentile in ms, as ``histogram_quantile``; and whether it is more than the buckets tell."""
    names = {name.rpartition("/")[2] for name in series}
    bounds = sorted(float(name.removeprefix("le=")) for name in names if name.startswith("le=") and name != "le=")
    by_bound = {
        float(n.removeprefix("le=")): risen(series, n, since) for n in names if n.startswith("le=") and n != "le="
    }
    counts = [by_bound[bound] or 0.0 for bound in bounds]
    if len(bounds) < 2 or not counts[-1]:  # noqa: PLR2004 - the last bucket has no end
        return None, False
    rank = _P95 * counts[-1]
    place = next(number for number, count in enumerate(counts) if count >= rank)
    if place == len(bounds) - 1:
        return bounds[-2] * _MS, True
    low, before = (bounds[place - 1], counts[place - 1]) if place else (0.0, 0.0)
    return (low + (bounds[place] - low) * (rank - before) / (counts[place] - before)) * _MS, False


def _unknown(found: ReplicaMetrics | BotError, now: datetime) -> list[Observation]:
    """Say that the metrics tell nothing: because they could not be read, or because nothing feeds them."""
    if isinstance(found, BotError):
        reason, expected = why(found), not is_missing(found)
        unread = _said("api_metrics_readable", None, now, reason, expected=False)
        return [
            _error(None, now, reason, expected=expected),
            unread,
            _said("api_p95_ms", None, now, reason, expected=False),
        ]
    silent = _said("api_metrics_readable", 0.0, now, f"{_SILENT}.")
    words = f"The API's error rate is not in its metrics (for {FOR}); the 5xx entries in its log stand in for it"
    return [
        _error(None, now, _SILENT, expected=False),
        silent._replace(summary=words),
        _said("api_p95_ms", None, now, _SILENT, expected=False),
    ]


async def _by_log(cluster: Platform, now: datetime) -> Observation:
    """Take the share of 5xx among the log's entries, those of 4xx left out."""
    seconds = int(WINDOW.total_seconds())
    logs = await attempt(cluster.logs("api", since_seconds=seconds, limit_bytes=_LOG_BYTES))
    labels = {"source": "log"}
    if isinstance(logs, BotError):
        reason, expected = why(logs), not is_missing(logs)
        return Observation(
            metric="api_error_percent", labels=labels, value=None, at=now, reason=reason, is_expected=expected
        )
    read = [log.data for log in logs if log.data is not None]
    unread = [f"{log.pod}: {log.problem or 'not read'}" for log in logs if log.is_unread]
    if not read:
        reason = "; ".join(unread) or "no pod of the API runs"
        return Observation(metric="api_error_percent", labels=labels, value=None, at=now, reason=reason)
    failed, told = await asyncio.to_thread(_shares, read)
    said = f"From the log of {len(read)} pods: {failed} of {told} entries are 5xx, those of 4xx left out."
    said += f" Of fewer than {FEWEST} the share is taken of {FEWEST}." if told < FEWEST else ""
    share = _PERCENT * failed / max(told, FEWEST)
    summary = "API: share of 5xx entries in its log (its metrics carry no sample)"
    reason = " ".join((said, *unread))
    return Observation(metric="api_error_percent", labels=labels, value=share, at=now, reason=reason, summary=summary)


def _shares(logs: list[bytes]) -> tuple[int, int]:
    told = [entry for data in logs for entry in entries(data) if not entry.is_noise]
    return sum(entry.status in _SERVER_ERRORS for entry in told if entry.status), len(told)


def _error(value: float | None, now: datetime, reason: str, *, expected: bool = True) -> Observation:
    labels = {"source": "metrics"}
    return _said("api_error_percent", value, now, reason, expected=expected)._replace(labels=labels)


def _said(metric: str, value: float | None, now: datetime, reason: str = "", *, expected: bool = True) -> Observation:
    return Observation(metric=metric, labels={}, value=value, at=now, reason=reason, is_expected=expected)
