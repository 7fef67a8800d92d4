"""How many deliveries of NovaPulse's webhooks fail."""

from datetime import datetime, timedelta
from typing import Final

from bot.attempt import attempt, is_missing, why
from bot.clients.webhooks import Webhooks
from bot.errors import BotError
from bot.schedule import Observation, schedule
from bot.stores.samples import Sample, Samples, series_of

METRIC: Final = "webhook_failed_percent"
WINDOW: Final = timedelta(minutes=10)
# Of fewer attempts than these a share says little: it is taken of so many.
FEWEST: Final = 10
_PERCENT: Final = 100


@schedule("webhook-watch", metrics=(METRIC,))
async def webhook_watch(webhooks: Webhooks, samples: Samples, now: datetime) -> list[Observation]:
    """Count the attempts of the last ten minutes in MongoDB, and those that failed, of all webhooks together."""
    found = await attempt(webhooks.recent(now - WINDOW))
    if isinstance(found, BotError):
        reason, expected = why(found), not is_missing(found)
        return [Observation(metric=METRIC, labels={}, value=None, at=now, reason=reason, is_expected=expected)]
    failed, total = sum(not one.succeeded for one in found.attempts), len(found.attempts)
    said = f"{failed:,} of {total:,} attempts in the last 10 min failed."
    if found.is_capped:
        said = f"{failed:,} of the newest {total:,} attempts failed."
    elif total < FEWEST:
        said += f" Of fewer than {FEWEST} the share is taken of {FEWEST}."
    share = _PERCENT * failed / max(total, FEWEST)
    await samples.add([Sample(series_of(METRIC, {}), now, share)])
    return [Observation(metric=METRIC, labels={}, value=share, at=now, reason=said)]
