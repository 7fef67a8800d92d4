"""What is wrong with a policy's on-call section and its escalation, each with where it stands."""

from collections.abc import Iterator
from itertools import combinations

from bot.policy import Policy

Problem = tuple[tuple[str | int, ...], str]


def oncall_problems(policy: Policy) -> Iterator[Problem]:
    """Return people nobody knows, levels that are not there, rotations that overlap, an escalation to nobody."""
    for where, person in policy.oncall.people():
        if person not in policy.people:
            yield ("oncall", *where), f"oncall names {person!r}, who is not under [people]"
    yield from _rotation_problems(policy)
    yield from _escalation_problems(policy)


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


def _escalation_problems(policy: Policy) -> Iterator[Problem]:
    for level in range(1, len(policy.escalation.after) + 2) if policy.escalation.after else ():
        if not policy.oncall.names_somebody(level):
            problem = f"the escalation calls level {level}, where oncall names nobody"
            yield ("escalation", "after"), problem
