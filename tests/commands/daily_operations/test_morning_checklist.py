"""``/morning-checklist``: the schedule's own answer, whoever asks for it."""

from bot.reply import Reply, say
from bot.schedule import Schedules
from commands.daily_operations.morning_checklist import morning_checklist


class PretendSchedules(Schedules):
    """Answers with the name it was asked for."""

    async def run(self, name: str) -> Reply:
        return say(name)


async def test_it_runs_the_schedule() -> None:
    assert await morning_checklist.handler(schedules=PretendSchedules()) == say("morning-checklist")
