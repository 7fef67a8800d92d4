"""Which token Slack takes for what."""

from aiohttp import web

from sandbox.slack import APP_TOKEN, BOT_TOKEN


async def refusal(request: web.Request, method: str) -> str | None:
    """Return the error that Slack gives to this token, None for the right one."""
    token = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if not token and request.content_type != "application/json":
        token = str((await request.post()).get("token", ""))
    if token not in (BOT_TOKEN, APP_TOKEN):
        return "invalid_auth" if token else "not_authed"
    wanted = APP_TOKEN if method == "apps.connections.open" else BOT_TOKEN
    return None if token == wanted else "not_allowed_token_type"
