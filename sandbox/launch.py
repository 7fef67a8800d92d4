"""Becomes another program, after asking the kernel to kill it when its parent dies.

Run as ``python -I -S launch.py PARENT PROGRAM ARGUMENT...``; ``PARENT`` is the process id of the parent. The kernel
sends the signal on Linux only; elsewhere the program runs without that protection.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def tie_to_parent(parent: int, signal_number: int) -> None:
    """Have the kernel send ``signal_number`` to this process when its parent dies, also when that was ``kill -9``."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal_number)
        if os.getppid() != parent:  # it died before the kernel was asked
            os.kill(os.getpid(), signal_number)


if __name__ == "__main__":
    tie_to_parent(int(sys.argv[1]), signal.SIGKILL)
    os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606 - the caller gives an absolute path, no shell is wanted
