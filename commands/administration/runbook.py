"""``/runbook``: the help, by the runbook's sections."""

from itertools import groupby
from typing import Annotated

from pydantic import Field

from bot import access
from bot.catalog import Catalog
from bot.command import Command, Parameter, command
from bot.errors import NotFound
from bot.nearest import shown
from bot.policy import Policy
from bot.policy_file import PolicyFile
from bot.reply import Bold, Button, Buttons, Code, Fields, Log, Note, Part, Reply, Text, say
from bot.request import Actor


@command(
    "/runbook",
    permission="runbook:read",
    section="Administration",
    examples=("/runbook", "/runbook scale-workers"),
)
async def runbook(
    name: Annotated[str, Field(description="Explain this command")] = "",
    *,
    catalog: Catalog,
    policy: PolicyFile,
    actor: Actor,
) -> Reply:
    """Show what you may run here, by the runbook's sections, or explain one command."""
    if name:
        return _explained(_found(catalog, name), policy.current, actor)
    mine = [c for c in catalog.commands.values() if access.refusal(policy.current, actor, c.permission) is None]
    parts: list[Part] = []
    for section, commands in groupby(sorted(mine, key=_order), key=lambda c: c.section):
        entries = (span for c in commands for span in ("\n", Code(text=c.usage), f"\n{_sentence(c, policy.current)}"))
        parts.append(Text.of(Bold(text=section), *entries))
    hidden = len(catalog.commands) - len(mine)
    needs = "needs a role" if hidden == 1 else "need roles"
    more = f" {hidden} more {needs} that you do not have." if hidden else ""
    parts.append(Note.of("Explained in full by ", Code(text="/runbook <command>"), f".{more}"))
    return say("The runbook: what you may run here", *parts, private=True)


def _order(declared: Command) -> tuple[bool, str, str]:
    """The runbook's own sections stand first, the bot's last."""
    return declared.section == "Administration", declared.section, declared.name


def _found(catalog: Catalog, name: str) -> Command:
    wanted = "/" + name.lstrip("/").lower()
    if wanted not in catalog.commands:
        message = f"There is no command {shown(wanted)}."
        raise NotFound(message, usage="/runbook [name]", nearest=catalog.nearest(wanted), argument="name")
    return catalog.commands[wanted]


def _explained(declared: Command, policy: Policy, actor: Actor) -> Reply:
    parts: list[Part] = [Text.of(declared.description)]
    if declared.details:
        # A docstring's lines end where the source's do, which is no place to end one here.
        parts += [Text.of(" ".join(paragraph.split())) for paragraph in declared.details.split("\n\n")]
    parts.append(
        Fields(pairs=(("Usage", declared.usage), ("Permission", ", and for a change ".join(declared.permissions))))
    )
    if declared.parameters:
        parts.append(
            Text.of(Bold(text="Arguments"), *(f"\n{_argument(parameter)}" for parameter in declared.parameters))
        )
    if declared.examples:
        parts.append(Text.of(Bold(text="Examples"), *_codes(declared.examples)))
    parts.append(Text.of(Bold(text="Approval"), f"\n{_who_approves(declared, policy, actor)}"))
    if declared.runbook:
        parts += [
            Text.of(Bold(text=f"In the runbook, under {declared.section}")),
            Log(text="\n".join(declared.runbook)),
        ]
    refused = access.refusal(policy, actor, declared.permission)
    if refused:
        parts.append(Text.of(Bold(text="You may not run it."), f" {refused.message} {refused.hint}"))
    elif any(parameter.required for parameter in declared.parameters):
        button = Button(label=f"Open {declared.name}", action="form", value=declared.name)
        parts.append(Buttons(buttons=(button,)))
    return say(declared.name, *parts, private=True)


def _codes(examples: tuple[str, ...]) -> list[Code | str]:
    return [span for example in examples for span in ("\n", Code(text=example))]


def _argument(parameter: Parameter) -> str:
    default = "" if parameter.required or parameter.is_flag or not parameter.default else f" ({parameter.default})"
    typed = f"{parameter.option} {'|'.join(parameter.choices)}".strip() if parameter.choices else parameter.option
    return f"{typed if not parameter.required else parameter.name}{default}: {parameter.description}"


def _sentence(declared: Command, policy: Policy) -> str:
    needs_approval = declared.changes and policy.approval(declared.name).needed
    return f"{declared.description} Needs an approval." if needs_approval else declared.description


def _who_approves(declared: Command, policy: Policy, actor: Actor) -> str:
    if not declared.changes:
        return "It only reads: no approval is needed."
    rule = policy.approval(declared.name)
    if not rule.needed:
        return "None is needed."
    others = [policy.name(person) for person in policy.members(rule.approvers) if person != actor.id]
    people = "person" if rule.needed == 1 else "people"
    minutes = rule.approve_within.total_seconds() / 60
    return (
        f"{rule.needed} {people} of {', '.join(others) or 'nobody at present'}, within {minutes:g} minutes. "
        "Never who asks for it."
    )
