"""What the command line does besides serving."""

from pathlib import Path


async def check() -> int:
    """Try everything."""
    return 0


async def run_line(line: str, *, login: str) -> int:
    """Run a command."""
    return 0


async def decide(plan: str, action: str, reason: str, *, login: str) -> int:
    """Decide."""
    return 0


def manifest() -> str:
    """Return the manifest."""
    return ""


def write_documents(folder: Path) -> list[Path]:
    """Write the documents."""
    return []
