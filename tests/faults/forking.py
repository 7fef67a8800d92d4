"""A program that is loaded once and lives as often as it is told to: each life is a process forked from it."""

import os
import signal
import sys
from collections.abc import Callable

from sandbox.launch import tie_to_parent


class Forking:
    """Reads a line for each life, and writes ``begun PID`` and ``ended CODE``."""

    def __init__(self, live: Callable[[str], int]) -> None:
        self._live = live
        self._child = 0
        self._stopping = False

    def serve(self) -> None:
        """Fork one life after the other, until the input ends or SIGTERM comes, which a life may first obey."""
        signal.signal(signal.SIGTERM, self._stop)
        _say("loaded")
        for line in sys.stdin:
            code = self._fork(line.strip())
            _say(f"ended {code}")
            if self._stopping:
                return

    def _fork(self, order: str) -> int:
        parent = os.getpid()
        self._child = os.fork()
        if not self._child:
            self._be_born(parent, order)
        _say(f"begun {self._child}")
        _, status = os.waitpid(self._child, 0)
        self._child = 0
        return os.waitstatus_to_exitcode(status)

    def _be_born(self, parent: int, order: str) -> None:
        code = 1
        try:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            tie_to_parent(parent, signal.SIGKILL)
            code = self._live(order)
        except BaseException:
            sys.excepthook(*sys.exc_info())
            raise
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def _stop(self, number: int, frame: object) -> None:  # noqa: ARG002 - a signal handler's signature
        self._stopping = True
        if not self._child:
            raise SystemExit


def _say(words: str) -> None:
    print(words, flush=True)  # noqa: T201 - who started it waits for these lines
