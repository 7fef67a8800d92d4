"""What is read of NovaPulse through its API and, where it can be done, past it."""

from typing import cast

from bot.clients.api import NovaPulseApi
from bot.clients.mongo import Mongo
from bot.clients.platform import Platform
from bot.clients.replica_metrics import MetricsReader
from bot.clients.webhooks import Webhooks
from bot.settings import ApiSettings


def api_parts(settings: ApiSettings, api: NovaPulseApi, mongo: Mongo, cluster: object) -> dict[str, object]:
    """Return the systems by the names that steps call them; ``cluster`` is the platform's part of that name."""
    return {
        "webhooks": Webhooks(api, mongo),
        "metrics": MetricsReader(api, cast("Platform", cluster), settings),
    }
