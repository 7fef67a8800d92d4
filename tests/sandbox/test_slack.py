import asyncio
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from sandbox.processes import StartError
from sandbox.slack import CHANNELS, PEOPLE, LocalSlack, configuration


def test_the_people_and_channels_are_the_documented_ones() -> None:
    assert [person.name for person in PEOPLE] == ["operator", "approver", "second_approver", "viewer", "oncall"]
    assert "novapulse-alerts" in [channel.name for channel in CHANNELS]


def test_with_a_request_url_it_delivers_over_http() -> None:
    apps = configuration("http://127.0.0.1:1/slack/events")["apps"]
    assert isinstance(apps, list)
    assert (apps[0]["mode"], apps[0]["requestUrl"]) == ("events", "http://127.0.0.1:1/slack/events")


async def test_a_taken_port_is_said(tmp_path: Path) -> None:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        with pytest.raises(StartError, match=f"port {port} is taken: choose another with SANDBOX_SLACK_PORT"):
            await LocalSlack(tmp_path, port=port).start()
    finally:
        server.close()
        await server.wait_closed()


@pytest.mark.skipif(not Path("/proc/net/tcp6").exists(), reason="reads the kernel's list of listeners")
async def test_it_listens_on_loopback_only(tmp_path: Path) -> None:
    slack = LocalSlack(tmp_path)
    await slack.start()
    try:
        port = f":{urlsplit(slack.url).port or 0:04X}"
        assert [address for address in listeners() if address.endswith(port)] == [f"0100007F{port}"]
    finally:
        await slack.stop()


def listeners() -> list[str]:
    lines = [line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()]
    return [words[1] for words in lines if words[3] == "0A"]
