"""``/step-down-primary``: a plan to hand the primary's part over, verified by a new primary."""

from typing import Final

from pydantic import JsonValue

from bot.clients.mongo_replica_set import CAUGHT_UP, STEP_DOWN_SECONDS, ReplicaSet, SetState
from bot.command import command
from bot.errors import Refused
from bot.plan import Change, Plan, Step

ELECTION_TIMEOUT: Final = 60.0


@command(
    "/step-down-primary",
    permission="mongo:step-down",
    section="Database Outage",
    runbook=('mongosh "mongodb://..." --eval "rs.stepDown()"',),
    examples=("/step-down-primary",),
)
async def step_down_primary(*, replica_set: ReplicaSet) -> Plan:
    """Let MongoDB's living primary step down, so that a caught-up secondary takes over.

    With the primary dead there is nothing to step down: the set elects by itself while a majority is up.
    """
    state = await replica_set.state()
    if state is None:
        raise Refused(
            "This MongoDB is no replica set: nothing could take over.",
            hint="Restart the server or restore it from a backup instead.",
        )
    primary = _primary(state)
    successors = [one.name for one in state.successors]
    if not successors:
        raise Refused(
            f"No secondary is up, electable and within {CAUGHT_UP:g} s of {primary}: it stays primary.",
            hint="/mongo-status shows the members and their lag. Bring a secondary up, or wait until it caught up.",
        )
    return _plan(state, primary, successors)


def _primary(state: SetState) -> str:
    """Return the living primary's name, or refuse with what to do instead."""
    if state.primary is None:
        up = [one for one in state.members if one.health]
        majority = len(state.members) // 2 + 1
        if len(up) >= majority:
            instead = "Enough members are up: the set elects one by itself within seconds. Look at /mongo-status again."
        else:
            instead = (
                f"Only {len(up)} of {len(state.members)} members are up and {majority} are needed for an election: "
                "start one that is down. Where they are lost for good, a database administrator has to force a new "
                "configuration (rs.reconfig with force), which can lose writes."
            )
        raise Refused("There is no living primary: a step down cannot promote anybody.", hint=instead)
    return state.primary.name


def _plan(state: SetState, primary: str, successors: list[str]) -> Plan:
    at: dict[str, JsonValue] = {"term": state.term}
    facts: dict[str, JsonValue] = {
        "set": state.name,
        "primary": primary,
        "successors": ", ".join(sorted(successors)),
        **at,
    }
    return Plan(
        title=f"Let {primary} step down as primary of {state.name}",
        target=f"replica-set/{state.name}",
        changes=(Change(what=f"primary of {state.name}", before=primary, after=f"one of {', '.join(successors)}"),),
        facts=facts,
        steps=(
            Step(
                title=f"Let {primary} step down",
                operation="replica_set.step_down",
                arguments={"primary": primary, **at},
                timeout=60.0,
            ),
            Step(
                title="Wait for a new primary",
                kind="wait",
                operation="replica_set.has_new_primary",
                arguments={"former": primary, **at},
                timeout=ELECTION_TIMEOUT,
            ),
        ),
        no_undo=f"Who is elected cannot be chosen. {primary} may be elected again after {STEP_DOWN_SECONDS} s, "
        "and takes over by itself where its priority is the highest.",
        blast_radius=(
            "Nothing can be written until the election is over, some seconds as a rule; drivers try again.",
            f"Transactions under way on {primary} are aborted and its connections closed.",
        ),
        warnings=_warnings(state, successors),
    )


def _warnings(state: SetState, successors: list[str]) -> tuple[str, ...]:
    warnings = []
    if len(successors) == 1:
        warnings.append(f"Only {successors[0]} can take over.")
    if not state.knows_delays:
        warnings.append("Which members may be elected is unknown: the set's configuration could not be read.")
    if ill := [f"{one.name} is {one.state}" for one in state.members if not one.does_its_part]:
        warnings.append(f"{', '.join(ill)}.")
    return tuple(warnings)
