"""What the bot says of itself: the vitals behind ``/healthz`` and the gauges behind ``/metrics``."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

from prometheus_client import CollectorRegistry, Gauge

from bot.pulse import Pulse
from bot.stores.outbox import Outbox
from bot.stores.plans import Plans
from bot.stores.runs import Runs
from bot.web import Vital

UNDELIVERED: Final = timedelta(minutes=2)  # a message older than this is trouble


Problem = Callable[[datetime], Awaitable[str]]  # what is wrong with a part at this moment, or the empty string


class Watch:
    """Looks at the bot's own parts when somebody asks."""

    def __init__(
        self,
        stores: tuple[Outbox, Plans, Runs],
        pulse: Pulse,
        problems: Mapping[str, Problem],
        registry: CollectorRegistry,
        clock: Callable[[], datetime],
    ) -> None:
        self._clock = clock
        self._outbox, self._plans, self._runs = stores
        self._pulse = pulse
        self._problems = dict(problems)
        self._undelivered = Gauge(
            "novapulse_bot_undelivered_messages", "Messages that are not delivered", ["state"], registry=registry
        )
        self._waiting = Gauge("novapulse_bot_waiting_plans", "Plans that wait for a decision", registry=registry)
        self._running = Gauge("novapulse_bot_running_runs", "Runs that are under way", registry=registry)

    async def pulse(self) -> list[Vital]:
        """Return whether the ticks go well: what a restart may mend, unlike an outage of Slack."""
        return self._pulse.vitals()

    async def vitals(self) -> list[Vital]:
        """Return how the ticks and the parts are; one that cannot even be asked is not well."""
        now = self._clock()
        problems = {**self._problems, "outbox": self._delivery}
        return [*self._pulse.vitals(), *[Vital(name, await _asked(ask, now)) for name, ask in problems.items()]]

    async def measure(self) -> None:
        """Bring the gauges up to date."""
        for state, number in (await self._outbox.count_undelivered(self._clock())).items():
            self._undelivered.labels(state).set(number)
        self._waiting.set(len(await self._plans.in_state("waiting")))
        self._running.set(len(await self._runs.running()))

    async def _delivery(self, now: datetime) -> str:
        # What Slack refused for good cannot be mended by a restart: it has its gauge, and does not make the bot unwell.
        counts = await self._outbox.count_undelivered(now - UNDELIVERED)
        late = counts["due"] + counts["posting"]
        return f"{late} messages are older than {UNDELIVERED}" if late else ""


async def _asked(ask: Problem, now: datetime) -> str:
    try:
        return await ask(now)
    except Exception as error:  # noqa: BLE001 - whatever it is, the part is not well
        return f"cannot be asked: {type(error).__name__}"
