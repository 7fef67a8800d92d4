"""The environment's names are written down in several places; here they are held against the settings themselves."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import yaml
from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from bot import settings
from sandbox.environment import bot_environment

ROOT = Path(__file__).parents[2]
NAME = re.compile(r"[A-Z]+(?:_[A-Z]+)*")
EXAMPLE = re.compile(r"^(?:# )?([A-Z_]+)=(.*)$", re.MULTILINE)
KUBERNETES = ROOT / "deploy" / "kubernetes"


def fields() -> Iterator[tuple[str, FieldInfo]]:
    for area in vars(settings).values():
        if isinstance(area, type) and issubclass(area, BaseSettings):
            yield from ((name.upper(), field) for name, field in area.model_fields.items())


READ = dict(fields())
SECRET = {name for name, field in READ.items() if "SecretStr" in str(field.annotation)}


def written(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def deployment() -> dict[str, dict[str, Any]]:
    pod = yaml.safe_load((KUBERNETES / "deployment.yaml").read_text())["spec"]["template"]["spec"]
    return {entry["name"]: entry for entry in pod["containers"][0]["env"]}


def secret() -> set[str]:
    """Return the names of the example, with those that stand there as a comment."""
    text = (KUBERNETES / "secret.example.yaml").read_text()
    return set(re.findall(r"^  (?:# )?([A-Z_]+): replace-me$", text, re.MULTILINE))


@pytest.mark.parametrize("name", sorted(READ))
def test_the_example_gives_the_default(name: str) -> None:
    [found] = [value for shown, value in EXAMPLE.findall(written(".env.example")) if shown == name]
    default = READ[name].default
    if isinstance(default, SecretStr):
        default = default.get_secret_value()
    if isinstance(default, dict):
        default = ",".join(f"{short}={name}" for short, name in default.items())
    if name != "SLACK_API_URL":  # an example of a local one, as a comment
        assert found == str(default or "")


def test_the_readme_lists_every_variable() -> None:
    table = written("README.md").partition("## Configuration")[2].partition("\n\n`")[0]
    rows = "".join(line for line in table.splitlines() if line.startswith("| "))
    assert {name for name in re.findall(r"`([^`]+)`", rows) if NAME.fullmatch(name)} == READ.keys()


def test_a_pod_gets_only_what_the_bot_reads() -> None:
    assert deployment().keys() | secret() <= READ.keys()


def test_every_secret_comes_from_a_secret() -> None:
    from_one = {name for name, entry in deployment().items() if "secretKeyRef" in entry.get("valueFrom", {})}
    assert secret() | from_one >= SECRET


def test_the_sandbox_sets_only_what_the_bot_reads(tmp_path: Path) -> None:
    everything = dict.fromkeys(("slack_api", "api", "redis", "mongo", "kubeconfig", "pagerduty", "mail"), "there")
    assert bot_environment(everything, tmp_path, 1).keys() <= READ.keys()


def test_the_pod_may_reach_what_it_is_told_to_use() -> None:
    policy = yaml.safe_load((KUBERNETES / "network-policy.yaml").read_text())["spec"]
    [inwards] = [port["port"] for rule in policy["ingress"] for port in rule["ports"]]
    assert str(inwards) == deployment()["PORT"]["value"]
    outwards = {port["port"] for rule in policy["egress"] for port in rule["ports"]}
    assert outwards == {53, 443, 587, 465, 6443, 6379, 27017, 5432}


def test_no_example_of_a_property_has_a_time_limit() -> None:
    assert hypothesis.settings().deadline is None
