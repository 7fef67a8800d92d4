"""The command line: ``python -m bot serve | check | manifest | docs | run | decide``."""

import asyncio
import os
import pwd
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any, Final

import typer
import uvloop

from bot import app, log, terminal
from bot.console.render import Screen
from bot.errors import BotError, UsageError, UserError
from bot.request import DECISION_ACTIONS
from bot.settings import Settings
from bot.terminal import Login

ENV_FILE: Final = Path(".env")
_LONGEST: Final = 100_000  # characters that are read; each command says how many it takes

cli = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
As = Annotated[str, typer.Option("--as", help="Whose place to take, where the policy of a pretend system allows it.")]


def main() -> None:
    """Run the command line; an expected error is one sentence on stderr and exit code 1."""
    try:
        cli()
    except BotError as error:
        print(f"novapulse-bot: {_said(error)}", file=sys.stderr)  # noqa: T201 - this is the terminal
        raise SystemExit(1) from None


def _said(error: BotError) -> str:
    parts = [str(error)]
    if isinstance(error, UserError) and error.hint:
        parts.append(error.hint)
    if isinstance(error, UsageError):
        parts += [f"Did you mean {error.nearest}?"] if error.nearest else []
        parts += [f"Usage: {error.usage}"] if error.usage else []
    return " ".join(parts)


def _run(work: Coroutine[Any, Any, int]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        raise SystemExit(runner.run(work))


def _settings(context: typer.Context) -> Settings:
    """Read the environment, and the file with variables where one was named or ``.env`` is there."""
    named: Path | None = context.obj
    if named is not None and (not named.exists() or named.is_dir()):
        raise UserError(f"There is no file {named}.", hint="See --env-file.")
    return Settings(named or (ENV_FILE if ENV_FILE.is_file() else None))


def _screen(context: typer.Context, act_as: str = "") -> Screen:
    named: Path | None = context.obj
    return terminal.screen_of(env_file=str(named) if named else "", act_as=act_as)


def _at_the_terminal(context: typer.Context) -> Settings:
    settings = _settings(context)
    log.set_up("WARNING", "console")  # on stderr: standard output belongs to the answer
    return settings


def _login(act_as: str) -> Login:
    """Ask the system who this is: ``LOGNAME`` and ``USER`` are what anybody may set them to."""
    number = os.getuid()
    try:
        return Login(pwd.getpwuid(number).pw_name, act_as)
    except KeyError:
        raise UserError(f"The user id {number} has no login name on this machine.") from None


@cli.callback()
def variables(
    context: typer.Context,
    env_file: Annotated[Path | None, typer.Option(help="Variables the environment does not set; else .env.")] = None,
) -> None:
    """Run NovaPulse's operations from Slack."""
    context.obj = env_file


@cli.command()
def serve(context: typer.Context) -> None:
    """Run the bot until SIGTERM or Ctrl-C."""
    _run(app.serve(_settings(context)))


@cli.command()
def check(context: typer.Context) -> None:
    """Try every connection and permission, and say how to mend what is wrong."""
    _run(terminal.check(_at_the_terminal(context), _screen(context)))


@cli.command()
def run(
    context: typer.Context,
    line: Annotated[str, typer.Argument(help='Such as "/queue-stats email".')],
    act_as: As = "",
) -> None:
    """Run a command from this terminal, as the person whose `console` name in the policy is this login.

    What nobody may see (the value of /set-env) is asked for without showing it, or read from standard input.

    Ends with 0 for a good answer, 1 for a warning or a refusal, 2 for something critical, 3 for unknown.
    """
    settings, login = _at_the_terminal(context), _login(act_as)
    _run(terminal.run_line(settings, line, login, _screen(context, act_as), read=_hidden))


def _hidden(name: str) -> str:
    """Ask for what nobody may see, twice because it is not shown; without a terminal it is on standard input."""
    if sys.stdin.isatty():
        return str(typer.prompt(name.capitalize(), hide_input=True, confirmation_prompt=True, err=True))
    return sys.stdin.read(_LONGEST).removesuffix("\n").removesuffix("\r")


@cli.command()
def decide(
    context: typer.Context,
    plan: Annotated[str, typer.Argument(help="The plan's id, as /approvals shows it.")],
    action: Annotated[str, typer.Argument(help=f"One of {', '.join(DECISION_ACTIONS)}.")],
    reason: Annotated[str, typer.Option(help="Needed to deny and to break the glass.")] = "",
    act_as: As = "",
) -> None:
    """Decide on a plan from this terminal, under the same rules as in Slack."""
    settings, login = _at_the_terminal(context), _login(act_as)
    _run(terminal.decide(settings, terminal.Click(plan, action, reason), login, _screen(context, act_as)))


@cli.command()
def manifest(
    context: typer.Context,
    url: Annotated[str, typer.Option(help="https://host/slack/events, for HTTP instead of Socket Mode.")] = "",
) -> None:
    """Print the Slack app manifest, to be pasted where Slack asks for one."""
    print(terminal.manifest(_settings(context), url=url))  # noqa: T201 - this is the terminal


@cli.command()
def docs(
    folder: Annotated[Path, typer.Argument(help="The project's folder.")] = Path(),
) -> None:
    """Write what is generated from the declarations: the command reference and the default manifest."""
    for path in terminal.write_documents(folder):
        print(path)  # noqa: T201 - this is the terminal
