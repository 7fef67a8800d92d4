"""The command line: ``python -m bot serve | check | manifest | docs | run | decide``."""

import asyncio
import getpass
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer
import uvloop

from bot import app, terminal
from bot.errors import BotError

cli = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)


def main() -> None:
    """Run the command line; an expected error is one sentence on stderr and exit code 1."""
    try:
        cli()
    except BotError as error:
        print(f"novapulse-bot: {error}", file=sys.stderr)  # noqa: T201 - this is the terminal
        raise SystemExit(1) from error


def _run(work: Coroutine[Any, Any, int]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        raise SystemExit(runner.run(work))


@cli.command()
def serve() -> None:
    """Run the bot until SIGTERM or Ctrl-C."""
    _run(app.serve())


@cli.command()
def check() -> None:
    """Try every connection and permission, and say how to mend what is wrong."""
    _run(terminal.check())


@cli.command()
def run(line: Annotated[str, typer.Argument(help='Such as "/queue-stats email".')]) -> None:
    """Run a command from this terminal, as the person whose `console` name in the policy is this login."""
    _run(terminal.run_line(line, login=getpass.getuser()))


@cli.command()
def decide(
    plan: Annotated[str, typer.Argument(help="The plan's id, as /approvals shows it.")],
    action: Annotated[str, typer.Argument(help="approve, deny or cancel")],
    reason: Annotated[str, typer.Option(help="Needed to deny.")] = "",
) -> None:
    """Decide on a plan from this terminal, under the same rules as in Slack."""
    _run(terminal.decide(plan, action, reason, login=getpass.getuser()))


@cli.command()
def manifest() -> None:
    """Print the Slack app manifest, to be pasted where Slack asks for one."""
    print(terminal.manifest())  # noqa: T201 - this is the terminal


@cli.command()
def docs(
    folder: Annotated[Path, typer.Argument(help="The project's folder.")] = Path(),
) -> None:
    """Write what is generated from the declarations: the command reference and the default manifest."""
    for path in terminal.write_documents(folder):
        print(path)  # noqa: T201 - this is the terminal


if __name__ == "__main__":
    main()
