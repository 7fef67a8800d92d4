"""The sandbox from the terminal: ``up``, ``start-bot``, ``fault``, ``load``, ``status``, ``inbox``, ``pages``."""

import asyncio
import contextlib
import fcntl
import json
import math
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from sandbox import control, environment, launch
from sandbox.banner import banner
from sandbox.bot_process import HOME, BotProcess
from sandbox.faults import FAULTS
from sandbox.processes import StartError
from sandbox.site import Sandbox, running, write_endpoints

app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__)
Directory = Annotated[Path, typer.Option("--directory", help="Where the sandbox keeps its files.")]
BOT_SECONDS = 20.0  # the banner does not wait longer for the bot


@app.command()
def up(
    directory: Directory = HOME,
    *,
    bot: Annotated[bool, typer.Option(help="Start the bot too.")] = True,
    slack_port: Annotated[int, typer.Option(envvar="SANDBOX_SLACK_PORT", min=0, help="0 is a free one.")] = 3000,
    speed: Annotated[float, typer.Option(envvar="SANDBOX_SPEED", min=0.1, help="2 is twice as fast.")] = 1.0,
    keep: Annotated[bool, typer.Option(help="Keep the queues and the bot's state of the last time.")] = False,
) -> None:
    """Start everything and run until Ctrl-C."""
    if "MAKELEVEL" in os.environ:
        launch.tie_to_parent(os.getppid(), signal.SIGTERM)  # make may be killed; nothing must stay behind
    try:
        with _alone(directory):
            if not keep:
                for old in ("redis", "state", "slack"):
                    shutil.rmtree(directory / old, ignore_errors=True)
            asyncio.run(_up(directory, bot=bot, slack_port=slack_port, speed=speed))
    except StartError as error:
        print(f"The sandbox did not start: {error}", file=sys.stderr)
        raise typer.Exit(1) from None


@app.command("start-bot")
def start_bot(directory: Directory = HOME) -> None:
    """Start the bot again, after it was killed; it ends with the sandbox, as the first one does."""
    told = _ask(directory, "bot", {})
    print(f"the bot runs as process {told['pid']}; its log is {told['log']}")


@app.command()
def fault(
    name: Annotated[str, typer.Argument()] = "",
    state: Annotated[str, typer.Argument(help="on or off")] = "",
    directory: Directory = HOME,
) -> None:
    """Break a part on purpose (``on``) or mend it (``off``); alone it shows what can be broken."""
    if name not in FAULTS or state not in ("on", "off"):
        print("usage: python -m sandbox fault NAME on|off\n", file=sys.stderr)
        print("\n".join(f"  {known:<20} {about}" for known, about in FAULTS.items()), file=sys.stderr)
        raise typer.Exit(2)
    _ask(directory, "faults", {"name": name, "on": state == "on"})
    print(f"{name} is {state}: {FAULTS[name]}" if state == "on" else f"{name} is off")


# A negative number is no option: it is told what is wrong with it.
@app.command(context_settings={"ignore_unknown_options": True})
def load(
    queue: str,
    amount: Annotated[str, typer.Argument(help="jobs a second, or the word burst")],
    count: Annotated[int | None, typer.Argument(help="how many jobs a burst has")] = None,
    directory: Directory = HOME,
) -> None:
    """Make a backlog: ``load email 40`` is 40 jobs a second, ``load email burst 1200`` is 1,200 at once."""
    body = _burst(queue, count) if amount == "burst" else _rate(queue, amount, count)
    told = _ask(directory, "load", {"queue": queue} | body)
    if "burst" in body:
        print(f"added to {queue}: {body['burst']:,} jobs")
    print("jobs a second now:", ", ".join(f"{name} {rate:g}" for name, rate in told.items()) or "none")


def _burst(queue: str, count: int | None) -> dict[str, Any]:
    if count is None or count < 1:
        raise typer.BadParameter(f"how many jobs, at least 1? Such as: load {queue} burst 1200")
    return {"burst": count}


