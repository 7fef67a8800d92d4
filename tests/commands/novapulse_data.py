"""The pretend NovaPulse's API and MongoDB, and clients of them, without the rest of the sandbox."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import SecretStr

from bot.clients.api import NovaPulseApi
from bot.clients.mongo import Mongo
from bot.clients.webhooks import Webhooks
from bot.settings import ApiSettings, MongoSettings
from sandbox.api.accounts import ADMIN, Account
from sandbox.api.novapulse import NovaPulseApi as PretendApi
from sandbox.mongo.server import MongoStandIn

START = datetime(2026, 7, 1, 9, tzinfo=UTC)


class Around:
    """Stands for the workers: what is enqueued is delivered at once, unless they ``are_stopped``."""

    def __init__(self) -> None:
        self.api: PretendApi | None = None
        self.enqueued: list[dict[str, Any]] = []
        self.are_stopped = False

    def mongo_up(self) -> bool:
        return True

    def log(self, pod: int, lines: Iterable[str]) -> None:
        del pod, lines

    async def enqueue(self, queue: str, data: dict[str, Any]) -> None:
        assert queue == "nova-webhook"
        self.enqueued.append(data)
        if self.api is not None and not self.are_stopped:
            self.api.webhooks.arrived(data["webhookId"], data["event"])


@dataclass
class Data:
    """Both systems and who works around them; ``now`` is the time they go by."""

    around: Around
    server: PretendApi
    mongo_server: MongoStandIn
    mongo: Mongo
    now: datetime = START
    apis: list[NovaPulseApi] = field(default_factory=list)

    def pass_by(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def webhooks(self, account: Account = ADMIN, mongo: Mongo | None = None) -> Webhooks:
        token = SecretStr(self.server.bearer(account))
        api = NovaPulseApi(ApiSettings(novapulse_api_url=self.server.url, novapulse_token=token))
        self.apis.append(api)
        return Webhooks(api, mongo or self.mongo)

    @property
    def commands(self) -> Any:
        return self.mongo_server.commands


NO_MONGO = Mongo(MongoSettings(mongo_url=None))


@asynccontextmanager
async def novapulse_data() -> AsyncIterator[Data]:
    found: list[Data] = []

    def now() -> datetime:
        return found[0].now if found else START

    around = Around()
    server, mongo_server = PretendApi(None, around, clock=lambda: now().timestamp()), MongoStandIn(now)
    around.api = server
    await server.start()
    mongo_server.show(server.webhooks)
    await mongo_server.start()
    mongo = Mongo(MongoSettings(mongo_url=SecretStr(mongo_server.url)))
    data = Data(around, server, mongo_server, mongo)
    found.append(data)
    try:
        yield data
    finally:
        await mongo.close()
        for api in data.apis:
            await api.close()
        await mongo_server.stop()
        await server.stop()
