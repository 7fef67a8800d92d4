"""The Kubernetes API, connected on first use; what its answers mean in the bot's words."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

import aiohttp
from kubernetes.aio import client, config
from pydantic import BaseModel, ValidationError

from bot.clients.cluster_state import Feed
from bot.clients.deadline import deadline
from bot.errors import BotError, Forbidden, NotConfigured, PermanentError, Unavailable, UserError
from bot.masking import cut, mask
from bot.settings import PlatformSettings

SYSTEM: Final = "The cluster"
# A namespace's list is some 10 kB a pod; what is longer than this is not an answer the bot asked for.
ANSWER_LIMIT: Final = 16 * 1024 * 1024
# The library loads a group of the API when it is first named, which takes up to a second during which nothing else
# runs: a reading that is under way then would miss its deadline. So all that is used is named here, before anything is.
LOADED: Final = (
    client.AppsV1Api,
    client.AuthorizationV1Api,
    client.AutoscalingV2Api,
    client.BatchV1Api,
    client.CoreV1Api,
    client.CustomObjectsApi,
    client.VersionApi,
)
_CHUNK: Final = 64 * 1024
_MESSAGE_LIMIT: Final = 300
_UNAUTHORIZED: Final = 401
_FORBIDDEN: Final = 403
_FAILURE: Final = 300  # and above
_REFUSED: Final = (400, 422)

Call = Callable[[Any], Awaitable[aiohttp.ClientResponse]]
_Answer = TypeVar("_Answer", bound=BaseModel)


class ClusterConnection:
    """One API client with one set of credentials, read from the kubeconfig or from the pod the bot runs in."""

    def __init__(self, settings: PlatformSettings) -> None:
        self.platform = settings.platform
        self._kubeconfig = settings.kubeconfig
        self._client: Any = None
        self._opening = asyncio.Lock()

    async def close(self) -> None:
        """Close every connection; the next call connects again."""
        api, self._client = self._client, None
        if api is not None:
            await api.close()

    async def ask(self, kind: type[_Answer], call: Call, seconds: float) -> _Answer:
        """Return the answer to a call, read as ``kind``.

        Raises Unavailable, TimedOut after ``seconds``, Forbidden, NotConfigured, UserError on another platform
        than Kubernetes, or PermanentError where the cluster refuses the call itself.
        """
        answer = await self.ask_or_none(kind, call, seconds)
        if answer is None:
            raise Unavailable(SYSTEM, "no answer")
        return answer

    async def ask_or_none(
        self, kind: type[_Answer], call: Call, seconds: float, *, none_for: int | tuple[int, ...] = ()
    ) -> _Answer | None:
        """Return the answer to a call, or None for an HTTP status that means something to the caller."""
        async with deadline(SYSTEM, seconds, aiohttp.ClientError, ValueError):
            status, body, more = await self._send(call, ANSWER_LIMIT)
            if status in (none_for if isinstance(none_for, tuple) else (none_for,)):
                return None
            _raise_for(status, body)
            if more:
                raise Unavailable(SYSTEM, f"it answered more than {ANSWER_LIMIT // 1024 // 1024} MiB")
            return _read(kind, body)

    async def ask_bytes(self, call: Call, seconds: float, *, limit: int) -> tuple[bytes, bool]:
        """Return at most ``limit`` bytes of an answer that is no JSON, and whether there was more."""
        async with deadline(SYSTEM, seconds, aiohttp.ClientError, ValueError):
            status, body, more = await self._send(call, limit)
            _raise_for(status, body)
            return body, more

    async def hand_over(self, call: Call, seconds: float, *, limit: int, feed: Feed) -> bool:
        """Give at most ``limit`` bytes of an answer that is no JSON to ``feed``; return whether there was more.

        Nothing of it is kept, and the next piece is read when ``feed`` has taken the last one.
        """
        async with deadline(SYSTEM, seconds, aiohttp.ClientError, ValueError), self._answer(call) as response:
            if response.status >= _FAILURE:
                _raise_for(response.status, (await _body(response, ANSWER_LIMIT))[0])
            left = limit
            async for piece in response.content.iter_chunked(_CHUNK):
                await feed(piece[:left])
                left -= len(piece)
                if left < 0:
                    return True
            return False

    async def _send(self, call: Call, limit: int) -> tuple[int, bytes, bool]:
        async with self._answer(call) as response:
            return response.status, *await _body(response, limit)

    @asynccontextmanager
    async def _answer(self, call: Call) -> AsyncIterator[aiohttp.ClientResponse]:
        api = await self._open()
        async with await call(api) as response:
            if response.status != _UNAUTHORIZED:
                yield response
                return
        # Tokens from a file or a plug-in expire; a call that was refused for that has changed nothing.
        await self._load(api.configuration)
        async with await call(api) as response:
            yield response

    async def _open(self) -> Any:
        if self.platform != "kubernetes":
            message = f"PLATFORM={self.platform}: this works on Kubernetes only; nothing was read or changed."
            raise UserError(message, hint="What this does stands in the runbook, to be done by hand.")
        async with self._opening:
            if self._client is None:
                configuration = client.Configuration()
                await self._load(configuration)
                self._client = client.ApiClient(configuration)
                self._client.user_agent = "novapulse-bot"
            return self._client

    async def _load(self, configuration: Any) -> None:
        if self._kubeconfig is None:
            _load_from_pod(configuration)
            return
        if not self._kubeconfig.exists():
            raise Unavailable(SYSTEM, "the file that KUBECONFIG names does not exist")
        try:
            await config.load_kube_config(  # type: ignore[no-untyped-call]
                config_file=str(self._kubeconfig), client_configuration=configuration, persist_config=False
            )
        except Exception as error:  # noqa: BLE001 - a broken file ends in any error, and its text quotes the token
            words = f"the file that KUBECONFIG names cannot be used ({type(error).__name__})"
            raise Unavailable(SYSTEM, words) from None


def _load_from_pod(configuration: Any) -> None:
    try:
        config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
    except config.ConfigException:
        raise NotConfigured(SYSTEM, "KUBECONFIG, or run the bot inside the cluster") from None


async def _body(response: aiohttp.ClientResponse, limit: int) -> tuple[bytes, bool]:
    """Return at most ``limit`` bytes of the body, and whether there was more."""
    kept = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK):
        kept += chunk
        if len(kept) > limit:
            return bytes(kept[:limit]), True
    return bytes(kept), False


def _read(kind: type[_Answer], body: bytes) -> _Answer:
    try:
        return kind.model_validate_json(body)
    except ValidationError:
        # The error quotes the answer, which may hold anything.
        raise Unavailable(SYSTEM, f"it answered something else than a {kind.__name__}") from None


def _raise_for(status: int, body: bytes) -> None:
    if 200 <= status < 300:  # noqa: PLR2004 - HTTP's own range of successes
        return
    raise _failure(status, _message(status, body))


def _failure(status: int, message: str) -> BotError:
    if status == _UNAUTHORIZED:
        return Forbidden(SYSTEM, "the credentials are not accepted")
    if status == _FORBIDDEN:
        return Forbidden(SYSTEM, message)
    if status in _REFUSED:
        return PermanentError(f"{SYSTEM} refused: {message}")
    return Unavailable(SYSTEM, message)


def _message(status: int, body: bytes) -> str:
    """Return what a Status object says; anything else (a proxy's page) is not worth showing."""
    try:
        answer = json.loads(body)
    except ValueError:
        answer = None
    message = answer.get("message") if isinstance(answer, dict) else None
    return cut(mask(message), _MESSAGE_LIMIT) if isinstance(message, str) and message else f"HTTP {status}"
