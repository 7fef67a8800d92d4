import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox import processes

ROOT = Path(__file__).resolve().parents[2]


def command(*words: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "sandbox", *words)


async def up(directory: Path, *, bot: bool = False, on_line: Callable[[str], None] | None = None) -> processes.Process:
    words = ("up", "--bot" if bot else "--no-bot", "--slack-port", "0", "--directory", str(directory))
    program = processes.Program("up", command(*words), "Ctrl-C ends everything", {"SANDBOX_SPEED": "10"}, ROOT)
    return await processes.start(program, seconds=60, on_line=on_line)


async def run(*words: str) -> tuple[int, str]:
    lines: list[str] = []
    process = await processes.start(processes.Program("run", command(*words), "", {}, ROOT), on_line=lines.append)
    code = await process.wait()
    await process.stop()
    return code, "\n".join(lines)


def children(pid: int) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = path.read_text(encoding="ascii").rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(words[1]) == pid and words[0] != "Z":
            found.append(int(path.parent.name))
    return found


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, and the kernel's promise is Linux's")
@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
async def test_nothing_stays_behind(tmp_path: Path, end: signal.Signals) -> None:
    process = await up(tmp_path)
    started = children(process.pid)
    assert len(started) >= 5  # Slack, Redis, the producer and two workers
    os.kill(process.pid, end)
    code = await process.wait()
    assert code == (0 if end is not signal.SIGKILL else -signal.SIGKILL)
    while any(map(alive, started)):  # noqa: ASYNC110 - the kernel announces the end of another's child to nobody
        await asyncio.sleep(0.01)
    await process.stop()


def words_of(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8").split("\0")


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_a_bot_that_was_killed_is_started_again_as_the_sandbox_says(tmp_path: Path) -> None:
    lines: asyncio.Queue[str] = asyncio.Queue()
    process = await up(tmp_path, bot=True, on_line=lines.put_nowait)
    [bot] = [pid for pid in children(process.pid) if "serve" in words_of(pid)]
    os.kill(bot, signal.SIGKILL)
    while "the bot ended (signal 9)" not in await lines.get():
        pass
    said, _, again = (await lines.get()).partition("Start the bot again with:  ")
    assert said == "Everything else still runs. "
    python, _, _, *words = again.split()
    assert python == ".venv/bin/python"
    code, told = await run(*words)
    [second] = [pid for pid in children(process.pid) if "serve" in words_of(pid)]
    assert (code, f"the bot runs as process {second}" in told) == (0, True)
    assert (await run(*words)) == (1, f"the bot runs already, as process {second}")
    os.kill(second, signal.SIGKILL)
    while "the bot ended (signal 9)" not in await lines.get():
        pass
    assert (await run(*words))[0] == 0
    [third] = [pid for pid in children(process.pid) if "serve" in words_of(pid)]
    assert await process.stop(20) == 0
    assert not alive(third)


async def test_faults_load_and_status_from_another_terminal(tmp_path: Path) -> None:
    process = await up(tmp_path)
    at = ("--directory", str(tmp_path))
    assert await run("fault", "mongo-down", "on", *at) == (0, "mongo-down is on: MongoDB refuses connections")
    code, told = await run("load", "email", "0", *at)
    assert (code, "nova-email 0" in told) == (0, True)
    assert (await run("load", "fax", "burst", "3", *at))[0] == 1
    code, told = await run("load", "email", "burst", "1500", *at)
    assert (code, told.splitlines()[0]) == (0, "added to email: 1,500 jobs")
    code, told = await run("status", *at)
    assert (code, '"mongo-down"' in told) == (0, True)
    assert (await run("up", "--no-bot", *at)) == (1, f"The sandbox did not start: one already runs in {tmp_path}")
    await process.stop()


async def test_without_a_sandbox_it_says_how_to_start_one(tmp_path: Path) -> None:
    code, told = await run("status", "--directory", str(tmp_path))
    assert (code, "make sandbox" in told) == (1, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("email", "-5"), "-5 jobs a second there cannot be: it is 0 or more"),
        (("email", "nan"), "it is 0 or more"),
        (("report", "0.2", "3000"), "load report burst 3000"),
        (("email", "burst"), "load email burst 1200"),
        (("email", "burst", "-5"), "at least 1"),
        (("email", "much"), "neither a number nor the word burst"),
    ],
)
async def test_what_is_no_load_is_said(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    code, told = await run("load", *words, "--directory", str(tmp_path))
    assert (code, said in " ".join(told.replace("│", " ").split())) == (2, True), told


@pytest.mark.parametrize("words", [(), ("redis-down",), ("gremlins", "on"), ("redis-down", "perhaps")])
async def test_a_wrong_fault_shows_all_faults(tmp_path: Path, words: tuple[str, ...]) -> None:
    code, told = await run("fault", *words, "--directory", str(tmp_path))
    assert (code, "poison-jobs" in told) == (2, True)
