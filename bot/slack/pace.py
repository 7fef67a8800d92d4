"""How fast Slack may be called: buckets that allow a burst, and pauses where Slack asked for one."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

POSTS_PER_SECOND: Final = 1.0
POST_BURST: Final = 5.0
EDITS_PER_SECOND: Final = 40 / 60  # with the burst at most 50 a minute
EDIT_BURST: Final = 10.0
_REMEMBERED: Final = 1000


@dataclass
class _Bucket:
    rate: float
    size: float
    level: float
    at: float

    def fill(self, now: float) -> None:
        self.level = min(self.size, self.level + (now - self.at) * self.rate)
        self.at = now

    def wait(self) -> float:
        return max(0.0, (1 - self.level) / self.rate)


@dataclass
class Pace:
    """Counts posts per channel and edits over all; ``clock`` gives seconds that only grow.

    ``times`` is how many times as fast as Slack's a Slack is that has no such limits.
    """

    clock: Callable[[], float] = time.monotonic
    post_burst: float = POST_BURST
    times: float = 1.0
    _channels: dict[str, _Bucket] = field(default_factory=dict)
    _edits: _Bucket | None = None
    _paused: dict[str, float] = field(default_factory=dict)

    def posts_wait(self) -> float:
        """Return for how many seconds Slack wants no new message at all."""
        return max(0.0, self._paused.get("post", 0.0) - self.clock())

    def edits_wait(self) -> float:
        """Return for how many seconds no message may be edited."""
        return max(self._edit_bucket().wait(), self._paused.get("edit", 0.0) - self.clock())

    def busy(self) -> dict[str, float]:
        """Return the channels that have had enough for now, each with the seconds until the next message."""
        now = self.clock()
        for bucket in self._channels.values():
            bucket.fill(now)
        return {channel: bucket.wait() for channel, bucket in self._channels.items() if bucket.wait() > 0}

    def post(self, channel: str) -> None:
        """Count a new message to a channel."""
        now = self.clock()
        if len(self._channels) > _REMEMBERED:
            self._channels = {name: bucket for name, bucket in self._channels.items() if bucket.wait() > 0}
        full = _Bucket(POSTS_PER_SECOND * self.times, self.post_burst, self.post_burst, now)
        bucket = self._channels.setdefault(channel, full)
        bucket.fill(now)
        bucket.level -= 1

    def edit(self) -> None:
        """Count an edit."""
        self._edit_bucket().level -= 1

    def pause(self, kind: str, seconds: float) -> None:
        """Make no call of this kind (``post`` or ``edit``) for so many seconds, as Slack's Retry-After asks."""
        self._paused[kind] = max(self._paused.get(kind, 0.0), self.clock() + seconds)

    def _edit_bucket(self) -> _Bucket:
        if self._edits is None:
            self._edits = _Bucket(EDITS_PER_SECOND * self.times, EDIT_BURST, EDIT_BURST, self.clock())
        self._edits.fill(self.clock())
        return self._edits
