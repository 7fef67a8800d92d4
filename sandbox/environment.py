"""The environment of a bot that works on the sandbox (the names are those of the bot's settings)."""

from collections.abc import Mapping
from pathlib import Path

from sandbox.api.accounts import ADMIN
from sandbox.cluster.objects import API, NAMESPACE, WORKER
from sandbox.pagerduty import ROUTING_KEY
from sandbox.programs import HERE
from sandbox.slack import APP_TOKEN, BOT_TOKEN, SIGNING_SECRET

POLICY = HERE / "policy.toml"
FILE = "bot.env"  # in the sandbox's directory, for `python -m bot --env-file`


def bot_environment(
    endpoints: Mapping[str, str], directory: Path, bot_port: int, policy: Path = POLICY
) -> dict[str, str]:
    """Return the variables for the parts that run; those of a part that does not run are left out."""
    state = directory / "state"
    state.mkdir(parents=True, exist_ok=True)
    found = {
        "STATE_URL": f"sqlite:///{state / 'novapulse-bot.db'}",
        "POLICY_FILE": str(policy),
        "PORT": str(bot_port),
        "LOG_FORMAT": "console",
    }
    if "slack_api" in endpoints:
        found |= {
            "SLACK_BOT_TOKEN": BOT_TOKEN,
            "SLACK_APP_TOKEN": APP_TOKEN,
            "SLACK_SIGNING_SECRET": SIGNING_SECRET,
            "SLACK_API_URL": endpoints["slack_api"],
            "ALERTS_CHANNEL": "#novapulse-alerts",
        }
    if "api" in endpoints:
        found["NOVAPULSE_API_URL"] = endpoints["api"]
        found |= {"NOVAPULSE_EMAIL": ADMIN.email, "NOVAPULSE_PASSWORD": ADMIN.password}
    if "pagerduty" in endpoints:
        found |= {"PAGERDUTY_ROUTING_KEY": ROUTING_KEY, "PAGERDUTY_API_URL": endpoints["pagerduty"]}
    if "mail" in endpoints:
        found |= {"SMTP_URL": endpoints["mail"], "ALERTS_EMAIL": "alerts@novapulse.com"}
    if "redis" in endpoints:
        found["REDIS_URL"] = endpoints["redis"]
    if "mongo" in endpoints:
        found["MONGO_URL"] = endpoints["mongo"]
    if "kubeconfig" in endpoints:
        found |= {"PLATFORM": "kubernetes", "KUBECONFIG": endpoints["kubeconfig"], "KUBE_NAMESPACE": NAMESPACE}
        found |= {"API_DEPLOYMENT": API, "WORKER_DEPLOYMENT": WORKER, "REDIS_STATEFULSET": "redis"}
    return found


def write_environment(environment: Mapping[str, str], directory: Path) -> Path:
    """Write the variables as a file that the bot's command line reads, and return its path."""
    path = directory / FILE
    path.write_text("".join(f"{name}='{value}'\n" for name, value in environment.items()), encoding="utf-8")
    return path
