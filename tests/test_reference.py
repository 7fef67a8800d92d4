"""The command reference: everything declared is in it, and the one in docs/ is current."""

from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import Field

from bot.catalog import Catalog, load
from bot.command import command
from bot.plan import Plan
from bot.policy import Policy
from bot.policy_file import PolicyFile
from bot.reference import PATH, reference
from bot.reply import Reply, say
from bot.schedule import schedule

ROOT = Path(__file__).parents[1]


@command("/scale", permission="workers:scale", section="Zebras", runbook=("kubectl scale",), examples=("/scale 5",))
async def scale(
    to: Annotated[int, Field(description="How many | or few")],
    which: Annotated[Literal["a", "b"], Field(description="Which")] = "a",
    yes: Annotated[bool, Field(description="Sure")] = False,
    note: Annotated[str, Field(description="Why")] = "",
) -> Plan:
    """Scale.

    Slowly.
    """
    raise AssertionError((to, which, yes, note))


@command("/look", permission="things:read", section="Administration")
async def look() -> Reply:
    """Look."""
    return say("looked")


@schedule("morning")
async def morning() -> Reply:
    """Say good morning."""
    return say("good morning")


CATALOG = Catalog({"/look": look, "/scale": scale}, {"morning": morning})


def policy(needed: int = 2, schedules: dict[str, dict[str, str]] | None = None) -> Policy:
    return Policy.model_validate(
        {
            "people": {},
            "roles": {
                "viewer": {"permissions": ["things:read"]},
                "operator": {"includes": ["viewer"]},
                "chief": {"includes": ["operator"]},
            },
            "approvals": {"default": {"approvers": ["chief"], "needed": needed}},
            "limits": {},
            "schedules": schedules or {},
            "alerts": [],
        }
    )


def test_everything_that_is_declared_is_in_it() -> None:
    text = reference(CATALOG, policy(schedules={"morning": {"cron": "0 8 * * *"}}))
    assert text.index("## Zebras") < text.index("## Administration")
    for part in (
        "/scale <to> [--which a|b] [--yes] [note]",
        "| `--to` | required | How many \\| or few |",
        "| `--which` | `a` or `b`, `a` when left out | Which |",
        "| `--yes` | flag | Sure |",
        "| `--note` | optional | Why |",
        "Slowly.",
        "Examples: `/scale 5`",
        "kubectl scale",
        "(roles: none). It changes something: 2 people of chief must approve, never who asked.",
        "Permission: `things:read` (roles: viewer, operator, chief). It only reads.",
        "| `morning` | `0 8 * * *` | Say good morning. |",
    ):
        assert part in text


@pytest.mark.parametrize(
    ("schedules", "said"), [({}, "never: the policy does not name it"), ({"morning": {"every": "5m"}}, "every 300 s")]
)
def test_when_a_schedule_fires(schedules: dict[str, dict[str, str]], said: str) -> None:
    assert f"| `morning` | {said} |" in reference(CATALOG, policy(schedules=schedules))


def test_no_approval_is_said_too() -> None:
    assert "the policy asks for no approval" in reference(CATALOG, policy(needed=0))
    assert "1 person of chief" in reference(CATALOG, policy(needed=1))


def test_the_one_in_the_documents_is_current() -> None:
    catalog = load()
    current = reference(catalog, PolicyFile(ROOT / "policy.toml", catalog).current)
    assert (ROOT / PATH).read_text() == current, "run `python -m bot docs`"
