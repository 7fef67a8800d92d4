"""The one authorization function: the dispatcher, the help, the buttons and the documents all ask here."""

from bot.errors import Refused
from bot.policy import Policy
from bot.request import Actor


def refusal(policy: Policy, actor: Actor, permission: str) -> Refused | None:
    """Return None where the actor has the permission, else the refusal that names the rule and who may."""
    mine = policy.roles_of(actor.id)
    if any(permission in policy.roles[role].permissions for role in mine):
        return None
    may = tuple(name for name, role in policy.roles.items() if permission in role.permissions)
    who = ", ".join(policy.name(person) for person in policy.members(may)) or "nobody at present"
    have = ", ".join(sorted(mine)) or "none"
    return Refused(
        f"This needs the permission {permission}, which your roles ({have}) do not have.", hint=f"Who may: {who}."
    )


def approver_refusal(policy: Policy, actor: Actor, *, command: str, requester: str) -> Refused | None:
    """Return None where the actor may decide on the requester's plan of this command, else why not."""
    rule = policy.approval(command)
    allowed = tuple(person for person in policy.members(rule.approvers) if person != requester)
    if actor.id in allowed:
        return None
    who = ", ".join(policy.name(person) for person in allowed) or "nobody at present"
    if actor.id == requester:
        return Refused("You asked for this, so somebody else has to approve it.", hint=f"Who may: {who}.")
    roles = ", ".join(rule.approvers)
    return Refused(f"Approving {command} needs one of the roles {roles}.", hint=f"Who may: {who}.")
