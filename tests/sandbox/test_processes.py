import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from sandbox import processes

ROOT = Path(__file__).resolve().parents[2]


def python(code: str, ready: str = "") -> processes.Program:
    return processes.Program("child", (sys.executable, "-u", "-c", code), ready)


async def test_a_program_is_ready_when_it_says_so() -> None:
    lines: list[str] = []
    process = await processes.start(
        python("print('one'); print('up on 7'); input()", r"up on \d"), on_line=lines.append
    )
    assert process.ready_line == "up on 7"
    assert lines == ["one", "up on 7"]
    await process.write("bye")
    assert await process.wait() == 0
    await process.stop()


async def test_one_that_ends_before_it_is_ready_shows_its_last_lines() -> None:
    with pytest.raises(processes.StartError, match=r"(?s)child ended with 3.*no such port"):
        await processes.start(python("import sys; print('no such port'); sys.exit(3)", "never"))


async def test_one_that_is_not_ready_in_time_is_ended() -> None:
    with pytest.raises(processes.StartError, match=r"was not ready within 0\.2 s"):
        await processes.start(python("input()", "never"), seconds=0.2)


async def test_stop_kills_what_does_not_listen_and_what_it_started() -> None:
    code = (
        "import signal, subprocess, sys; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "child = subprocess.Popen([sys.executable, '-c', 'input()'], stdin=subprocess.PIPE);"
        "print('child', child.pid); input()"
    )
    process = await processes.start(python(code, "child"))
    grandchild = int(process.ready_line.split()[1])
    assert await process.stop(0.2) == -signal.SIGKILL
    await gone(grandchild)


async def test_a_line_longer_than_any_buffer_does_not_stop_the_reading() -> None:
    lines: list[str] = []
    code = "print('x' * 5_000_000); print('after')"
    process = await processes.start(python(code), on_line=lines.append)
    assert await process.wait() == 0
    assert lines[-1] == "after"
    await process.stop()


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's promise is Linux's")
async def test_a_child_does_not_outlive_a_parent_killed_the_hard_way() -> None:
    code = (
        "import asyncio\nfrom sandbox import processes\nimport sys\n"
        "async def main():\n"
        "    command = (sys.executable, '-c', 'import time; print(1, flush=True); time.sleep(600)')\n"
        "    child = processes.Program('c', command, '1')\n"
        "    print('child', (await processes.start(child)).pid, flush=True)\n"
        "    await asyncio.sleep(600)\n"
        "asyncio.run(main())\n"
    )
    program = processes.Program(
        "parent", (sys.executable, "-c", code), "child", {"PYTHONPATH": str(ROOT)}, directory=ROOT
    )
    parent = await processes.start(program)
    child = int(parent.ready_line.split()[1])
    os.kill(parent.pid, signal.SIGKILL)
    await gone(child)
    await parent.stop()


async def gone(pid: int) -> None:
    """Wait until a process has ended; one nobody has asked about yet counts as ended."""
    while running(pid):  # noqa: ASYNC110 - the kernel announces the end of somebody else's child to nobody
        await asyncio.sleep(0.01)


def running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"
