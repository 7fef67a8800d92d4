"""What people do about alerts: acknowledge, silence, end a silence. The cards are brought up to date at once."""

from collections.abc import Callable
from datetime import datetime

from pydantic import JsonValue

from bot.alerting.pipeline import Alerting, Stores
from bot.plan import operation
from bot.silence import Silence


class AlertActions:
    """The operations of ``/ack`` and ``/silence``; each is safe to repeat."""

    def __init__(self, stores: Stores, alerting: Alerting, clock: Callable[[], datetime]) -> None:
        self._stores = stores
        self._alerting = alerting
        self._clock = clock

    @operation
    async def acknowledge(self, incident: str, by: str) -> dict[str, JsonValue]:
        """Record that somebody has an incident in hand."""
        new = await self._stores.incidents.acknowledge(incident, by, self._clock())
        await self._show()
        return {"changed": new, "message": f"{by} has it" if new else "somebody has it already, or it is resolved"}

    @operation
    async def silence(self, silence: dict[str, JsonValue]) -> dict[str, JsonValue]:
        """Put a silence in force."""
        new = Silence.model_validate(silence)
        is_new = await self._stores.silences.start(new)
        await self._show()
        return {"changed": is_new, "message": f"{new.words}: silent until {new.until:%Y-%m-%d %H:%M} UTC"}

    @operation
    async def end(self, silences: list[str], by: str) -> dict[str, JsonValue]:
        """End these silences; those that have ended already stay so."""
        ended = await self._stores.silences.end(silences, by, self._clock())
        await self._show()
        return {"changed": ended > 0, "message": "ended" if ended else "had ended already"}

    async def _show(self) -> None:
        """Judge what fires anew; nothing was observed, so that only what people did can change anything."""
        await self._alerting.tick([], self._clock())
