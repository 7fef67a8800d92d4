"""``/set-env``: a plan to set a variable on deployments; its value is asked for in a form and never shown."""

import re
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, JsonValue

from bot.attempt import together
from bot.clients.cluster_autoscalers import from_git
from bot.clients.cluster_configuration import origin_of, sources_of
from bot.clients.cluster_revisions import REVISION
from bot.clients.cluster_workloads import WorkloadObject
from bot.clients.platform import Configuring, WorkloadReading
from bot.clients.platform_words import Words
from bot.command import command
from bot.errors import UsageError
from bot.plan import Change, Plan, Step, Undo
from bot.rollout_steps import CHANGE_TIMEOUT, connected, healthy, rolled_out
from bot.stores.vault import Vault

_Which = Literal["api", "worker", "both"]
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_Found = dict[str, WorkloadObject]


def _variable(name: str) -> str:
    if not _NAME.fullmatch(name):
        rule = "consists of letters, digits and _, at most 128, and does not begin with a digit"
        message = f"a variable's name {rule}"
        raise ValueError(message)
    return name


@command(
    "/set-env",
    permission="deployments:configure",
    section="Emergency Procedures",
    runbook=(
        'kubectl set env deployment/novapulse-api \\\n  MONGO_URI="mongodb://new-primary:27017/novapulse" -n novapulse',
    ),
    examples=("/set-env both MONGO_URI", "/set-env api LOG_LEVEL"),
)
async def set_env(
    deployment: Annotated[_Which, Field(description="Which deployment; both changes them together")],
    name: Annotated[str, AfterValidator(_variable), Field(description="The variable, such as MONGO_URI")],
    value: Annotated[
        str, Field(max_length=3000, description="The value; nobody is shown it", json_schema_extra={"secret": True})
    ] = "",
    *,
    workloads: WorkloadReading,
    configuration: Configuring,
    vault: Vault,
) -> Plan:
    """Set an environment variable on the API, the workers or both; a form asks for the value.

    At the terminal a hidden prompt or standard input gives it. It is sealed until it is used, then forgotten, and in no
    card, plan or record. A deployment that is left behind and a Secret that is overridden are said.
    """
    if not value:
        raise UsageError("A form asks for the value in Slack, and a hidden prompt at the terminal.", argument="value")
    fingerprint = await vault.fingerprint(value)
    names = ("api", "worker")
    read: _Found = dict(zip(names, await together(*(workloads.read(role) for role in names)), strict=True))
    found = {role: one for role, one in read.items() if deployment in (role, "both")}
    said = await together(*(configuration.exposure(role) for role in found))
    undo, words = _undo(found), workloads.words
    return Plan(
        title=f"Set {name} on {' and '.join(one.metadata.name for one in found.values())}",
        target=(targets := [f"{words.workload}/{one.metadata.name}" for one in found.values()])[0],
        also=tuple(targets[1:]),
        changes=tuple(
            Change(what=f"{name} of {one.metadata.name}", before=_origin(role, one, name), after="the new value")
            for role, one in found.items()
        ),
        facts=_facts(found, name, fingerprint),
        steps=_steps(found, name, value, words),
        undo=undo,
        no_undo="" if undo else _no_undo(found),
        offers=(f"/set-env both {name}",) if _left_behind(read, found) else (),
        blast_radius=tuple(f"Every {words.pod} of {one.metadata.name} is {words.replaced}." for one in found.values()),
        warnings=(*_warnings(read, found, name), *dict.fromkeys(words for each in said for words in each)),
    )


def _facts(found: _Found, name: str, fingerprint: str) -> dict[str, JsonValue]:
    facts: dict[str, JsonValue] = {"value (fingerprint)": fingerprint}
    for role, one in found.items():
        facts |= {f"{role} uid": one.metadata.uid, f"{role} now": _origin(role, one, name)}
        facts[f"{role} revision"] = one.metadata.annotations.get(REVISION, "unknown")
    return facts


def _origin(role: str, found: WorkloadObject, name: str) -> str:
    return origin_of(found.spec.template.container(role), name) or "not set"


def _steps(found: _Found, name: str, reference: str, words: Words) -> tuple[Step, ...]:
    set_all = tuple(
        Step(
            title=f"Set {name} on {one.metadata.name}",
            operation="configuration.set_variable",
            arguments={"role": role, "name": name, "reference": reference, "expect_uid": one.metadata.uid},
            timeout=CHANGE_TIMEOUT,
        )
        for role, one in found.items()
    )
    forget = Step(title="Forget the value", operation="vault.forget", arguments={"reference": reference})
    waits = tuple(rolled_out(role, one.metadata.name, words) for role, one in found.items())
    pods = {role: one.spec.replicas for role, one in found.items()}
    verified = (healthy(),) if pods.get("api") else ()
    return (*set_all, forget, *waits, *verified, *((connected(pods["worker"]),) if pods.get("worker") else ()))


def _undo(found: _Found) -> Undo | None:
    """Return the way back: the revision before, whose template holds what was set before."""
    (role, one), *others = found.items()
    revision = one.metadata.annotations.get(REVISION, "")
    if others or not revision.isdecimal():
        return None
    return Undo(
        title=f"Back to revision {revision}",
        command="/rollback",
        arguments={"deployment": role, "to_revision": int(revision)},
        expects={"uid": one.metadata.uid, "revision": int(revision)},
    )


def _no_undo(found: _Found) -> str:
    if any(one.metadata.annotations.get(REVISION) for one in found.values()):
        return "each goes back on its own, with /rollback api and /rollback worker"
    return "nothing keeps the former value: set that again"


def _left_behind(read: _Found, found: _Found) -> list[str]:
    return [one.metadata.name for role, one in read.items() if role not in found]


def _warnings(read: _Found, found: _Found, name: str) -> tuple[str, ...]:
    warnings: list[str] = []
    for role, one in found.items():
        warnings += from_git(one.metadata)
        container, called = one.spec.template.container(role), one.metadata.name
        origin, (maps, secrets) = origin_of(container, name), sources_of(container)
        if origin.startswith(("Secret", "ConfigMap")):
            warnings.append(f"{called} takes {name} from {origin}; the value set here overrides it from now on.")
        elif not origin and (maps or secrets):
            sources = [f"ConfigMap {each}" for each in maps] + [f"Secret {each}" for each in secrets]
            words = f"{called} also takes every key of {' and '.join(sources)}"
            warnings.append(f"{words}. Where {name} is one of them, it is overridden. The bot may not read Secrets.")
    if left := _left_behind(read, found):
        warnings.append(
            f"{left[0]} is left behind with what it has now; /set-env both {name} asks for the value of both."
        )
    return tuple(warnings)
