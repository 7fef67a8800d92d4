import pytest

from bot.dispatch.neighbours import Neighbour, State, neighbour_lines
from bot.plan import Progress, Step
from bot.reply import Level, Line
from tests.dispatch.world import AMIR, SANA, World, text_of, words_of


@pytest.mark.parametrize(("state", "warns"), [("waits", False), ("watches", False), ("approved", True), ("runs", True)])
def test_what_goes_first_is_a_warning(state: State, warns: bool) -> None:
    lines = [part for part in neighbour_lines((Neighbour("k3v9", "/scale 5", SANA, state),)) if isinstance(part, Line)]
    assert [line.level for line in lines] == [Level.WARNING] * warns
    assert all("better decide when k3v9 has ended." in line.value for line in lines)


def test_several_that_go_first_are_named_in_one_warning() -> None:
    several = tuple(Neighbour(name, "/scale 5", SANA, "approved") for name in ("k3v9", "m4w2"))
    (line,) = (part for part in neighbour_lines(several) if isinstance(part, Line))
    assert line.value.startswith(
        "k3v9, m4w2 go first. Where that moves what this relies on, an approval given before is void"
    )


async def test_a_waiting_plan_is_warned_of_what_is_approved_and_of_what_runs(world: World) -> None:
    first, second = await world.propose("/scale 5"), await world.propose("/scale 6")
    third = await world.propose("/scale 7")
    await world.clocks.tick(world.clock())
    assert "go first" not in text_of(await world.card(third.id))
    await world.click("approve", first.id, AMIR)
    await world.click("approve", second.id, AMIR)
    await world.clocks.tick(world.clock())
    said = text_of(await world.card(third.id))
    assert f"{first.id}, {second.id} go first." in said
    words = words_of(await world.card(third.id))
    assert f"A run holds this target now: `{first.id}`" in words
    assert f"Another plan for this target is approved and starts before this: `{second.id}`" in words


async def test_the_warning_goes_when_the_run_only_watches(running: World) -> None:
    watch = Step(title="Watch", kind="wait", operation="cluster.watched", watches=True, interval=0.05)
    running.moods.extra = (watch,)
    running.cluster.sight = [Progress(done=False, message="not yet") for _ in range(1000)]
    first, second = await running.propose("/scale 5"), await running.propose("/scale 6")
    await running.click("approve", first.id, AMIR)
    await running.shown(first.id, "not yet")
    await running.clocks.tick(running.clock())
    assert f"{first.id} goes first." in text_of(await running.card(second.id))
    running.cluster.sight.clear()
    await running.shown(first.id, "jobs that end fell")
    await running.clocks.tick(running.clock())
    said = text_of(await running.card(second.id))
    assert "goes first" not in said
    assert "A run for this target only watches what it did, which ends when this starts: " in said
