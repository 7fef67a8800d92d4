"""Loading without looking for garbage: there is none, and to walk all that was loaded again and again takes long."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def loading() -> Iterator[None]:
    """Put collections off while the block imports; what it loaded stays and is never walked again."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def settled() -> None:
    """Have what is there now never walked again, and what comes only where much of it has come.

    A collection that walks all of it stops everything, acks included, for 0.2 s; a tick over many queues makes much
    that is no garbage.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)
