"""What is generated from the declarations is current; ``python -m bot docs`` writes it."""

import shutil
from pathlib import Path

from bot.terminal import write_documents

ROOT = Path(__file__).parents[2]


def test_the_documents_are_current(tmp_path: Path) -> None:
    shutil.copy(ROOT / "policy.toml", tmp_path)
    for path in write_documents(tmp_path):
        committed = ROOT / path.relative_to(tmp_path)
        assert path.read_text() == committed.read_text(), f"{committed.name} is not current: run `make docs`"
