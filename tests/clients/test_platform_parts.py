"""Every command finds what it asks for on both platforms, or the sentence why not."""

from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from bot.catalog import load
from bot.clients.cluster import Cluster
from bot.clients.compose import Compose
from bot.clients.platform import Configuring, Platform, PodChanging, PodReading, Restarting, WorkloadReading
from bot.clients.platform_parts import by_type, platform_parts
from bot.dispatch.dependencies import Dependencies
from bot.dispatch.operations import Operations
from bot.errors import Refused
from bot.plan import Step, kind_of
from bot.request import Actor, Request
from bot.settings import PlatformSettings, RedisSettings

NOW = datetime(2026, 7, 1, 9, tzinfo=UTC)
PROTOCOLS: tuple[type, ...] = (Platform, WorkloadReading, PodReading, PodChanging, Restarting, Configuring)


class NoVault:
    async def value(self, reference: str) -> SecretStr:
        raise Refused(f"{reference} is not kept")


async def parts(stack: AsyncExitStack, settings: PlatformSettings) -> dict[str, object]:
    return platform_parts(stack, (settings, RedisSettings()), NoVault(), clock=lambda: NOW)


@pytest.fixture
def compose_settings() -> PlatformSettings:
    return PlatformSettings(platform="compose", compose_project="novapulse", docker_host="tcp://127.0.0.1:9")


async def test_both_platforms_fill_the_same_places_with_the_same_methods(
    compose_settings: PlatformSettings, tmp_path: Path
) -> None:
    async with AsyncExitStack() as stack:
        kubernetes = await parts(stack, PlatformSettings(kubeconfig=tmp_path / "none"))
        compose = await parts(stack, compose_settings)
        assert kubernetes.keys() == compose.keys()
        ours, theirs = by_type(compose), by_type(kubernetes)
        assert isinstance(ours[Platform], Compose)
        assert isinstance(theirs[Platform], Cluster)
        for protocol in PROTOCOLS:
            for name in (name for name in vars(protocol) if not name.startswith("_")):
                methods = [getattr(found[protocol], name) for found in (ours, theirs)]
                assert len({kind_of(method) for method in methods}) == 1, f"{protocol.__name__}.{name}"


@pytest.mark.parametrize("platform", ["kubernetes", "compose"])
async def test_every_command_finds_what_it_asks_of_the_platform(
    platform: str, compose_settings: PlatformSettings, tmp_path: Path
) -> None:
    settings = compose_settings if platform == "compose" else PlatformSettings(kubeconfig=tmp_path / "none")
    async with AsyncExitStack() as stack:
        found = by_type(await parts(stack, settings))
        # What other rooms provide is of no interest here.
        rest = {kind: object() for kind in _asked_for() if kind not in found and "platform" not in kind.__module__}
        Dependencies({**rest, **found}).check(load())


async def test_what_compose_cannot_do_is_said(compose_settings: PlatformSettings) -> None:
    request = Request(id="r", actor=Actor(id="U", name="u"), command="/rollback", received_at=NOW)
    async with AsyncExitStack() as stack:
        systems = await parts(stack, compose_settings)
        rollback = load().commands["/rollback"]
        found: dict[type, object] = {kind: object() for kind in _asked_for()}
        with pytest.raises(Refused, match="keeps no rollout history") as caught:
            Dependencies(found | by_type(systems)).resolve(rollback.dependencies, request, NOW)
        assert "docker compose up -d" in caught.value.hint
        with pytest.raises(Refused, match="keeps no rollout history"):
            Operations(systems).find(Step(title="t", operation="revisions.roll_back"))


def _asked_for() -> set[type]:
    catalog = load()
    asked = [one.dependencies for one in catalog.commands.values()]
    asked += [one.dependencies for one in catalog.schedules.values()]
    return {kind for each in asked for kind in each.values() if isinstance(kind, type)}
