from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sandbox.site import Sandbox, running
from sandbox.slack_page import SlackPage


@pytest.fixture
async def slack(tmp_path: Path) -> AsyncIterator[Sandbox]:
    async with running(tmp_path, parts=["slack"]) as sandbox:
        yield sandbox


@pytest.fixture
async def page(slack: Sandbox) -> AsyncIterator[SlackPage]:
    async with SlackPage(slack.endpoints["slack"]) as page:
        yield page
