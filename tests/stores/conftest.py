from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.servers import empty_database, postgres_server

_NUMBERS = count(1)


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    with postgres_server() as url:
        yield url


@pytest.fixture
def postgres_url(server: str) -> str:
    """The address of an empty database on a real PostgreSQL."""
    return empty_database(server, f"bot_{next(_NUMBERS)}")


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'state.db'}"
    return str(request.getfixturevalue("postgres_url"))
