from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.scenarios.world import World, opened


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """A whole NovaPulse and the bot on a socket, without alerts; whoever breaks or changes something mends it."""
    async with opened(tmp_path_factory.mktemp("socket")) as made:
        yield made


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def http_world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """The same with signed requests over HTTP, in a workspace where the commands' names are taken."""
    directory = tmp_path_factory.mktemp("http")
    async with opened(directory, door="http", variables={"COMMAND_PREFIX": "np-"}) as made:
        yield made


@pytest.fixture(params=["socket", "http"])
def either(request: pytest.FixtureRequest) -> World:
    """Both ways in, one after the other."""
    found: World = request.getfixturevalue({"socket": "world", "http": "http_world"}[request.param])
    return found
