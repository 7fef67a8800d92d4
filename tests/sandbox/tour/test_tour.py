from pathlib import Path

import pytest

from sandbox.tour.__main__ import play


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_every_act_holds(tmp_path: Path) -> None:
    assert await play(tmp_path) == 0
