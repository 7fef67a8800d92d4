"""The text of the pretend API's metrics.

As deployed today nothing feeds NovaPulse's own ones: the labelled have no sample and ``redis_connection_status`` is 0
while Redis is up. ``fed`` gives the text of a later version that does.
"""

from collections.abc import Mapping, Sequence

_OWN = (
    ("http_requests_total", "counter", "Total number of HTTP requests"),
    ("http_request_errors_total", "counter", "Total number of HTTP request errors"),
    ("http_request_duration_seconds", "histogram", "Duration of HTTP requests in seconds"),
    ("queue_size", "gauge", "Current size of the queue"),
    ("queue_jobs_total", "counter", "Total number of queue jobs"),
    ("queue_job_errors_total", "counter", "Total number of queue job errors"),
    ("queue_job_duration_seconds", "histogram", "Duration of queue jobs in seconds"),
    ("db_connection_pool_size", "gauge", "Size of the database connection pool"),
    ("db_query_duration_seconds", "histogram", "Duration of database queries in seconds"),
)


def text(
    process_seconds: float,
    resident_bytes: int,
    sizes: Mapping[str, int] | None = None,
    requests: Mapping[str, Sequence[str]] | None = None,
) -> str:
    """Return the exposition text; ``sizes`` are the queues' sizes where they are fed, None as deployed today.

    ``requests`` are the lines about requests, which are fed where the sizes are.
    """
    lines = []
    for name, kind, about in _OWN:
        lines += [f"# HELP {name} {about}", f"# TYPE {name} {kind}"]
        if name == "queue_size" and sizes is not None:
            lines += [f'queue_size{{queue="{queue}"}} {size}' for queue, size in sizes.items()]
        if requests is not None and sizes is not None:
            lines += requests.get(name, ())
    lines += _single("redis_connection_status", "Redis connection status (1 = up)", 0 if sizes is None else 1)
    lines += _single("process_cpu_user_seconds_total", "User CPU time in seconds", round(process_seconds, 3), "counter")
    lines += _single("process_resident_memory_bytes", "Resident memory size in bytes", resident_bytes)
    lines += _single("process_start_time_seconds", "Start time since unix epoch in seconds", 1_763_900_000)
    lines += _single("nodejs_heap_size_used_bytes", "Used heap size in bytes", resident_bytes * 6 // 10)
    lines += _single("nodejs_eventloop_lag_seconds", "Lag of event loop in seconds", 0.004)
    return "\n".join(lines) + "\n"


def _single(name: str, about: str, value: float, kind: str = "gauge") -> list[str]:
    return [f"# HELP {name} {about}", f"# TYPE {name} {kind}", f"{name} {value}"]
