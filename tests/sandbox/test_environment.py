from pathlib import Path

import pytest

from bot.settings import Settings
from sandbox.environment import FILE, bot_environment, write_environment

ENDPOINTS = {
    "slack_api": "http://127.0.0.1:1/api/",
    "api": "http://127.0.0.1:2/api/v1",
    "redis": "redis://127.0.0.1:3/0",
    "mongo": "mongodb://127.0.0.1:4/novapulse?directConnection=true",
    "kubeconfig": "/somewhere/kube config.yaml",
}


def test_the_bot_reads_the_variables_from_the_file_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    variables = bot_environment(ENDPOINTS, tmp_path, 5)
    read = Settings(write_environment(variables, tmp_path))
    assert (tmp_path / FILE).exists()
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    known = Settings()
    assert {area: vars(known)[area] == vars(read)[area] for area in vars(known)} == dict.fromkeys(vars(known), True)
    assert read.slack.alerts_channel == "#novapulse-alerts"
    assert read.platform.kubeconfig == Path(ENDPOINTS["kubeconfig"])


def test_what_does_not_run_is_not_configured(tmp_path: Path) -> None:
    read = Settings(write_environment(bot_environment({}, tmp_path, 5), tmp_path))
    assert read.redis.redis_url is None
    assert read.slack.slack_bot_token is None
