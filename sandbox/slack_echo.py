"""What Slack tells an app of the app's own edits, which local-slack tells only of people's.

An app that subscribes to ``message.channels`` gets ``message_changed`` for every ``chat.update``, its own as well.
"""

import contextlib
import json
import secrets
import time
from typing import Any

import aiohttp
from aiohttp import web
from slack_sdk.signature import SignatureVerifier

from sandbox.slack import SIGNING_SECRET, TEAM

SLACK_WAITS = 3.0  # seconds for an answer
Payload = dict[str, Any]


def message_changed(answer: web.StreamResponse) -> Payload | None:
    """Return the event that follows from this answer to ``chat.update``; None where nothing was edited."""
    told = json.loads(answer.text or "{}") if isinstance(answer, web.Response) else {}
    if not told.get("ok"):
        return None
    now = time.time()
    event = {"type": "message", "subtype": "message_changed", "hidden": True, "channel": told["channel"]}
    event |= {"ts": f"{now:.6f}", "event_ts": f"{now:.6f}", "message": told["message"]}
    outer = {"type": "event_callback", "team_id": TEAM, "event_id": f"Ev{secrets.token_hex(6)}"}
    return outer | {"event": event, "event_time": int(now)}


def enveloped(payload: Payload) -> Payload:
    """Return the payload as it comes over a socket."""
    return {"type": "events_api", "envelope_id": secrets.token_hex(16), "payload": payload}


async def posted(client: aiohttp.ClientSession, url: str, payload: Payload) -> None:
    """Post the payload with Slack's signature; an app that is not there, or is slow, misses it."""
    body, now = json.dumps(payload), str(int(time.time()))
    signature = SignatureVerifier(SIGNING_SECRET).generate_signature(timestamp=now, body=body) or ""
    headers = {"X-Slack-Request-Timestamp": now, "X-Slack-Signature": signature, "Content-Type": "application/json"}
    within = aiohttp.ClientTimeout(total=SLACK_WAITS)
    with contextlib.suppress(aiohttp.ClientError, TimeoutError):
        async with client.post(url, data=body, headers=headers, timeout=within) as answer:
            await answer.read()
