"""A container's log, read up to a limit: the engine sends standard output and error as frames in one stream."""

import struct
from collections.abc import Iterator
from threading import Event
from typing import Any, Final

import requests
from docker import APIClient
from docker.errors import create_api_error_from_http_exception

from bot.clients.compose_containers import Container

_CHUNK: Final = 64 * 1024
_HEADER: Final = struct.Struct(">BxxxL")


def read_log(
    client: APIClient, container: Container, *, given_up: Event, limit: int, **query: int | str
) -> tuple[bytes, bool]:
    """Return at most ``limit`` bytes of a log, and whether there was more.

    ``query`` is the engine's ``tail`` and ``since`` (seconds since 1970). It ends early once ``given_up`` is set:
    the library's own reading of a stream knows neither a limit nor a timeout.
    """
    url = f"{client.base_url}/v{client.api_version}/containers/{container.id}/logs"
    parameters: dict[str, Any] = {"stdout": 1, "stderr": 1, **query}
    with client.get(url, params=parameters, stream=True, timeout=client.timeout) as response:
        try:
            response.raise_for_status()
        except requests.HTTPError as error:
            create_api_error_from_http_exception(error)
        kept = bytearray()
        chunks: Iterator[bytes] = response.iter_content(_CHUNK)
        for piece in chunks if container.config.tty else _payloads(chunks):
            kept += piece
            if len(kept) > limit or given_up.is_set():
                return bytes(kept[:limit]), True
    return bytes(kept), False


def _payloads(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Take the frames' headers out; a terminal's log has none."""
    buffered = bytearray()
    for chunk in chunks:
        buffered += chunk
        while len(buffered) >= _HEADER.size:
            _, length = _HEADER.unpack_from(buffered)
            end = _HEADER.size + length
            if len(buffered) < end:
                break
            yield bytes(buffered[_HEADER.size : end])
            del buffered[:end]
