"""The engine's frames, however the chunks of its answer are cut."""

import struct
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from bot.clients.compose_logs import LogQuery, payloads


def framed(*lines: bytes) -> bytes:
    return b"".join(struct.pack(">BxxxL", 1 + number % 2, len(line)) + line for number, line in enumerate(lines))


@given(st.lists(st.binary(max_size=200)), st.lists(st.integers(0, 4000)))
def test_every_byte_comes_out_in_its_order(lines: list[bytes], cuts: list[int]) -> None:
    stream = framed(*lines)
    places = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    assert b"".join(payloads(stream[one:next_] for one, next_ in pairwise(places))) == b"".join(lines)


def test_a_frame_is_handed_on_before_it_has_ended() -> None:
    found = payloads(iter([framed(b"x" * 100)[:28], b"never asked for"]))
    assert next(found) == b"x" * 20


def test_a_broken_off_header_is_nothing() -> None:
    assert list(payloads(iter([framed(b"whole"), b"\x01\x00"]))) == [b"whole"]


def test_only_what_is_asked_for_is_said_to_the_engine() -> None:
    assert LogQuery(limit_bytes=1).parameters == {"stdout": 1, "stderr": 1}
    asked = LogQuery(tail=3, since=1.5, limit_bytes=1).parameters
    assert asked == {"stdout": 1, "stderr": 1, "tail": 3, "since": "1.500"}
