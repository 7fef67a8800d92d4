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
