"""NovaPulse's configuration in the cluster: the ConfigMap, and the variables set on the deployments themselves."""

import json
from typing import Final, Protocol

from kubernetes.aio import client
from pydantic import Field, JsonValue, SecretStr

from bot.clients.cluster_connection import SYSTEM
from bot.clients.cluster_objects import Anything, Metadata, Object
from bot.clients.cluster_workloads import MANAGER, Body, EnvironmentEntry, TemplateContainer, WorkloadObject, Workloads
from bot.clients.platform_words import KUBERNETES
from bot.errors import PermanentError, Refused, TemporaryError, Unavailable
from bot.masking import CUT_OFF, STARS, mask
from bot.plan import operation

CONFIG_MAP: Final = "novapulse-config"
MERGE: Final = "application/merge-patch+json"
_NOT_FOUND: Final = 404
_CONFLICT: Final = 409
_ATTEMPTS: Final = 5


class Vault(Protocol):
    """Whoever keeps the values that nobody may see."""

    async def value(self, reference: str) -> SecretStr:
        """Return the value; raises Refused where it is no longer kept."""


class ConfigMap(Object):
    """A ConfigMap."""

    metadata: Metadata
    data: dict[str, str] = Field(default_factory=dict)


class Configuration:
    """Reads and changes the configuration; raises as ``Workloads`` does."""

    words: Final = KUBERNETES

    def __init__(self, workloads: Workloads, vault: Vault) -> None:
        self._workloads = workloads
        self._vault = vault

    async def config_map(self) -> ConfigMap:
        """Return NovaPulse's ConfigMap; Unavailable where there is none."""
        found = await self._workloads.connection.ask_or_none(
            ConfigMap,
            lambda api: client.CoreV1Api(api).read_namespaced_config_map_without_preload_content(
                CONFIG_MAP, self._workloads.namespace
            ),
            self._workloads.seconds,
            none_for=_NOT_FOUND,
        )
        if found is None:
            raise Unavailable(SYSTEM, f"there is no ConfigMap {CONFIG_MAP} in namespace {self._workloads.namespace}")
        return found

    def caveats(self, role: str) -> tuple[str, ...]:
        """Return nothing: what is said of a workload is in ``why_ineffective``."""
        self._workloads.name(role)
        return ()

    def why_ineffective(self, found: WorkloadObject, role: str, name: str) -> str:
        """Say why changing a key of the ConfigMap would not reach a workload; empty where it would, with a restart."""
        return why_ineffective(found, role, name)

    def doubts(self, found: WorkloadObject, role: str, name: str) -> tuple[str, ...]:
        """Say what may keep a changed key from reaching a workload."""
        container = found.spec.template.container(role)
        return tuple(
            # A comma after the name: "secrets after" looks as if a secret followed, and would be masked.
            f"{found.metadata.name} reads {source}, after the ConfigMap: where that has {name} too, its value counts."
            for source in overriding(container, name)
        )

    async def container(self, role: str) -> TemplateContainer:
        """Return the container of a workload as its template declares it."""
        return (await self._workloads.read(role)).spec.template.container(role)

    @operation
    async def set_keys(self, values: dict[str, str], expect_uid: str) -> dict[str, JsonValue]:
        """Make the ConfigMap hold these values; does nothing where it does. The pods see them when they start.

        PermanentError where the ConfigMap was made anew, TemporaryError where others keep changing it.
        """
        for _ in range(_ATTEMPTS):
            found = await self.config_map()
            if found.metadata.uid != expect_uid:
                raise PermanentError(f"{CONFIG_MAP} was deleted and made anew since the plan: nothing was done.")
            if values.items() <= found.data.items():
                return {"changed": False}
            if await self._patch(found, values):
                said = ", ".join(f"{name} {found.data.get(name, 'not set')} → {to}" for name, to in values.items())
                return {"changed": True, "message": said}
        raise TemporaryError(f"{CONFIG_MAP} kept changing while it was changed: nothing was done.")

    async def _patch(self, found: ConfigMap, values: dict[str, str]) -> bool:
        body = {"metadata": {"resourceVersion": found.metadata.resource_version}, "data": values}
        answer = await self._workloads.connection.ask_or_none(
            Anything,
            lambda api: client.CoreV1Api(api).patch_namespaced_config_map_without_preload_content(
                CONFIG_MAP, self._workloads.namespace, body, field_manager=MANAGER, _content_type=MERGE
            ),
            self._workloads.seconds,
            none_for=_CONFLICT,
        )
        return answer is not None

    async def exposure(self, role: str) -> tuple[str, ...]:
        """Say who will be able to read a value; Refused while the workload's rollouts are paused."""
        found = await self._workloads.read(role)
        if found.spec.paused:
            raise Refused(f"Rollouts of {found.metadata.name} are paused: the value would not arrive.")
        return ("Whoever may read the deployments in Kubernetes can read the value there; a Secret hides it better.",)

    @operation
    async def set_variable(self, role: str, name: str, reference: str, expect_uid: str) -> dict[str, JsonValue]:
        """Set a variable on a deployment's own container to the value the vault keeps under ``reference``.

        It does nothing where the container has it already. The value is in no error that this raises.
        """
        secret = (await self._vault.value(reference)).get_secret_value()

        def wanted(found: WorkloadObject) -> Body | None:
            container = found.spec.template.container(role)
            if any(entry.name == name and entry.value == secret and not entry.value_from for entry in container.env):
                return None
            # A variable may state a value or where it comes from, never both.
            entry = {"name": name, "value": secret, "valueFrom": None}
            return {"spec": {"template": {"spec": {"containers": [{"name": container.name, "env": [entry]}]}}}}

        try:
            changed = await self._workloads.change(role, expect_uid, wanted)
        except PermanentError as error:
            raise PermanentError(_without(secret, str(error))) from None
        except Unavailable as error:
            raise Unavailable(SYSTEM, _without(secret, error.reason)) from None
        return {"changed": changed is not None, "message": "set" if changed else "was so already"}


