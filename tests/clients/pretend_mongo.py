"""A MongoDB that speaks the wire protocol (OP_MSG) and answers a few commands as a test says."""

import asyncio
import struct
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import bson

HELLO: Mapping[str, Any] = {
    "helloOk": True,
    "ismaster": True,
    "isWritablePrimary": True,
    "maxBsonObjectSize": 16_777_216,
    "maxMessageSizeBytes": 48_000_000,
    "maxWriteBatchSize": 100_000,
    "minWireVersion": 0,
    "maxWireVersion": 21,
    "ok": 1.0,
}
NO_REPLICATION: Mapping[str, Any] = {
    "ok": 0.0,
    "code": 76,
    "codeName": "NoReplicationEnabled",
    "errmsg": "not running with --replSet",
}
_OP_REPLY, _OP_QUERY = 1, 2004


class PretendMongo:
    """``answers`` holds the answer of each command by name; None is never given, and ``asked`` says it was asked."""

    def __init__(self) -> None:
        self.url = ""
        self.answers: dict[str, Mapping[str, Any] | None] = {
            "hello": HELLO,
            "ping": {"ok": 1.0},
            "endSessions": {"ok": 1.0},
            "replSetGetStatus": NO_REPLICATION,
        }
        self.asked = asyncio.Event()
        self._writers = set[asyncio.StreamWriter]()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while True:
                await self._one(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def drop(self) -> None:
        writers, self._writers = self._writers, set()
        for writer in writers:
            writer.close()
        await asyncio.gather(*(writer.wait_closed() for writer in writers), return_exceptions=True)

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        length, request, _, operation = struct.unpack("<iiii", await reader.readexactly(16))
        body = await reader.readexactly(length - 16)
        start = body.index(b"\0", 4) + 9 if operation == _OP_QUERY else 5
        name = next(iter(bson.decode_all(body[start : start + struct.unpack_from("<i", body, start)[0]])[0]))
        answer = self.answers.get({"ismaster": "hello", "isMaster": "hello"}.get(name, name))
        if answer is None:
            self.asked.set()
            return
        document = bson.encode(answer)
        if operation == _OP_QUERY:
            code, payload = _OP_REPLY, struct.pack("<iqii", 8, 0, 0, 1) + document
        else:
            code, payload = operation, struct.pack("<iB", 0, 0) + document
        writer.write(struct.pack("<iiii", 16 + len(payload), 1, request, code) + payload)


@asynccontextmanager
async def pretend_mongo() -> AsyncIterator[PretendMongo]:
    mongo = PretendMongo()
    async with await asyncio.start_server(mongo.serve, "127.0.0.1", 0) as server:
        mongo.url = f"mongodb://127.0.0.1:{server.sockets[0].getsockname()[1]}/novapulse?directConnection=true"
        yield mongo
        await mongo.drop()
