"""How a run is divided between pytest-xdist's workers (``--dist loadfile``): what takes long begins first."""

from collections import Counter

import hypothesis
import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

ONE_WORLD = ("tests/scenarios/", "tests/docker/")
"""Folders whose tests share what takes long to start: one worker does them all, and it is started once."""
LONG = (
    *(*ONE_WORLD, "tests/faults/", "tests/page/", "tests/test_main.py", "tests/sandbox/test_main.py"),
    *("tests/clients/test_cluster_target.py", "tests/scheduler/test_processes.py", "tests/slack/test_app_socket.py"),
)
"""What begins first: the rest is many short files, so that the workers end at the same time."""

# How long an example takes says something of the machine, and a busy one is no fault of the code.
hypothesis.settings.register_profile("no-deadline", deadline=None)
hypothesis.settings.load_profile("no-deadline")


class Rooms(LoadFileScheduling):  # type: ignore[misc]
    """Gives a worker one file after the other, and all files of one world together, in the order of the run."""

    def __init__(self, config: pytest.Config, log: Producer | None = None) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False

    def _split_scope(self, nodeid: str) -> str:
        return next((folder for folder in ONE_WORLD if nodeid.startswith(folder)), super()._split_scope(nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Rooms | None:
    """Divide by rooms where it would be divided by files."""
    return Rooms(config, log) if config.getoption("dist") == "loadfile" else None


@pytest.hookimpl(trylast=True)  # after those that are left out
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put what takes long first, and in it the files with the most tests."""
    tests = Counter(item.path for item in items)

    def place(item: pytest.Item) -> tuple[int, int]:
        for number, long in enumerate(LONG):
            if item.nodeid.startswith(long):
                return number, -tests[item.path]
        return len(LONG), 0

    items.sort(key=place)
