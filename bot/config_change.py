"""What a plan needs that changes keys of NovaPulse's ConfigMap and restarts what reads them."""

from collections.abc import Mapping
from typing import Final

from pydantic import JsonValue

from bot.plan import Change, Step
from bot.rollout_steps import CHANGE_TIMEOUT

MAP: Final = "novapulse-config"


def changes_of(now: Mapping[str, str], wanted: Mapping[str, str], where: str = MAP) -> tuple[Change, ...]:
    """Return what will be different in the ConfigMap, or in what stands in its place."""
    pairs = ((name, now.get(name, "not set"), value) for name, value in wanted.items())
    return tuple(
        Change(what=f"{name} in {where}", before=was, after=value) for name, was, value in pairs if was != value
    )


def facts_of(now: Mapping[str, str], wanted: Mapping[str, str], uid: str) -> dict[str, JsonValue]:
    """Return what the plan relies on: the ConfigMap itself and what it says now."""
    facts: dict[str, JsonValue] = {"configuration uid": uid}
    return facts | {name: now.get(name, "not set") for name in wanted}


def setting(wanted: Mapping[str, str], uid: str, where: str = MAP) -> Step:
    """Return the step that writes the ConfigMap; on Docker Compose it ends when the containers are made anew."""
    said = ", ".join(f"{name}={value}" for name, value in wanted.items())
    arguments: dict[str, JsonValue] = {"values": dict(wanted), "expect_uid": uid}
    title = f"Set {said} in {where}"
    return Step(title=title, operation="configuration.set_keys", arguments=arguments, timeout=CHANGE_TIMEOUT)