def _without(secret: str, said: str) -> str:
    """Return a refusal's words without the value that they may quote: as it is, as JSON writes it, or cut off."""
    quoted = {json.dumps(secret, ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False)}
    written = {form for known in {secret, *quoted} for form in (known, mask(known)) if form}
    for form in sorted(written, key=len, reverse=True):
        said = said.replace(form, STARS)
    kept, mark, note = said.rpartition(CUT_OFF)
    if not mark:
        return said
    # The longest beginning of the value that the words end with, where they were cut off.
    size = max((size for form in written for size in range(len(form) + 1) if kept.endswith(form[:size])), default=0)
    return f"{kept[: len(kept) - size]}{STARS if size else ''}{mark}{note}"


def entry_of(container: TemplateContainer, name: str) -> EnvironmentEntry | None:
    """Return the container's own setting of a variable, which wins over every ConfigMap and Secret; None without."""
    return next((entry for entry in reversed(container.env) if entry.name == name), None)


def origin_of(container: TemplateContainer, name: str) -> str:
    """Say where a variable that the container itself sets comes from; empty where it does not set it."""
    entry = entry_of(container, name)
    if entry is None:
        return ""
    for kind, words in (("secretKeyRef", "Secret"), ("configMapKeyRef", "ConfigMap")):
        source = (entry.value_from or {}).get(kind)
        if source:
            return f"{words} {source.get('name', '?')}"
    return "another source" if entry.value_from else "a value of its own"


def why_ineffective(found: WorkloadObject, role: str, name: str) -> str:
    """Say why changing a key of the ConfigMap would not reach a workload; empty where it would, with a restart."""
    called, container = found.metadata.name, found.spec.template.container(role)
    entry, origin = entry_of(container, name), origin_of(container, name)
    if entry and origin != f"ConfigMap {CONFIG_MAP}":
        return f"{called} takes {name} from {origin}, so that the ConfigMap has no effect: /set-env {role} {name}."
    key = str((entry.value_from or {})["configMapKeyRef"].get("key", "")) if entry else name
    if key != name:
        return f"{called} takes {name} from the key {key} of {origin}, so that changing the key {name} has no effect."
    if not entry and _place(container) is None:
        return f"{called} does not read {name} from the ConfigMap {CONFIG_MAP}, so that changing it has no effect."
    return f"Rollouts of {called} are paused: it would not see the change." if found.spec.paused else ""


def overriding(container: TemplateContainer, name: str) -> tuple[str, ...]:
    """Name what is read after the ConfigMap, and may hold a variable of this name that counts in its place."""
    place = _place(container)
    if entry_of(container, name) or place is None:
        return ()
    later = [found for found in container.env_from[place + 1 :] if name.startswith(found.prefix)]
    named = [("Secret", found.secret_ref) for found in later] + [("ConfigMap", found.config_map_ref) for found in later]
    return tuple(f"{kind} {source.name}" for kind, source in named if source)


def _place(container: TemplateContainer) -> int | None:
    """Return where the ConfigMap is read so that its keys become variables as they are: the last such place."""
    places = [
        place
        for place, found in enumerate(container.env_from)
        if found.config_map_ref and found.config_map_ref.name == CONFIG_MAP and not found.prefix
    ]
    return max(places, default=None)


def sources_of(container: TemplateContainer) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names of the ConfigMaps and of the Secrets whose keys all become variables."""
    maps = tuple(found.config_map_ref.name for found in container.env_from if found.config_map_ref)
    return maps, tuple(found.secret_ref.name for found in container.env_from if found.secret_ref)
