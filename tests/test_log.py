import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from bot.log import set_up


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_a_record_is_one_line_of_json_with_its_secrets_masked(capsys: pytest.CaptureFixture[str]) -> None:
    set_up("INFO", "json")
    structlog.get_logger("bot.test").info("connected", url="redis://:hunter2@redis:6379/0")
    record = json.loads(capsys.readouterr().err)
    assert record["event"] == "connected"
    assert record["level"] == "info"
    assert "hunter2" not in record["url"]


def test_the_traceback_of_a_library_is_masked_too(capsys: pytest.CaptureFixture[str]) -> None:
    set_up("INFO", "json")
    try:
        int("mongodb://ops:hunter2@mongo/admin")
    except ValueError:
        logging.getLogger("some.library").exception("failed for xoxb-1234567890-abcdefghij")
    record = json.loads(capsys.readouterr().err)
    assert "ValueError" in record["exception"]
    assert "hunter2" not in json.dumps(record)
    assert "xoxb-1234567890-abcdefghij" not in json.dumps(record)


def test_people_get_lines_without_colours_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    set_up("INFO", "console")
    structlog.get_logger("bot.test").info("ready", port=8080)
    line = capsys.readouterr().err
    assert "ready" in line
    assert "\x1b[" not in line
