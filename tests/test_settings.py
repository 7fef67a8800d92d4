"""The environment: its names are an interface, and no secret shows."""

import re
from pathlib import Path

import pytest
from pydantic import ValidationError
from pydantic_settings import BaseSettings

from bot import settings as module
from bot.errors import UserError
from bot.settings import PlatformSettings, RedisSettings, ServiceSettings, Settings, SlackSettings, StateSettings

ROOT = Path(__file__).parents[1]
AREAS = [
    area
    for area in vars(module).values()
    if isinstance(area, type) and issubclass(area, BaseSettings) and area.__module__ == module.__name__
]


def variables() -> set[str]:
    fields = [(name, field) for area in AREAS for name, field in area.model_fields.items()]
    return {name.upper() for name, field in fields if not _is_area(field.annotation)}


def _is_area(annotation: object) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseSettings)


def test_an_empty_variable_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_APP_TOKEN", "")
    monkeypatch.setenv("QUEUES", "")
    monkeypatch.setenv("PORT", "")
    assert SlackSettings().slack_app_token is None
    assert SlackSettings().port == 8080
    assert RedisSettings().queues["email"] == "nova-email"


def test_the_queues_are_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUEUES", "email=mails, webhook = hooks ,report,")
    assert RedisSettings().queues == {"email": "mails", "webhook": "hooks", "report": "report"}


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLATFORM", "compose")
    monkeypatch.setenv("STATE_URL", "postgresql://bot:hunter2@db/bot")
    assert PlatformSettings().platform == "compose"
    assert StateSettings().state_url.get_secret_value() == "postgresql://bot:hunter2@db/bot"


@pytest.mark.parametrize(("variable", "value"), [("LOG_LEVEL", "LOUD"), ("METRICS_PORT", "many")])
def test_a_wrong_value_is_refused(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ValidationError, match=variable.lower()):
        ServiceSettings()


def test_a_file_fills_in_what_the_environment_leaves_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("# Slack\nALERTS_CHANNEL=#ops\nexport PORT=9000\nQUEUES=a=b\nREDIS_URL='redis://h/0'\nUNKNOWN=1\n")
    monkeypatch.setenv("PORT", "9001")
    monkeypatch.setenv("QUEUES", "")
    read = Settings(file)
    assert (read.slack.alerts_channel, read.slack.port) == ("#ops", 9001)
    assert read.redis.queues == {"a": "b"}
    assert read.redis.redis_url is not None
    assert Settings().slack.alerts_channel == "#novapulse-alerts"


def test_a_wrong_value_is_named_and_not_shown(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("METRICS_PORT=hunter2\n")
    with pytest.raises(UserError, match=r"METRICS_PORT cannot be used: .*integer") as caught:
        Settings(file)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("content", [b"PORT=\xff\xfe\n"])
def test_a_file_that_is_no_text_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / ".env"
    file.write_bytes(content)
    with pytest.raises(UserError, match="cannot be read"):
        Settings(file)


def test_every_secret_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    secret = re.compile(r"token|secret|password|routing_key|redis_url|mongo_url|smtp_url|state_url")
    for area in AREAS:
        for name, field in area.model_fields.items():
            if secret.search(name):
                assert "SecretStr" in str(field.annotation), name
                monkeypatch.setenv(name.upper(), f"hunter2-{name}")
    shown = [f"{area()!r} {area()}" for area in AREAS]
    assert "hunter2" not in "".join(shown)


def test_the_example_lists_every_variable_and_no_other() -> None:
    text = (ROOT / ".env.example").read_text()
    listed = set(re.findall(r"^#?\s*([A-Z][A-Z0-9_]+)=", text, re.MULTILINE))
    assert listed == variables()
