"""``/runbook``: what this person may run, and everything about one command."""

import pytest

from bot.catalog import Catalog
from bot.errors import UsageError
from bot.policy_file import PolicyFile
from bot.reply import Buttons, Reply
from bot.request import Actor
from commands.administration.runbook import runbook
from tests.commands.said import said


async def ask(catalog: Catalog, policy: PolicyFile, actor: Actor, name: str = "") -> Reply:
    reply = await runbook.handler(name, catalog=catalog, policy=policy, actor=actor)
    assert isinstance(reply, Reply)
    assert reply.private
    return reply


async def test_only_what_this_person_may_run(
    catalog: Catalog, policy: PolicyFile, viewer: Actor, operator: Actor, approver: Actor
) -> None:
    shown = said(await ask(catalog, policy, viewer))
    assert "/queue-stats [queue]" in shown
    assert "/scale-workers" not in shown
    assert "more need roles that you do not have." in shown
    assert "1 more needs a role that you do not have." in said(await ask(catalog, policy, operator))
    assert "/scale-workers <replicas>" in said(await ask(catalog, policy, operator))
    everything = said(await ask(catalog, policy, approver))
    assert all(command.usage in everything for command in catalog.commands.values())
    assert "more need roles" not in everything


async def test_the_runbooks_sections_stand_first(catalog: Catalog, policy: PolicyFile, approver: Actor) -> None:
    shown = said(await ask(catalog, policy, approver)).splitlines()
    sections = [words for words in shown if words in {command.section for command in catalog.commands.values()}]
    assert sections == [*sorted(set(sections) - {"Administration"}), "Administration"]


async def test_a_stranger_sees_nothing(catalog: Catalog, policy: PolicyFile) -> None:
    reply = await ask(catalog, policy, Actor(id="U9", name="eve"))
    assert len(reply.parts) == 1


@pytest.mark.parametrize("name", ["scale-workers", "/scale-workers", "/Scale-Workers"])
async def test_one_command_is_explained(catalog: Catalog, policy: PolicyFile, operator: Actor, name: str) -> None:
    reply = await ask(catalog, policy, operator, name)
    shown = said(reply)
    assert reply.title == "/scale-workers"
    assert "Usage | /scale-workers <replicas> [--deployment api|worker] [--yes-zero]" in shown
    assert "replicas: How many pods to run" in shown
    assert "watched to its end, and for workers the connections" in shown
    assert "--deployment api|worker (worker): Which deployment" in shown
    assert "--yes-zero: 0 is meant" in shown
    assert "/scale-workers 4 --deployment api" in shown
    assert "1 person of Amir Approver, Sana Approver, Otto Oncall, within 30 minutes. Never who asks for it." in shown
    assert "kubectl scale deployment novapulse-worker --replicas=3" in shown
    assert [part for part in reply.parts if isinstance(part, Buttons)]


async def test_the_approvers_do_not_count_who_asks(catalog: Catalog, policy: PolicyFile, approver: Actor) -> None:
    assert "1 person of Sana Approver, Otto Oncall" in said(await ask(catalog, policy, approver, "scale-workers"))


async def test_a_reading_command_needs_no_approval(catalog: Catalog, policy: PolicyFile, viewer: Actor) -> None:
    assert "It only reads: no approval is needed." in said(await ask(catalog, policy, viewer, "health"))


async def test_a_command_one_may_not_run_says_who_may(catalog: Catalog, policy: PolicyFile, viewer: Actor) -> None:
    reply = await ask(catalog, policy, viewer, "scale-workers")
    assert "You may not run it.\n This needs the permission" in said(reply)
    assert "Who may: Olga Operator" in said(reply)
    assert not [part for part in reply.parts if isinstance(part, Buttons)]


async def test_an_unknown_command_has_a_nearest(catalog: Catalog, policy: PolicyFile, viewer: Actor) -> None:
    with pytest.raises(UsageError, match="There is no command “/scale-worker”") as caught:
        await ask(catalog, policy, viewer, "scale-worker")
    assert caught.value.nearest == "/scale-workers"


async def test_a_name_of_any_length_is_said_back_short(catalog: Catalog, policy: PolicyFile, viewer: Actor) -> None:
    with pytest.raises(UsageError, match=r"10,00. characters in all") as caught:
        await ask(catalog, policy, viewer, "x" * 10_000)
    assert len(caught.value.message) < 100
