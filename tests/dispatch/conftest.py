from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.dispatch.world import World, opened


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """The bot without Slack and without an engine: plans start, but nobody executes them."""
    async with opened(World(tmp_path, executes=False), engine=False) as made:
        yield made


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[World]:
    """The bot without Slack, executing what was approved."""
    async with opened(World(tmp_path)) as made:
        yield made
