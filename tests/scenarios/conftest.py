from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.scenarios.world import World, opened


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def socket_bot(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """A whole NovaPulse and the bot on a socket, without alerts."""
    async with opened(tmp_path_factory.mktemp("socket")) as made:
        yield made


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def http_bot(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """The same with signed requests over HTTP, in a workspace where the commands' names are taken."""
    directory = tmp_path_factory.mktemp("http")
    async with opened(directory, door="http", variables={"COMMAND_PREFIX": "np-"}) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="package")
async def world(socket_bot: World) -> AsyncIterator[World]:
    """The shared world on a socket: at first two workers and no revision before them, at last no plan that waits."""
    await socket_bot.replicas(2)
    socket_bot.forget_revisions()
    yield socket_bot
    assert socket_bot.forgotten_plans() == 0


@pytest_asyncio.fixture(loop_scope="package")
async def http_world(http_bot: World) -> AsyncIterator[World]:
    """The shared world over HTTP, likewise."""
    await http_bot.replicas(2)
    http_bot.forget_revisions()
    yield http_bot
    assert http_bot.forgotten_plans() == 0


@pytest.fixture(params=["socket", "http"])
def either(request: pytest.FixtureRequest) -> World:
    """Both ways in, one after the other."""
    found: World = request.getfixturevalue({"socket": "world", "http": "http_world"}[request.param])
    return found
