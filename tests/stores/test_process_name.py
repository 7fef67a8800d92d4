"""The names of processes: who is dead and who lives is known by them."""

import socket
from pathlib import Path

import pytest

from bot.errors import BotError
from bot.stores.process_name import process_name

POSTGRES = "postgresql://bot@127.0.0.1/bot"


def test_every_process_of_several_has_a_name_of_its_own() -> None:
    with process_name(POSTGRES) as one, process_name(POSTGRES) as other:
        assert one != other
        assert one.startswith(f"{socket.gethostname()}-")


def test_with_sqlite_there_is_one_process_with_one_name(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'state' / 'bot.db'}"
    with process_name(url) as name:
        assert name == "bot"
        with pytest.raises(BotError, match="several need PostgreSQL"), process_name(url):
            pass
    with process_name(url) as again:
        assert again == "bot"
