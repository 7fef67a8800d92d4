"""The morning checklist's look at who is on call: a line where a level has nobody, now or within a week."""

from datetime import datetime

from bot.policy import Policy
from bot.reply import Level, Line, Part
from bot.rota import Rota
from bot.stores.overrides import Overrides
from bot.vacancy import vacancies


async def vacant_levels(policy: Policy, overrides: Overrides, now: datetime) -> list[Part]:
    """Say which levels that the escalation calls have nobody; none where somebody is always there."""
    rota = Rota(policy.oncall, await overrides.standing(now))
    found = "; ".join(vacancies(policy, rota, now))
    return [Line(level=Level.WARNING, label="On call", value=found)] if found else []
