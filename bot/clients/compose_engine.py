"""The Docker Engine, asked through a library that blocks: in threads, each call with a deadline of its own."""

import asyncio
import math
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeVar

import requests
from docker import APIClient
from docker.errors import APIError, DockerException, TLSParameterError
from docker.utils import kwargs_from_env

from bot.clients.deadline import deadline, reason
from bot.errors import BotError, Forbidden, PermanentError, TemporaryError, TimedOut, Unavailable
from bot.masking import cut, mask

SYSTEM: Final = "Docker"
# An engine that hangs holds a thread until the call's own timeout; more than these wait for their turn.
_THREADS: Final = 8
_OWN: Final = "unix:///var/run/docker.sock"
_MESSAGE_LIMIT: Final = 300
_BAD_REQUEST: Final = 400
_FORBIDDEN: Final = (401, 403)
_CONFLICT: Final = 409
_SERVER_ERROR: Final = 500
_NONSENSE: Final = "it answered something else than the Docker Engine does"
_RIGHTS: Final = "the bot's user may not use the engine's socket"

_Answer = TypeVar("_Answer")
Call = Callable[[APIClient], _Answer]


class Engine:
    """The engine that ``environment`` names (``DOCKER_HOST`` and so on; without it the machine's own).

    Nothing connects before the first call; each ends within ``seconds`` unless it says otherwise.
    """

    def __init__(self, environment: Mapping[str, str], seconds: float) -> None:
        self._environment = dict(environment)
        self.seconds = seconds
        self._client: APIClient | None = None
        self._opening = threading.Lock()
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="docker")

    async def close(self) -> None:
        """Close every connection; calls that are under way end by themselves."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        if self._client is not None:
            self._client.close()

    async def ask(self, call: Call[_Answer], seconds: float | None = None) -> _Answer:
        """Return what a call returns; the call runs in a thread, which may outlive the deadline by its timeout.

        Raises Unavailable, TimedOut after ``seconds``, Forbidden, PermanentError where the engine refuses the call
        itself, or TemporaryError where it is busy with the container (409). An answer that is none of the engine's is
        Unavailable too.
        """
        limit = self.seconds if seconds is None else seconds
        loop = asyncio.get_running_loop()
        async with deadline(SYSTEM, limit):
            return await loop.run_in_executor(self._threads, self._called, call, limit)

    def _called(self, call: Call[_Answer], limit: float) -> _Answer:
        try:
            return call(self._open())
        except requests.Timeout:
            raise TimedOut(SYSTEM, limit) from None
        except APIError as error:
            raise _failure(error) from None
        except (DockerException, requests.RequestException) as error:
            raise _unreachable(error, limit) from None
        except (ValueError, KeyError, TypeError, AttributeError):
            # Something else answers at that address, and its answer may hold anything.
            raise Unavailable(SYSTEM, _NONSENSE) from None

    def _open(self) -> APIClient:
        with self._opening:
            if self._client is None:
                self._check_socket()
                arguments = kwargs_from_env(self._environment) if self._environment else {}
                self._client = APIClient(**arguments, version="auto", timeout=math.ceil(self.seconds))
            return self._client

    def _check_socket(self) -> None:
        # The library leaves its own end open where there is no other, once for every call.
        scheme, _, path = self._environment.get("DOCKER_HOST", _OWN).partition("://")
        if scheme == "unix" and not Path(path).exists():
            raise Unavailable(SYSTEM, "no engine runs there: its socket does not exist, see DOCKER_HOST")


def _failure(error: APIError) -> BotError:
    status = 0 if error.response is None else error.response.status_code
    message = cut(mask(str(error.explanation or "")).strip(), _MESSAGE_LIMIT) or f"HTTP {status}"
    if status in _FORBIDDEN:
        return Forbidden(SYSTEM, message)
    if status == _CONFLICT:
        return TemporaryError(f"{SYSTEM} is busy with it: {message}")
    if _BAD_REQUEST <= status < _SERVER_ERROR:
        return PermanentError(f"{SYSTEM} refused: {message}")
    return Unavailable(SYSTEM, message)


def _unreachable(error: Exception, limit: float) -> BotError:
    """Say why the engine was not reached; while it connects, the library puts the cause under an error of its own."""
    if isinstance(error, TLSParameterError):
        return Unavailable(SYSTEM, "the certificates that DOCKER_CERT_PATH names cannot be used")
    if isinstance(error, requests.JSONDecodeError) or isinstance(error.__cause__, requests.JSONDecodeError | KeyError):
        return Unavailable(SYSTEM, _NONSENSE)
    if isinstance(error.__cause__, requests.Timeout):
        return TimedOut(SYSTEM, limit)
    if "PermissionError" in str(error):
        return Forbidden(SYSTEM, _RIGHTS)
    return Unavailable(SYSTEM, reason(error))
