"""What is generated from the declarations is current (``python -m bot docs`` writes it); what is shown is there."""

import re
import shutil
from pathlib import Path

from bot.runbook_table import LINES
from bot.terminal import write_documents

ROOT = Path(__file__).parents[2]


def test_the_documents_are_current(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    for source in ("policy.toml", LINES):
        shutil.copy(ROOT / source, tmp_path / source)
    for path in write_documents(tmp_path):
        committed = ROOT / path.relative_to(tmp_path)
        assert path.read_text() == committed.read_text(), f"{committed.name} is not current: run `make docs`"


def test_the_readmes_pictures_are_there() -> None:
    shown = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert shown
    assert [path for path in shown if not (ROOT / path).is_file()] == [], "`make pictures` takes them"
