"""Addresses that go away while somebody connects: every connection is closed, and none is left to the collector."""

import asyncio
import gc
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from sandbox.http_part import HttpPart
from sandbox.listener import Listener, shut
from sandbox.tcp_gate import TcpGate

Opened = tuple[int, Callable[[], Awaitable[None]]]
CLIENTS = 5


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while line := await reader.read(100):
        writer.write(line)
        await writer.drain()


async def a_listener() -> Opened:
    listener = Listener(echo)
    await listener.open()
    return listener.port, listener.close


async def a_gate() -> Opened:
    behind = Listener(echo)
    await behind.open()
    gate = TcpGate(behind.port)
    await gate.open()

    async def close() -> None:
        await gate.close()
        await behind.close()

    return gate.port, close


async def an_http_part() -> Opened:
    part = HttpPart(web.Application)
    await part.start()
    return part.port, part.stop


@pytest.mark.parametrize("steps", range(6))
@pytest.mark.parametrize("opened", [a_listener, a_gate, an_http_part])
async def test_who_connects_just_before_the_end_is_closed_too(
    opened: Callable[[], Awaitable[Opened]], steps: int
) -> None:
    """With the steps the loop is caught between taking a connection and serving it."""
    loop, wrong = asyncio.get_running_loop(), list[dict[str, Any]]()
    loop.set_exception_handler(lambda _, context: wrong.append(context))
    port, close = await opened()
    clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(CLIENTS)]
    for _ in range(steps):
        await asyncio.sleep(0)
    await close()
    gc.collect()
    assert wrong == []
    for client in clients:
        client.settimeout(5)
        with client:
            assert not received(client)


def received(client: socket.socket) -> bytes:
    """Return what comes; nothing, when the connection is closed or reset."""
    try:
        return client.recv(1)
    except ConnectionResetError:
        return b""


async def test_it_comes_back_on_the_same_port_and_serves() -> None:
    listener = Listener(echo)
    await listener.open()
    port = listener.port
    for _ in range(2):
        await listener.close()
        assert not listener.is_open
    for _ in range(2):
        await listener.open()
        assert listener.port == port
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"ping")
    assert await reader.read(4) == b"ping"
    await listener.close()
    assert await reader.read() == b""
    await shut(writer)
