"""What is wrong with a policy's on-call section and its escalation, each with where it stands."""

from collections.abc import Iterator
from datetime import datetime
from itertools import combinations
from typing import Final

from bot import access
from bot.catalog import Catalog
from bot.errors import Refused
from bot.policy import Policy
from bot.request import Actor
from bot.rota import Rota
from bot.vacancy import called, unheld

Problem = tuple[tuple[str | int, ...], str]


# What whoever is called needs: to take it in hand; and at level 1 to accept a hand-over.
_OF_EVERYBODY: Final = ("/ack",)
_OF_THE_FIRST: Final = ("/ack", "/oncall")


def oncall_problems(policy: Policy, catalog: Catalog, now: datetime | None) -> Iterator[Problem]:
    """Return people nobody knows, levels that are not there, rotations that overlap, an escalation to nobody."""
    for where, person in policy.oncall.people():
        if person not in policy.people:
            yield ("oncall", *where), f"oncall names {person!r}, who is not under [people]"
    yield from _right_problems(policy, catalog)
    yield from _rotation_problems(policy)
    yield from _escalation_problems(policy, now)


def missing_permissions(policy: Policy, catalog: Catalog, person: str, level: int) -> tuple[str, ...]:
    """Return the permissions that somebody would need to be on call at this level, and does not have."""
    names = _OF_THE_FIRST if level == 1 else _OF_EVERYBODY
    needed = [catalog.commands[name].change_permission for name in names if name in catalog.commands]
    actor = Actor(id=person, name=person)
    return tuple(permission for permission in needed if access.refusal(policy, actor, permission) is not None)


def require_able(policy: Policy, catalog: Catalog, person: str, level: int) -> None:
    """Raise ``Refused`` where somebody could not take in hand what they are called for; the rota gives no rights."""
    missing = missing_permissions(policy, catalog, person, level)
    if not missing:
        return
    roles = ", ".join(sorted(policy.roles_of(person))) or "none"
    message = f"{policy.name(person)} cannot be on call at level {level}: that needs {' and '.join(missing)}, which"
    able = [policy.name(one) for one in policy.people if not missing_permissions(policy, catalog, one, level)]
    hint = f"Who can: {', '.join(able) or 'nobody at present'}."
    raise Refused(f"{message} their roles ({roles}) do not have.", hint=hint)


def _right_problems(policy: Policy, catalog: Catalog) -> Iterator[Problem]:
    for where, person, level in policy.oncall.people_by_level():
        for permission in missing_permissions(policy, catalog, person, level):
            who = policy.name(person)
            yield ("oncall", *where), f"oncall has {who} at level {level}, who has no role with {permission}"
    for level in policy.break_glass.on_call:
        if level not in range(1, len(policy.oncall.levels) + 1):
            there = f"there are {len(policy.oncall.levels)}" if policy.oncall.levels else "there are none"
            yield ("break_glass", "on_call"), f"break_glass names level {level}; {there}"


def _rotation_problems(policy: Policy) -> Iterator[Problem]:
    levels, rotations = len(policy.oncall.levels), policy.oncall.rotations
    for index, rotation in enumerate(rotations):
        if rotation.level > levels:
            there = f"there are {levels}" if levels else "there are none"
            yield ("oncall", "rotations", index, "level"), f"a rotation is of level {rotation.level}; {there}"
    for (first, one), (second, other) in combinations(enumerate(rotations), 2):
        if one.overlaps(other):
            both = f"the rotations {first + 1} and {second + 1} are both of level {one.level}"
            yield (
                ("oncall", "rotations", second),
                f"{both} and overlap from {max(one.begins, other.begins):%Y-%m-%d %H:%M} UTC on",
            )


def _escalation_problems(policy: Policy, now: datetime | None) -> Iterator[Problem]:
    rota = Rota(policy.oncall)
    for level in called(policy):
        if not policy.oncall.names_somebody(level):
            problem = f"the escalation calls level {level}, where oncall names nobody"
            yield ("escalation", "after"), problem
        elif now and (when := unheld(rota, level, now)):
            yield _holding(policy, level), f"the escalation calls level {level}, where nobody is on call {when}"


def _holding(policy: Policy, level: int) -> tuple[str | int, ...]:
    """Return where the policy says who has a level: its last rotation, else its own people."""
    of_level = [index for index, one in enumerate(policy.oncall.rotations) if one.level == level]
    return ("oncall", "rotations", of_level[-1]) if of_level else ("oncall", "levels", level - 1)
