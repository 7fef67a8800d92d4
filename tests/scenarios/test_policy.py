"""The policy file: a broken one is refused with its line, and what was in force stays."""

import os
import signal

import pytest

from sandbox.processes import StartError
from tests.scenarios.bot import Bot
from tests.scenarios.world import World, text

pytestmark = pytest.mark.asyncio(loop_scope="package")


async def test_a_broken_file_is_said_once_and_the_old_one_stays(world: World) -> None:
    good = world.policy.read_text(encoding="utf-8")
    known = world.shown("novapulse-alerts")
    line = good.count("\n") + 2
    world.policy.write_text(f'{good}\n[roles.ghost]\nmembers = ["U0GHOST"]\n', encoding="utf-8")
    words = ("The changed policy file was refused", f"line {line + 1}", "U0GHOST", "stays in force")
    await world.new("novapulse-alerts", known, *words)
    for _ in range(2):
        await world.ask("viewer", "/queue-stats email", "checked against Redis")
    await world.ask("viewer", "/scale-workers 3", "Refused")
    world.policy.write_text(good.replace("maximum = 10", "maximum = 9"), encoding="utf-8")
    await world.new("novapulse-alerts", known, f"{world.policy.name} is fine again", "in force since")
    await world.ask("operator", "/scale-workers 10", "10 is more than the 9 pods that the policy allows")
    world.policy.write_text(good, encoding="utf-8")
    await world.bot.wait_log("policy reloaded", after=len(world.bot.records))
    new = [text(m) for m in world.page.messages("novapulse-alerts") if m["ts"] not in known]
    assert sum("was refused" in words for words in new) == 1


async def test_a_hangup_takes_the_file_over_and_ends_nothing(world: World) -> None:
    good = world.policy.read_text(encoding="utf-8")
    for text_now in (good.replace("maximum = 10", "maximum = 8"), good):
        after = len(world.bot.records)
        world.policy.write_text(text_now, encoding="utf-8")
        os.kill(world.bot.process.pid, signal.SIGHUP)
        await world.bot.wait_log("policy reloaded", after=after)
    await world.ask("viewer", "/queue-stats email", "checked against Redis")


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ('\n[roles.admin]\nincludes = ["nobody"]', "line {}: role 'admin' includes 'nobody', which does not exist"),
        ("\nthis is = = nothing", "line {}: "),
    ],
)
async def test_with_a_broken_file_the_start_is_refused_naming_the_line(world: World, broken: str, reason: str) -> None:
    path = world.policy.with_name("broken.toml")
    good = world.policy.read_text(encoding="utf-8")
    path.write_text(good + broken, encoding="utf-8")
    state = f"sqlite:///{path.with_suffix('.db')}"
    bot = Bot(world.bot.environment | {"POLICY_FILE": str(path), "STATE_URL": state}, path.with_suffix(".log"))
    with pytest.raises(StartError, match="bot ended with 1") as raised:
        await bot.start()
    said = str(raised.value)
    last = (good + broken).count("\n") + 1
    assert "novapulse-bot: line " in said
    assert reason.format(last) in said
    assert "Traceback" not in said
