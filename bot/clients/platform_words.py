"""What the platforms call what both of them have, so that a plan speaks the language of what it changes."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """One platform's words, as they stand in the middle of a sentence unless they say otherwise."""

    pod: str
    workload: str  # also the kind in the name of a lock, such as service/worker
    home: str
    configuration: str  # what a setting is kept in
    rollout: str  # what a change is waited for
    replaced: str  # what a new configuration does to a pod
    restarted: str
    ended: str
    end_them: str  # whole, as the title of a step
    wait_for_new: str  # whole, as the title of a step
    until_back: str
    no_return: str
    rolled_out: str  # whole titles, as are the next three
    rolling_out: str
    stalled: str
    unread: str
    chooser: str = ""  # a sentence where nobody can say which pods a scale-down takes
    has_revisions: bool = True
    replaces_at_once: bool = False  # whether setting a key replaces the pods, without a restart

    def pods(self, number: int) -> str:
        """Count them: ``1 pod``, ``3 containers``."""
        return f"{number} {self.pod if number == 1 else self.pod + 's'}"


KUBERNETES: Final = Words(
    pod="pod",
    workload="deployment",
    home="the namespace",
    configuration="configmap",
    rollout="rollout",
    replaced="replaced",
    restarted="replaced",
    ended="deleted",
    end_them="Delete the pods",
    wait_for_new="Wait for new pods",
    until_back="new pods are up",
    no_return="pods that are deleted do not come back; new ones take their place",
    rolled_out="Rolled out",
    rolling_out="Rolling out",
    stalled="A rollout does not get on",
    unread="The rollout could not be read",
)
COMPOSE: Final = Words(
    pod="container",
    workload="service",
    home="the project",
    configuration="file",
    rollout="containers",
    replaced="made anew",
    restarted="restarted",
    ended="stopped and started",
    end_them="Stop and start the containers",
    wait_for_new="Wait until they are up again",
    until_back="they are up again",
    no_return="a stop cannot be taken back; the containers are started again",
    rolled_out="All containers are ready",
    rolling_out="Not all containers are ready",
    stalled="A container does not stay up",
    unread="The containers could not be read",
    chooser="Docker Compose chooses which containers go: one that is at work may be among them.",
    has_revisions=False,
    replaces_at_once=True,
)
