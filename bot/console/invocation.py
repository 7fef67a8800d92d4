"""How this console was called, so that every line it offers can be copied and typed again."""

import os
import shlex
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bot.plain_text import one_line
from bot.request import WITH_REASON

_OPEN, _CLOSE = "\N{SINGLE LEFT-POINTING ANGLE QUOTATION MARK}", "\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}"
APPROVER: Final = f"{_OPEN}approver{_CLOSE}"
ON_CALL: Final = f"{_OPEN}on-call{_CLOSE}"
# Whoever asked approves nothing, and is not always the one who may act alone: the name is left to be filled in.
_WHO: Final = {"approve": APPROVER, "deny": APPROVER, "break_glass": ON_CALL}


@dataclass(frozen=True)
class Invocation:
    """The interpreter, the file with variables that was named, and whose place was taken."""

    program: str = "python"
    env_file: str = ""
    act_as: str = ""

    def serve(self) -> str:
        """Return the line that starts the bot."""
        return f"{self._bot()} serve"

    def run(self, line: str) -> str:
        """Return the line that runs a command in this console."""
        return f"{self._bot()} run{self._as(shlex.quote(self.act_as))} {shlex.quote(one_line(line))}"

    def decide(self, plan: str, action: str) -> str:
        """Return the line that decides about a plan; where others have to, their name is left to be filled in."""
        who = _WHO.get(action) or shlex.quote(self.act_as)
        reason = " --reason ..." if action in WITH_REASON else ""
        return f"{self._bot()} decide{self._as(who)} {shlex.quote(one_line(plan))} {action}{reason}"

    def _bot(self) -> str:
        variables = f" --env-file {shlex.quote(self.env_file)}" if self.env_file else ""
        return f"{shlex.quote(self.program)} -m bot{variables}"

    def _as(self, name: str) -> str:
        return f" --as {name}" if self.act_as else ""


def interpreter(executable: str = sys.executable, folder: Path | None = None) -> str:
    """Return what starts this Python again: its bare name where that finds it, else its path, short where it can be."""
    path, folder = Path(executable), folder or Path.cwd()
    found = shutil.which(path.name)
    if found is not None and Path(found) == path:
        return path.name
    return os.path.relpath(path, folder) if path.is_relative_to(folder) else str(path)
