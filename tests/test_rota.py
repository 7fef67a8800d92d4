"""Who is on call at a moment has exactly one answer, and says until when it holds."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bot.oncall import OnCall
from bot.request import Actor
from bot.rota import Override, Rota, Turn


def local(*parts: int) -> datetime:
    """Return a time without a zone, as the policy's file has it."""
    return datetime(*parts)  # type: ignore[arg-type,unused-ignore] # noqa: DTZ001


MONDAY = datetime(2026, 1, 5, 9, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ANN = Actor(id="U1", name="Ann")
LEVELS: list[dict[str, Any]] = [{"title": "On-call engineer", "people": ["U9"]}, {"title": "Team lead"}]
WEEKLY: dict[str, Any] = {"people": ["U1", "U2"], "starts": local(2026, 1, 5, 9)}


def override(name: str, person: str, since: datetime, until: datetime, level: int = 1) -> Override:
    made_at = MONDAY + timedelta(seconds=len(name))
    return Override(id=name, level=level, person=person, since=since, until=until, by=ANN, made_at=made_at)


def rota(*overrides: Override, rotations: tuple[dict[str, Any], ...] = (WEEKLY,), **first: Any) -> Rota:
    levels = [LEVELS[0] | first, LEVELS[1]]
    return Rota(OnCall.model_validate({"levels": levels, "rotations": rotations}), overrides)


def test_an_override_comes_before_the_rotation_and_the_newest_before_the_others() -> None:
    found = rota(
        override("a", "U3", MONDAY + HOUR, MONDAY + DAY), override("bb", "U4", MONDAY + 2 * HOUR, MONDAY + 3 * HOUR)
    )
    assert found.on_call(1, MONDAY) == Turn(("U1",), "rotation", MONDAY + HOUR)
    assert found.on_call(1, MONDAY + HOUR) == Turn(("U3",), "override", MONDAY + 2 * HOUR)
    assert found.on_call(1, MONDAY + 2 * HOUR) == Turn(("U4",), "override", MONDAY + 3 * HOUR)
    assert found.on_call(1, MONDAY + 3 * HOUR) == Turn(("U3",), "override", MONDAY + DAY)
    assert found.on_call(1, MONDAY + DAY) == Turn(("U1",), "rotation", MONDAY + 7 * DAY)


def test_before_a_rotation_the_levels_own_people_and_else_nobody() -> None:
    assert rota().on_call(1, MONDAY - DAY) == Turn(("U9",), "policy", MONDAY)
    assert rota(until=MONDAY - HOUR).on_call(1, MONDAY - DAY) == Turn(("U9",), "policy", MONDAY - HOUR)
    assert rota(until=MONDAY - HOUR).on_call(1, MONDAY - HOUR) == Turn((), "nobody", MONDAY)
    assert rota().on_call(2, MONDAY) == Turn((), "nobody", None)
    assert rota().on_call(3, MONDAY) == Turn((), "nobody", None)


def test_a_gap_between_two_rotations_is_nobodys() -> None:
    first = WEEKLY | {"to": local(2026, 1, 9)}
    second = WEEKLY | {"starts": local(2026, 1, 10), "people": ["U5"]}
    found = rota(rotations=(first, second), people=[])
    assert found.on_call(1, datetime(2026, 1, 9, tzinfo=UTC)) == Turn((), "nobody", datetime(2026, 1, 10, tzinfo=UTC))
    assert found.on_call(1, datetime(2026, 1, 10, tzinfo=UTC)) == Turn(("U5",), "rotation", None)


_WHEN = st.integers(0, 24 * 40).map(lambda hours: MONDAY + hours * HOUR)
_OVERRIDES = st.lists(st.tuples(st.sampled_from(["U1", "U3", "U4"]), _WHEN, st.integers(1, 300)), max_size=5)


@given(chosen=_OVERRIDES, at=_WHEN, zone=st.sampled_from(["UTC", "Europe/Berlin"]))
def test_the_answer_holds_until_the_moment_it_names(
    chosen: list[tuple[str, datetime, int]], at: datetime, zone: str
) -> None:
    overrides = [
        override("x" * number, person, since, since + hours * HOUR)
        for number, (person, since, hours) in enumerate(chosen, 1)
    ]
    found = rota(*overrides, rotations=(WEEKLY | {"zone": zone, "every": "1d"},))
    turn = found.on_call(1, at)
    assert turn.people
    assert turn.until is not None
    steps = int((turn.until - at) / HOUR)
    assert all(found.on_call(1, at + step * HOUR).people == turn.people for step in range(steps))
    assert found.on_call(1, turn.until).people != turn.people
