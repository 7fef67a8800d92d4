"""What is wrong with a policy's on-call section and its escalation, each with where it stands."""

from collections.abc import Iterator
from itertools import combinations
from typing import Final

from bot import access
from bot.catalog import Catalog
from bot.policy import Policy
from bot.request import Actor

Problem = tuple[tuple[str | int, ...], str]


# What whoever has level 1 needs: to take an alert in hand, and to accept a hand-over.
_NEEDED: Final = ("/ack", "/oncall")


def oncall_problems(policy: Policy, catalog: Catalog) -> Iterator[Problem]:
    """Return people nobody knows, levels that are not there, rotations that overlap, an escalation to nobody."""
    for where, person in policy.oncall.people():
        if person not in policy.people:
            yield ("oncall", *where), f"oncall names {person!r}, who is not under [people]"
    yield from _right_problems(policy, catalog)
    yield from _rotation_problems(policy)
    yield from _escalation_problems(policy)


def _right_problems(policy: Policy, catalog: Catalog) -> Iterator[Problem]:
    commands = [catalog.commands[name] for name in _NEEDED if name in catalog.commands]
    for where, person in policy.oncall.first_people():
        for permission in (command.change_permission for command in commands):
            if access.refusal(policy, Actor(id=person, name=person), permission) is not None:
                who = policy.name(person)
                yield ("oncall", *where), f"oncall has {who} at level 1, who has no role with {permission}"


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
