"""When a level that the escalation calls has nobody: by the policy's people and rotations, and the overrides."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from bot.policy import Policy
from bot.rota import Rota

# Nobody for so long back and so long ahead is a mistake in the file; less may be the time between two turns.
NEAR: Final = timedelta(days=7)
_TURNS: Final = 100  # are looked at; a pretend system hands over every few seconds


def called(policy: Policy) -> range:
    """Return the levels that the escalation calls."""
    return range(1, len(policy.escalation.after) + 2) if policy.escalation.after else range(0)


def unheld(rota: Rota, level: int, now: datetime) -> str:
    """Say that nobody has had a level for long and nobody has it soon; empty where that is not so."""
    turn = rota.on_call(level, now - NEAR)
    if turn.people or (turn.until is not None and turn.until <= now + NEAR):
        return ""
    return "any more" if turn.until is None else f"before {turn.until:%Y-%m-%d %H:%M} UTC"


def vacancies(policy: Policy, rota: Rota, now: datetime) -> Iterator[str]:
    """Say of each level that is called when it has nobody within the next days."""
    for level in called(policy):
        since, until = _vacant(rota, level, now)
        if since is not None:
            title = policy.oncall.levels[level - 1].title if level in rota.levels else "not in the policy"
            begins = "" if since <= now else f" from {since:%Y-%m-%d %H:%M} UTC on"
            ends = f" until {until:%Y-%m-%d %H:%M} UTC" if until else ""
            yield f"level {level} ({title}) has nobody{begins}{ends}"


def _vacant(rota: Rota, level: int, now: datetime) -> tuple[datetime | None, datetime | None]:
    moment: datetime | None = now
    for _ in range(_TURNS):
        if moment is None or moment >= now + NEAR:
            break
        turn = rota.on_call(level, moment)
        if not turn.people:
            return moment, turn.until
        moment = turn.until
    return None, None
