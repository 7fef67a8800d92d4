"""What a serving process is called: the own state says under that name who lives and who works on what."""

import fcntl
import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.engine import make_url

from bot.errors import BotError


@contextmanager
def process_name(state_url: str) -> Iterator[str]:
    """Give this process its name, unlike any other's, a dead one's included: what those left is taken over.

    With SQLite there is one name and one process; raises ``BotError`` for a second.
    """
    url = make_url(state_url)
    if url.get_backend_name() != "sqlite":
        yield f"{socket.gethostname()}-{secrets.token_hex(4)}"
        return
    lock = Path(f"{url.database}.lock")
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise BotError(f"another process serves from {url.database}; several need PostgreSQL") from error
        file.write(str(os.getpid()))
        file.flush()
        yield "bot"