def _rate(queue: str, amount: str, count: int | None) -> dict[str, Any]:
    try:
        rate = float(amount)
    except ValueError:
        raise typer.BadParameter(f"{amount!r} is neither a number nor the word burst") from None
    if not math.isfinite(rate) or rate < 0:
        raise typer.BadParameter(f"{amount} jobs a second there cannot be: it is 0 or more")
    if count is not None:
        raise typer.BadParameter(f"{count} belongs to a burst: load {queue} burst {count}; or a rate alone")
    return {"rate": rate}


@app.command()
def status(directory: Directory = HOME) -> None:
    """Show what runs, what is broken and what arrives."""
    print(json.dumps(_ask(directory, "status"), indent=2))


@app.command()
def inbox(directory: Directory = HOME) -> None:
    """Show the mails that arrived, oldest first."""
    for mail in _ask(directory, "inbox"):
        text = mail.pop("text")
        print("\n".join(f"{name}: {value}" for name, value in mail.items()), f"\n\n{text}\n{'-' * 72}")


@app.command()
def pages(directory: Directory = HOME) -> None:
    """Show what PagerDuty was told, oldest first, and how its incidents stand."""
    found = _ask(directory, "pages")
    for event in found.get("log", []):
        print(f"{event['at']}  {event['event_action']:<12} {event['dedup_key']}")
    print()
    for key, one in found.get("incidents", {}).items():
        print(f"{one['status']:<13} {one['severity']:<9} {one['summary']}  ({key})")


def _ask(directory: Path, path: str, body: dict[str, Any] | None = None) -> Any:
    try:
        return asyncio.run(control.ask(directory, path, body))
    except (control.NotRunning, ValueError) as error:
        print(error, file=sys.stderr)
        raise typer.Exit(1) from None


async def _up(directory: Path, *, bot: bool, slack_port: int, speed: float) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    is_up = asyncio.Event()
    serving = asyncio.create_task(_serve(directory, stopped, is_up, bot=bot, slack_port=slack_port, speed=speed))
    stopping = asyncio.create_task(stopped.wait())
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if not is_up.is_set():  # what is up notices by itself, and stops in order
        serving.cancel()
    stopping.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await serving


async def _serve(
    directory: Path, stopped: asyncio.Event, is_up: asyncio.Event, *, bot: bool, slack_port: int, speed: float
) -> None:
    async with running(directory, slack_port=slack_port, speed=speed) as sandbox:
        server = control.Control(sandbox)
        await server.start()
        is_up.set()
        try:
            write_endpoints(sandbox)
            await sandbox.ordinary_day()
            sandbox.bot = BotProcess(sandbox.environment(), sandbox.directory)
            if bot:
                await sandbox.bot.start()
                await _connected(sandbox, sandbox.bot)
            print(banner(sandbox), flush=True)
            await _until(sandbox.bot, stopped)
        finally:
            print("\nStopping.", flush=True)
            await server.stop()  # before the bot, which nobody starts after that
            if sandbox.bot is not None:
                await sandbox.bot.stop()
            for written in ("endpoints.json", environment.FILE):
                (directory / written).unlink(missing_ok=True)


async def _connected(sandbox: Sandbox, bot: BotProcess) -> None:
    """Wait until the bot listens to the page, so that what is typed first is answered; no longer than it lives."""
    if sandbox.gate is None:
        return
    waits = {asyncio.create_task(sandbox.gate.connected.wait()), asyncio.create_task(bot.wait())}
    _, late = await asyncio.wait(waits, timeout=BOT_SECONDS, return_when=asyncio.FIRST_COMPLETED)
    for task in late:
        task.cancel()
    await asyncio.gather(*late, return_exceptions=True)


async def _until(bot: BotProcess, stopped: asyncio.Event) -> None:
    """Wait for the end, and say so each time the bot ends before."""
    end = asyncio.create_task(stopped.wait())
    watched = asyncio.create_task(bot.ended())
    while not end.done():
        await asyncio.wait({end, watched}, return_when=asyncio.FIRST_COMPLETED)
        if watched.done() and not end.done():
            print(f"\n{watched.result()}\nCtrl-C here ends everything else.", file=sys.stderr, flush=True)
            watched = asyncio.create_task(bot.ended())
    watched.cancel()


@contextlib.contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Hold the directory, so that no second sandbox works in it; raises ``StartError``."""
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StartError(f"one already runs in {directory}") from None
        yield


if __name__ == "__main__":
    app()
