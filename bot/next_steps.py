"""The runbook's next steps, as buttons."""

from collections.abc import Iterable, Mapping
from typing import Final, Literal

from bot.catalog import Catalog
from bot.reply import Button

# As many characters as Slack lets a button have.
_LABEL_LIMIT: Final = 75


def next_steps(steps: Iterable[str], labels: Mapping[str, str], catalog: Catalog) -> tuple[Button, ...]:
    """Make command lines buttons: a changing command opens its form, a reading one runs; others are left out."""
    buttons = []
    for step in steps:
        line = step
        for name, value in labels.items():
            line = line.replace(f"{{{name}}}", value)
        command = catalog.commands.get(line.partition(" ")[0])
        if command is not None:
            words = line.lstrip("/").replace("-", " ").capitalize()
            label = f"{words}…" if command.changes else words
            action: Literal["form", "run"] = "form" if command.changes else "run"
            buttons.append(Button(label=label[:_LABEL_LIMIT], action=action, value=line))
    return tuple(buttons)


def offered(lines: Iterable[str]) -> tuple[Button, ...]:
    """Make the command lines that may be wanted in a plan's place buttons that open their forms."""
    return tuple(Button(label=f"{line} instead…"[:_LABEL_LIMIT], action="form", value=line) for line in lines)
