"""What NovaPulse's callers are said to ask of the pretend API, and how much of it fails."""

import asyncio
from collections.abc import Callable, Iterable

from sandbox.api.log import entry, framework

PER_SECOND = 20
FAILING_PART = 4  # one request in so many, while they fail
_PATH = "/api/v1/users"
# As NovaPulse's histogram has them; every request takes between 0.1 and 0.5 s.
_BUCKETS = ("0.1", "0.5", "1", "2", "5", "10", "+Inf")


class Traffic:
    """Counts requests by the clock, and writes those that fail to the log of one of the API's pods."""

    def __init__(self, clock: Callable[[], float], log: Callable[[int, Iterable[str]], None]) -> None:
        self._clock = clock
        self._log = log
        self._began = clock()
        self._failed = 0
        self._failing: asyncio.Task[None] | None = None

    async def fail(self, on: bool) -> None:
        """Have a part of the requests fail from now on, or none."""
        if on and self._failing is None:
            self._failing = asyncio.create_task(self._fail(), name="api-errors")
        elif not on and self._failing is not None:
            self._failing.cancel()
            await asyncio.gather(self._failing, return_exceptions=True)
            self._failing = None

    def samples(self) -> dict[str, list[str]]:
        """Return the samples of each of NovaPulse's own metrics about requests."""
        asked = int((self._clock() - self._began) * PER_SECOND) + self._failed
        labels = f'method="GET",route="{_PATH}"'
        requests = [f'http_requests_total{{{labels},status_code="200"}} {asked - self._failed}']
        errors = []
        if self._failed:
            requests.append(f'http_requests_total{{{labels},status_code="500"}} {self._failed}')
            errors.append(f'http_request_errors_total{{{labels},error_type="InternalServerError"}} {self._failed}')
        name = "http_request_duration_seconds"
        buckets = [f'{name}_bucket{{le="{le}",{labels}}} {0 if le == "0.1" else asked}' for le in _BUCKETS]
        sums = [f"{name}_sum{{{labels}}} {asked * 0.3:.1f}", f"{name}_count{{{labels}}} {asked}"]
        return {"http_requests_total": requests, "http_request_errors_total": errors, name: [*buckets, *sums]}

    async def _fail(self) -> None:
        while True:
            self._failed += PER_SECOND // FAILING_PART
            now = self._clock()
            for _ in range(PER_SECOND // FAILING_PART):
                body = {"statusCode": 500, "path": _PATH, "message": "Internal server error", "method": "GET"}
                self._log(0, entry("error", "HTTP Exception:", body, now))
            self._log(0, [framework("error", "ExceptionsHandler", "Internal server error", now)])
            await asyncio.sleep(1)
