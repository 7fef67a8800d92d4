"""Where the programs of the sandbox are."""

import shutil
from pathlib import Path

from sandbox.processes import StartError

HERE = Path(__file__).resolve().parent
NODE_MODULES = HERE / "node_modules"


def node() -> str:
    """Return the path of Node; raises ``StartError`` when it or the queue library is missing."""
    found = shutil.which("node")
    if found is None:
        raise StartError("Node is not installed: NovaPulse's queue library needs Node 20 or later")
    if not (NODE_MODULES / "bullmq").exists():
        raise StartError(f"the queue library is not installed: run `npm ci --ignore-scripts` in {HERE}")
    return found


def script(name: str) -> tuple[str, str]:
    """Return the command that runs a script of ``sandbox/node``."""
    return node(), str(HERE / "node" / name)
