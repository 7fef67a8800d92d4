"""What can be tried in Slack before anybody relies on it, each finding with the way to mend it."""

from typing import Any

import aiohttp
from pydantic import SecretStr
from slack_sdk.web.async_client import AsyncWebClient

from bot.reply import Level, Line
from bot.settings import SlackSettings
from bot.slack.calls import DEADLINE, SlackTrouble, call
from bot.slack.channels import Channels
from bot.slack.manifest import SCOPES


async def check(settings: SlackSettings) -> tuple[Line, ...]:
    """Try the token, its scopes, the alerts channel and the way in; one line each."""
    if settings.slack_bot_token is None:
        return (_bad("Slack token", "not configured: set SLACK_BOT_TOKEN"),)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=DEADLINE)) as session:
        client = _client(settings, settings.slack_bot_token, session)
        try:
            answer = await call(client.auth_test())
        except SlackTrouble as trouble:
            return (_bad("Slack token", f"auth.test: {trouble.error}; check SLACK_BOT_TOKEN and SLACK_API_URL"),)
        return (
            Line(level=Level.OK, label="Slack token", value=f"{answer.get('user')} in {answer.get('team')}"),
            _scopes(answer.headers),
            await _channel(client, settings.alerts_channel),
            await _way_in(settings, session),
        )


def _client(settings: SlackSettings, token: SecretStr, session: aiohttp.ClientSession) -> AsyncWebClient:
    address = settings.slack_api_url
    return AsyncWebClient(token.get_secret_value(), base_url=address, session=session, retry_handlers=[])


def _bad(label: str, problem: str) -> Line:
    return Line(level=Level.CRITICAL, label=label, value=problem)


def _scopes(headers: Any) -> Line:
    granted = {str(name).lower(): str(value) for name, value in dict(headers).items()}.get("x-oauth-scopes")
    if granted is None:
        return Line(level=Level.UNKNOWN, label="Slack scopes", value="Slack did not say which are granted")
    missing = sorted(set(SCOPES) - {scope.strip() for scope in granted.split(",")})
    if missing:
        names = ", ".join(missing)
        return _bad("Slack scopes", f"missing: {names}; paste the manifest again and reinstall the app")
    return Line(level=Level.OK, label="Slack scopes", value=f"all {len(SCOPES)} are granted")


async def _channel(client: AsyncWebClient, channel: str) -> Line:
    label = "Alerts channel"
    try:
        found = await Channels(client).id_of(channel)
        if not found:
            return _bad(label, f"the bot sees no channel {channel}; create it, or invite the bot where it is private")
        info = (await call(client.conversations_info(channel=found)))["channel"]
    except SlackTrouble as trouble:
        return Line(level=Level.UNKNOWN, label=label, value=f"{channel} could not be looked up: {trouble.error}")
    if info.get("is_archived"):
        return _bad(label, f"{channel} is archived")
    if not info.get("is_member"):
        return Line(level=Level.WARNING, label=label, value=f"the bot is not in {channel}: /invite it there")
    return Line(level=Level.OK, label=label, value=f"{channel} is {found}, and the bot is in it")


async def _way_in(settings: SlackSettings, session: aiohttp.ClientSession) -> Line:
    if settings.slack_app_token is None:
        if settings.slack_signing_secret is None:
            return _bad("Slack events", "set SLACK_APP_TOKEN (Socket Mode) or SLACK_SIGNING_SECRET (HTTP)")
        return Line(level=Level.OK, label="Slack events", value=f"signed HTTP on port {settings.port}")
    try:
        token = settings.slack_app_token.get_secret_value()
        client = _client(settings, settings.slack_app_token, session)
        await call(client.apps_connections_open(app_token=token))
    except SlackTrouble as trouble:
        return _bad("Slack events", f"no Socket Mode connection: {trouble.error}; check SLACK_APP_TOKEN")
    return Line(level=Level.OK, label="Slack events", value="a Socket Mode connection can be opened")
