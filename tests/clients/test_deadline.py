import asyncio
import errno
import socket
import ssl

import pytest

from bot.clients.deadline import deadline, reason
from bot.errors import Forbidden, TimedOut, Unavailable, UserError


class LibraryError(Exception):
    """Stands for the error of some library."""


async def test_what_is_in_time_passes() -> None:
    async with deadline("Redis", 5):
        answer = await asyncio.sleep(0, "pong")
    assert answer == "pong"


async def test_too_late_names_the_system_and_the_seconds() -> None:
    with pytest.raises(TimedOut) as caught:
        async with deadline("Redis", 0.01):
            await asyncio.Event().wait()
    assert str(caught.value) == "Redis: no answer within 0.01 s"
    assert (caught.value.system, caught.value.seconds) == ("Redis", 0.01)


async def test_a_cancelled_call_stays_cancelled() -> None:
    async def call() -> None:
        async with deadline("Redis", 60, LibraryError):
            await asyncio.Event().wait()

    task = asyncio.create_task(call())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("error", [Forbidden("Redis", "no"), UserError("wrong"), TimedOut("Redis", 1)])
async def test_the_bots_own_errors_pass(error: Exception) -> None:
    with pytest.raises(type(error)) as caught:
        async with deadline("Redis", 5, LibraryError):
            raise error
    assert caught.value is error


async def test_an_error_nobody_named_passes() -> None:
    with pytest.raises(LibraryError):
        async with deadline("Redis", 5):
            raise LibraryError


async def test_a_librarys_error_becomes_unavailable_without_its_origin() -> None:
    with pytest.raises(Unavailable) as caught:
        async with deadline("MongoDB", 5, LibraryError):
            raise LibraryError("no such db, password=hunter2\nmore")
    assert str(caught.value) == "MongoDB: no such db, password=***"
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def chained(inner: BaseException) -> Exception:
    outer = LibraryError("all attempts failed")
    middle = LibraryError("Error connecting")
    middle.__context__ = inner
    outer.__cause__ = middle
    return outer


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "x"), "connection refused"),
        (OSError(errno.ECONNREFUSED, "x"), "connection refused"),
        (OSError("Multiple exceptions: [Errno 111] Connect call failed ('::1', 1), [Errno 111]"), "connection refused"),
        (OSError(errno.EHOSTUNREACH, "x"), "no route to host"),
        (socket.gaierror(-2, "x"), "name not known"),
        (ssl.SSLCertVerificationError(1, "x"), "TLS certificate refused"),
        (ssl.SSLError(1, "x"), "TLS handshake failed"),
        (ConnectionResetError(), "connection closed"),
        (BrokenPipeError(), "connection closed"),
        (asyncio.IncompleteReadError(b"", 1), "connection closed"),
        (chained(ConnectionRefusedError()), "connection refused"),
        (ExceptionGroup("all", [ConnectionRefusedError()]), "connection refused"),
        (LibraryError("Error 111 connecting to 127.0.0.1:6379. Connection refused."), "connection refused"),
        (LibraryError("Error 111111 is none of the system's"), "Error 111111 is none of the system's"),
        (LibraryError(), "LibraryError"),
        (LibraryError("  too   much \n more"), "too   much"),
        (OSError(), "OSError"),
    ],
)
def test_reasons(error: Exception, words: str) -> None:
    assert reason(error) == words


def test_a_reason_is_short() -> None:
    assert len(reason(LibraryError("x" * 100_000))) == 200


def test_a_circle_of_causes_ends() -> None:
    error = LibraryError("round")
    other = LibraryError("and round")
    error.__context__, other.__context__ = other, error
    assert reason(error) == "round"
