"""Messages of MongoDB's wire protocol: OP_MSG in and out, nothing older."""

import asyncio
import itertools
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import bson

OP_MSG = 2013
LARGEST = 48_000_000
MORE_TO_COME = 2
_HEADER = struct.Struct("<iiii")
_numbers = itertools.count(1)

Document = dict[str, Any]


class ProtocolError(Exception):
    """The other side does not speak OP_MSG."""


@dataclass(frozen=True)
class Request:
    """A command: the document with its document sequences put in, and whether an answer is wanted."""

    number: int
    body: Document
    wants_answer: bool


async def read(reader: asyncio.StreamReader) -> Request:
    """Return the next command; raises ``ProtocolError``, or ``IncompleteReadError`` at the end."""
    length, number, _, code = _HEADER.unpack(await reader.readexactly(_HEADER.size))
    if code != OP_MSG or not _HEADER.size < length <= LARGEST:
        raise ProtocolError(f"operation {code} of {length} bytes")
    payload = await reader.readexactly(length - _HEADER.size)
    (flags,) = struct.unpack_from("<I", payload)
    end = len(payload) - (4 if flags & 1 else 0)  # a checksum may follow
    body: Document = {}
    for name, documents in _sections(payload[4:end]):
        if name:
            body[name] = documents
        else:
            body = documents[0] | body
    return Request(number, body, not flags & MORE_TO_COME)


def written(body: Document, answers: int) -> bytes:
    """Return the bytes of an answer to the request with the number ``answers``."""
    document = bson.encode(body)
    length = _HEADER.size + 5 + len(document)
    return _HEADER.pack(length, next(_numbers), answers, OP_MSG) + struct.pack("<IB", 0, 0) + document


def _sections(data: bytes) -> Iterator[tuple[str, list[Document]]]:
    at = 0
    while at < len(data):
        kind = data[at]
        (size,) = struct.unpack_from("<i", data, at + 1)
        section = data[at + 1 : at + 1 + size]
        if kind == 0:
            yield "", [bson.decode(section)]
        elif kind == 1:
            name, _, documents = section[4:].partition(b"\0")
            yield name.decode(), bson.decode_all(documents)
        else:
            raise ProtocolError(f"section of kind {kind}")
        at += 1 + size
