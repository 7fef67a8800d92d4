"""``make bench``: the bot against something bare, in one run, on this machine."""

import sys
import tempfile
from pathlib import Path

import uvloop

from benchmarks import acks, alert_tick, answers, error_logs, failed
from benchmarks.figures import HEAD, Sample, machine, ratio
from sandbox.site import Sandbox, running
from sandbox.slack_page import SlackPage


async def compare(directory: Path) -> bool:
    """Measure one after the other, print each table as soon as it is complete, and say whether all promises are kept.

    What can break one is the tick's curve, ``/error-logs`` and the failed jobs; the other tables only compare.
    """
    print(machine())
    print("Everything is on this machine: the bot, Slack's stand-in, NovaPulse's, and what measures them.\n")
    logs = await error_logs.measured()  # first: it tells the most memory so far
    print(error_logs.line(*logs) + "\n", flush=True)
    curve, is_kept = await alert_tick.report()
    print(curve + "\n", flush=True)
    are_cleared = await failed.report(directory / "failed")
    plain, quick = [await _empty(directory / name, quick=name == "quick") for name in ("plain", "quick")]
    async with running(directory / "bot", bot=True) as sandbox, SlackPage(sandbox.endpoints["slack"]) as page:
        await page.wait_connected()
        await _compare_answers(sandbox, page)
        bot = await acks.measured(page)
    print(f"{acks.COMMAND} acknowledged, {acks.PER_SECOND} commands a second for {acks.SECONDS} s")
    print(HEAD)
    print(bot.line("the bot: recorded on disk, then acknowledged"))
    print(plain.line("an empty Bolt handler, as it comes"))
    print(ratio("  the bot takes", bot, plain))
    print(quick.line("an empty Bolt handler, with the bot's settings"))
    print(ratio("  the bot takes", bot, quick), flush=True)
    return is_kept and are_cleared and error_logs.is_kept(*logs[:2])


async def _compare_answers(sandbox: Sandbox, page: SlackPage) -> None:
    print(f"{answers.COMMAND} typed until the answer is on the page, one after the other")
    print(HEAD)
    bot = await answers.in_slack(page)
    print(bot.line("the bot: API and Redis, checked, posted"))
    try:
        shell = await answers.by_the_runbook(sandbox)
    except answers.MissingProgram as missing:
        print(f"  not compared with the runbook's commands: {missing}\n", flush=True)
        return
    print(shell.line("the runbook: curl, then redis-cli LLEN 4 times"))
    print(ratio("  the bot takes", bot, shell) + "\n", flush=True)


async def _empty(directory: Path, *, quick: bool) -> Sample:
    """Measure the empty handler on a Slack of its own."""
    async with running(directory, parts=["slack"]) as sandbox, SlackPage(sandbox.endpoints["slack"]) as page:
        process = await acks.empty_handler(sandbox, quick=quick)
        try:
            await page.wait_connected()
            return await acks.measured(page)
        finally:
            await process.stop()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="novapulse-bench-") as folder:  # on the loop on which the bot runs
        kept = uvloop.run(compare(Path(folder)))
    sys.exit(0 if kept else 1)
