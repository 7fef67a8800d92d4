"""One deadline round each outside call, and one set of words for what can go wrong in it."""

import asyncio
import errno
import os
import re
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Final

from bot.errors import BotError, TimedOut, Unavailable
from bot.masking import cut, mask

_REASON_LIMIT: Final = 200
_CHAIN_LIMIT: Final = 10
_NUMBERED: Final = re.compile(r"Error (\d{1,5}) connecting to ")
# The first that fits counts: the narrower kinds come first.
_WORDS: Final[tuple[tuple[type[Exception], str], ...]] = (
    (ssl.SSLCertVerificationError, "TLS certificate refused"),
    (ssl.SSLError, "TLS handshake failed"),
    (socket.gaierror, "name not known"),
    (ConnectionRefusedError, "connection refused"),
    (ConnectionError, "connection closed"),
    (EOFError, "connection closed"),
)


@asynccontextmanager
async def deadline(system: str, seconds: float, *failures: type[Exception]) -> AsyncIterator[None]:
    """Give the block ``seconds`` to finish, and turn its failure into one of the bot's own errors.

    ``system`` is the name for people. ``failures`` are the errors of the system's library that mean it is
    unavailable; those of the operating system are always among them. The original error is dropped after its
    reason was read, because libraries put addresses and commands with secrets into theirs.

    Raises TimedOut when the time is over, Unavailable for the failures; anything else passes.
    """
    known: tuple[type[Exception], ...] = (OSError, EOFError, *failures)
    try:
        async with asyncio.timeout(seconds):
            yield
    except BotError:
        raise
    except TimeoutError:
        raise TimedOut(system, seconds) from None
    except known as error:
        raise Unavailable(system, reason(error)) from None


def reason(error: BaseException) -> str:
    """Say in a short clause without secrets why a call failed, judging by the innermost known cause."""
    for link in _chain(error):
        if words := _known(link):
            return words
    # Who waited for another's attempt to connect gets its words without its cause.
    if (number := _NUMBERED.match(str(error))) and (words := _from_errno(int(number[1]))):
        return words
    lines = mask(str(error)).strip().splitlines()
    return cut(lines[0].strip(), _REASON_LIMIT) if lines else type(error).__name__


def _chain(error: BaseException) -> Iterator[BaseException]:
    link: BaseException | None = error
    for _ in range(_CHAIN_LIMIT):
        if link is None:
            return
        yield link
        group = link.exceptions if isinstance(link, BaseExceptionGroup) else ()
        link = group[0] if group else link.__cause__ or link.__context__


def _known(error: BaseException) -> str:
    for kind, words in _WORDS:
        if isinstance(error, kind):
            return words
    return _from_errno(_errno(error)) if isinstance(error, OSError) else ""


def _errno(error: OSError) -> int:
    # Several addresses that all failed become one error without a number of its own.
    found = re.search(r"\[Errno (\d+)\]", str(error))
    return error.errno or int(found[1] if found else 0)


def _from_errno(number: int) -> str:
    if number == errno.ECONNREFUSED:
        return "connection refused"
    # Libraries also put numbers of their own there.
    return os.strerror(number).lower() if number in errno.errorcode else ""
