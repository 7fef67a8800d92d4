"""What the bot says of itself: the vitals behind ``/healthz`` and the gauges behind ``/metrics``."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, Protocol

from prometheus_client import CollectorRegistry, Gauge

from bot.pulse import Pulse
from bot.stores.outbox import Outbox
from bot.stores.plans import Plans
from bot.stores.runs import Runs
from bot.web import Vital

UNDELIVERED: Final = timedelta(minutes=2)  # a message older than this is trouble


class Healthy(Protocol):
    """A room that knows whether it works."""

    @property
    def problem(self) -> str:
        """What is wrong, or the empty string."""


class Watch:
    """Looks at the bot's own parts when somebody asks."""

    def __init__(
        self,
        stores: tuple[Outbox, Plans, Runs],
        pulse: Pulse,
        slack: Healthy,
        registry: CollectorRegistry,
        clock: Callable[[], datetime],
    ) -> None:
        self._clock = clock
        self._outbox, self._plans, self._runs = stores
        self._pulse = pulse
        self._slack = slack
        self._undelivered = Gauge(
            "novapulse_bot_undelivered_messages", "Messages Slack has not taken", registry=registry
        )
        self._waiting = Gauge("novapulse_bot_waiting_plans", "Plans that wait for a decision", registry=registry)
        self._running = Gauge("novapulse_bot_running_runs", "Runs that are under way", registry=registry)

    async def vitals(self) -> list[Vital]:
        """Return how the ticks, the socket and the outbox are."""
        return [*self._pulse.vitals(), Vital("slack", self._slack.problem), await self._delivery(self._clock())]

    async def measure(self) -> None:
        """Bring the gauges up to date."""
        self._undelivered.set(len(await self._outbox.undelivered(self._clock())))
        self._waiting.set(len(await self._plans.in_state("waiting")))
        self._running.set(len(await self._runs.running()))

    async def _delivery(self, now: datetime) -> Vital:
        try:
            late = await self._outbox.undelivered(now - UNDELIVERED)
        except Exception as error:  # noqa: BLE001 - whatever it is, the bot is not well
            return Vital("database", f"cannot be read: {type(error).__name__}")
        return Vital("outbox", f"{len(late)} messages are older than {UNDELIVERED}" if late else "")
