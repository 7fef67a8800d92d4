"""When a level that the escalation calls has nobody: now, soon, never again, or not for long."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot import catalog
from bot.oncall import OnCall
from bot.policy import Policy
from bot.policy_file import PolicyFile
from bot.request import Actor
from bot.rota import Override, Rota
from bot.vacancy import unheld, vacancies

NOW = datetime(2026, 7, 1, 9, tzinfo=UTC)
DEFAULT = PolicyFile(Path(__file__).parents[1] / "policy.toml", catalog.load(), clock=lambda: NOW).current
CTO = "level 4 (CTO) has nobody"


def until(moment: datetime | None) -> OnCall:
    """Return the default policy's section, whose last level ends then."""
    *others, last = DEFAULT.oncall.levels
    levels = (*others, last.model_copy(update={"until": moment}))
    return DEFAULT.oncall.model_copy(update={"levels": levels})


def said(rules: OnCall, *overrides: Override) -> list[str]:
    policy: Policy = DEFAULT.model_copy(update={"oncall": rules})
    return list(vacancies(policy, Rota(rules, overrides), NOW))


def test_where_everybody_is_there_nothing_is_said() -> None:
    assert said(DEFAULT.oncall) == []


def test_a_level_whose_time_has_passed_or_passes_this_week_is_said() -> None:
    assert said(until(NOW - timedelta(days=1))) == [CTO]
    assert said(until(NOW + timedelta(days=2))) == [f"{CTO} from 2026-07-03 09:00 UTC on"]
    assert said(until(NOW + timedelta(days=7))) == []


def test_an_override_fills_the_level_for_its_time() -> None:
    actor, ends = Actor(id="U0CTO", name="cto"), NOW + timedelta(days=3)
    override = Override(id="o1", level=4, person="U0CTO", since=NOW, until=ends, by=actor, made_at=NOW)
    assert said(until(NOW - timedelta(days=1)), override) == [f"{CTO} from 2026-07-04 09:00 UTC on"]


def test_without_an_escalation_nobody_is_missed() -> None:
    policy = DEFAULT.model_copy(update={"escalation": DEFAULT.escalation.model_copy(update={"after": ()})})
    rules = until(NOW - timedelta(days=1))
    assert list(vacancies(policy.model_copy(update={"oncall": rules}), Rota(rules), NOW)) == []


def test_a_level_between_two_rotations_says_until_when() -> None:
    rotation = DEFAULT.oncall.rotations[0]
    dates: dict[str, Any] = {"starts": datetime(2026, 6, 1, 9), "people": ("U0ONCALL",)}  # noqa: DTZ001 - local
    before = rotation.model_copy(update={**dates, "to": datetime(2026, 7, 2, 9)})  # noqa: DTZ001
    after = rotation.model_copy(update={**dates, "since": datetime(2026, 7, 3, 9)})  # noqa: DTZ001
    rules = DEFAULT.oncall.model_copy(update={"rotations": (before, after)})
    between = "level 1 (On-call engineer) has nobody from 2026-07-02 07:00 UTC on until 2026-07-03 07:00 UTC"
    assert said(rules) == [between]


@pytest.mark.parametrize(
    ("ended", "words"),
    [(timedelta(days=8), "any more"), (timedelta(days=6), ""), (timedelta(days=-1), "")],
)
def test_only_who_has_long_been_gone_stops_the_start(ended: timedelta, words: str) -> None:
    assert unheld(Rota(until(NOW - ended)), 4, NOW) == words
