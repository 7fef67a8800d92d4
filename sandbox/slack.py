"""local-slack: the third-party local Slack, started with NovaPulse's people and channels."""

import json
import platform
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from sandbox import processes
from sandbox.programs import HERE, NODE_MODULES

BOT_TOKEN = "xoxb-sandbox-bot"  # noqa: S105 - opens nothing but the local Slack
APP_TOKEN = "xapp-sandbox-app"  # noqa: S105
SIGNING_SECRET = "sandbox-signing-secret"  # noqa: S105
BOT_USER = "U0NOVABOT"
TEAM = "T0NOVAPULSE"


@dataclass(frozen=True)
class Person:
    """Somebody who can act in the local Slack."""

    id: str
    name: str
    real_name: str
    email: str


@dataclass(frozen=True)
class Channel:
    """A public channel with everybody in it."""

    id: str
    name: str
    topic: str


PEOPLE = (
    Person("U0OPERATOR", "operator", "Olu Operator", "operator@novapulse.com"),
    Person("U0APPROVER", "approver", "Ana Approver", "approver@novapulse.com"),
    Person("U0APPROVER2", "second_approver", "Sam Second", "second.approver@novapulse.com"),
    Person("U0VIEWER", "viewer", "Vera Viewer", "viewer@novapulse.com"),
    Person("U0ONCALL", "oncall", "Oki Oncall", "oncall@novapulse.com"),
)
CHANNELS = (
    Channel("C0ALERTS", "novapulse-alerts", "What needs somebody now"),
    Channel("C0OPS", "ops", "Operations"),
    Channel("C0GENERAL", "general", "Everybody"),
)


def configuration(request_url: str | None = None) -> dict[str, object]:
    """Return local-slack's configuration; with a request URL it delivers signed HTTP instead of Socket Mode.

    Slash commands need no declaration: whatever begins with a slash in its composer goes to the app.
    """
    members = [person.id for person in PEOPLE] + [BOT_USER]
    app = {
        "appId": "A0NOVAPULSE",
        "botUserId": BOT_USER,
        "botName": "novapulse",
        "botToken": BOT_TOKEN,
        "appToken": APP_TOKEN,
        "signingSecret": SIGNING_SECRET,
        "mode": "events" if request_url else "socket",
    }
    if request_url:
        app["requestUrl"] = request_url
    return {
        "workspace": {"name": "NovaPulse (sandbox)", "domain": "novapulse-sandbox", "teamId": TEAM},
        "apps": [app],
        "users": [{**vars(person), "tz": "Europe/Berlin"} for person in PEOPLE],
        "channels": [{**vars(channel), "members": members} for channel in CHANNELS],
    }


def program_path() -> Path:
    """Return local-slack's program for this machine; raises ``StartError`` when it is not installed."""
    machine = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64"}.get(platform.machine().lower())
    system = {"linux": "linux", "darwin": "darwin"}.get(sys.platform)
    path = NODE_MODULES / f"local-slack-{system}-{machine or platform.machine()}" / "bin" / "local-slack"
    if not path.exists():
        raise processes.StartError(f"{path} is missing: run `npm ci --ignore-scripts` in {HERE}")
    return path


class LocalSlack:
    """The running local-slack; ``url`` is the page for people, which has the control API below ``/_control``."""

    def __init__(self, directory: Path, *, port: int = 0, request_url: str | None = None) -> None:
        self.directory = directory
        self.url = ""
        self._port = port
        self._request_url = request_url
        self._process: processes.Process | None = None

    async def start(self) -> None:
        """Start it and learn its port; raises ``StartError``, for one when the port is taken."""
        files = self.directory / "files"
        files.mkdir(parents=True, exist_ok=True)
        config = self.directory / "workspace.json"
        config.write_text(json.dumps(configuration(self._request_url), indent=2), encoding="utf-8")
        words = ["--config", str(config), "--port", str(self._port)]
        words += ["--base-host", "127.0.0.1", "--files-dir", str(files)]
        environment = {"BUN_OPTIONS": f"--preload={HERE / 'node' / 'loopback.js'}"}
        program = processes.Program("local-slack", (str(program_path()), *words), "Web UI:", environment)
        try:
            write = processes.to_file(self.directory / "local-slack.log")
            self._process = await processes.start(program, on_line=write)
        except processes.StartError as error:
            if "EADDRINUSE" not in str(error):
                raise
            text = f"port {self._port} is taken: choose another with SANDBOX_SLACK_PORT"
            raise processes.StartError(text) from error
        found = re.search(r"http://\S+", self._process.ready_line)
        self.url = found.group() if found else ""

    async def stop(self) -> None:
        """Stop it; it forgets its messages."""
        if self._process is not None:
            await self._process.stop()
            self._process = None
