"""The one authorization function: the dispatcher, the help, the buttons and the documents all ask here."""

from datetime import datetime

from bot.errors import Refused
from bot.policy import Policy
from bot.request import Actor
from bot.rota import Rota


def refusal(policy: Policy, actor: Actor, permission: str) -> Refused | None:
    """Return None where the actor has the permission, else the refusal that names the rule and who may."""
    mine = policy.roles_of(actor.id)
    if any(permission in policy.roles[role].permissions for role in mine):
        return None
    may = tuple(name for name, role in policy.roles.items() if permission in role.permissions)
    have = ", ".join(sorted(mine)) or "none"
    message = f"This needs the permission {permission}, which your roles ({have}) do not have."
    return Refused(message, hint=_who_may(policy, policy.members(may)))


def approver_refusal(policy: Policy, actor: Actor, *, command: str, requester: str) -> Refused | None:
    """Return None where the actor may decide on the requester's plan of this command, else why not."""
    allowed = approvers(policy, command=command, requester=requester)
    if actor.id in allowed:
        return None
    hint = _who_may(policy, allowed)
    if actor.id == requester:
        return Refused(
            "You asked for this, so somebody else has to approve it.", hint=f"{hint} Cancel takes it back.".strip()
        )
    roles = ", ".join(policy.approval(command).approvers)
    return Refused(f"Deciding on {command} needs one of the roles {roles}.", hint=hint)


def approvers(policy: Policy, *, command: str, requester: str) -> tuple[str, ...]:
    """Return the people who may decide on the requester's plan of this command, in the policy's order."""
    members = policy.members(policy.approval(command).approvers)
    return tuple(person for person in members if person != requester)


def may_act_alone(policy: Policy, rota: Rota, command: str, permission: str, now: datetime) -> tuple[str, ...]:
    """Return who may act alone on plans of this command now; ``permission`` is what its changes need.

    Whoever has one of the rule's roles, and whoever is on call at one of its levels and may run the command.
    """
    rule = policy.break_glass
    if command not in rule.commands:
        return ()
    on_call = (person for level in rule.on_call for person in rota.on_call(level, now).people)
    able = (person for person in on_call if refusal(policy, Actor(id=person, name=person), permission) is None)
    return tuple(dict.fromkeys((*policy.members(rule.roles), *able)))


def break_glass_refusal(policy: Policy, actor: Actor, command: str, alone: tuple[str, ...]) -> Refused | None:
    """Return None where the actor may act alone on a plan of this command, else why not; ``alone`` may."""
    rule = policy.break_glass
    if command not in rule.commands:
        return Refused(f"{command} has no break-glass rule, so it needs its approvals.")
    if actor.id in alone:
        return None
    levels = " or ".join(map(str, rule.on_call))
    ways = (
        f"being on call at level {levels} and the permission to run it" if levels else "",
        f"one of the roles {', '.join(rule.roles)}" if rule.roles else "",
    )
    needed = ", or ".join(way for way in ways if way) or "a role, and the policy names none"
    return Refused(f"Breaking the glass needs {needed}.", hint=_who_may(policy, alone))


def _who_may(policy: Policy, people: tuple[str, ...]) -> str:
    return f"Who may: {', '.join(map(policy.name, people)) or 'nobody at present'}."
