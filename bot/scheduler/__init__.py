"""When things happen by themselves: due times, claimed fires, and who runs them."""

from bot.scheduler.replica import Scheduler, ScheduleStores
from bot.scheduler.work import Work

__all__ = ["ScheduleStores", "Scheduler", "Work"]
