"""The environment, read once at the root and handed on in parts.

The variables' names are an interface: design.md section 7 lists them, ``.env.example`` repeats them.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from bot.errors import UserError


class _Area(BaseSettings):
    """One area of the environment; an empty variable counts as not set."""

    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore", frozen=True)


class SlackSettings(_Area):
    """How to reach Slack."""

    slack_bot_token: SecretStr | None = None
    slack_app_token: SecretStr | None = None
    slack_signing_secret: SecretStr | None = None
    slack_api_url: str = "https://slack.com/api/"
    alerts_channel: str = "#novapulse-alerts"
    command_prefix: str = ""
    port: int = 8080

    @property
    def sealing_key(self) -> SecretStr | None:
        """What the values that nobody may see are sealed with; None where no form could have asked for one."""
        return self.slack_signing_secret or self.slack_bot_token


class ApiSettings(_Area):
    """How to reach and log in to the NovaPulse API."""

    novapulse_api_url: str = "https://api.novapulse.com/api/v1"
    novapulse_email: str | None = None
    novapulse_password: SecretStr | None = None
    novapulse_totp_secret: SecretStr | None = None
    novapulse_token: SecretStr | None = None


class RedisSettings(_Area):
    """How to reach NovaPulse's Redis and what its queues are called."""

    redis_url: SecretStr | None = None
    queue_prefix: str = "bull"
    queues: Annotated[dict[str, str], NoDecode] = Field(
        default={
            "email": "nova-email",
            "webhook": "nova-webhook",
            "workflow": "nova-workflow",
            "report": "nova-report",
        },
        description="short name -> name in Redis, written `email=nova-email,webhook=nova-webhook`",
    )

    @field_validator("queues", mode="before")
    @classmethod
    def _read_pairs(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        pairs = [entry.partition("=") for entry in value.split(",") if entry.strip()]
        return {short.strip(): (name or short).strip() for short, _, name in pairs}


class MongoSettings(_Area):
    """How to reach NovaPulse's MongoDB."""

    mongo_url: SecretStr | None = None


class PlatformSettings(_Area):
    """Where NovaPulse runs: a namespace of Kubernetes, or a project of Docker Compose on one Docker Engine."""

    platform: Literal["kubernetes", "compose"] = "kubernetes"
    kubeconfig: Path | None = None
    kube_namespace: str = "novapulse"
    api_deployment: str = "novapulse-api"
    worker_deployment: str = "novapulse-worker"
    redis_statefulset: str = "redis"
    compose_file: Path | None = Field(default=None, description="several are written file:file, as Compose does")
    compose_project: str | None = None
    docker_host: str | None = None
    docker_tls_verify: str | None = None
    docker_cert_path: str | None = None

    @property
    def docker_environment(self) -> dict[str, str]:
        """How to reach the engine, in the variables that Docker's own programs and library read."""
        names = ("docker_host", "docker_tls_verify", "docker_cert_path")
        return {name.upper(): value for name in names if (value := getattr(self, name)) is not None}


class StateSettings(_Area):
    """Where the bot keeps its own state and its policy."""

    state_url: SecretStr = SecretStr("sqlite:///state/novapulse-bot.db")
    policy_file: Path = Path("policy.toml")


class PagingSettings(_Area):
    """The ways of an alert besides Slack, and who outside watches the bot itself."""

    pagerduty_routing_key: SecretStr | None = None
    pagerduty_api_url: str = "https://events.pagerduty.com"
    smtp_url: SecretStr | None = None
    alerts_email: str = "alerts@novapulse.com"
    deadman_url: SecretStr | None = Field(default=None, description="pinged every minute while the bot is well")


class ServiceSettings(_Area):
    """How the bot itself is watched."""

    metrics_port: int | None = None
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["console", "json"] = "console"


class Settings:
    """Every area, read at once: the environment, and for what that leaves out the lines of ``env_file``.

    Raises UserError for a value that cannot be (naming the variable, never the value) and for an unreadable file.
    """

    def __init__(self, env_file: Path | None = None) -> None:
        try:
            self.slack = SlackSettings(_env_file=env_file)
            self.api = ApiSettings(_env_file=env_file)
            self.redis = RedisSettings(_env_file=env_file)
            self.mongo = MongoSettings(_env_file=env_file)
            self.platform = PlatformSettings(_env_file=env_file)
            self.state = StateSettings(_env_file=env_file)
            self.paging = PagingSettings(_env_file=env_file)
            self.service = ServiceSettings(_env_file=env_file)
        except ValidationError as error:
            raise UserError(_sentence(error)) from None  # the original quotes the value
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"{env_file} cannot be read ({type(error).__name__}).") from None


def _sentence(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    variable = ".".join(str(part) for part in first["loc"]).upper()
    return f"{variable} cannot be used: {first['msg']}."
