"""From Slack's payloads to the bot's own words. An id is the same for every delivery of the same payload."""

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from bot.dispatch.parse import split_line
from bot.request import DECISION_ACTIONS, Actor, Decision, Request

Payload = dict[str, Any]
_MENTION: Final = re.compile(r"<@(\w+)(?:\|([^<>]*))?>")
_LABEL_ENDS: Final = re.compile(r"[<>|]")


@dataclass(frozen=True)
class Reader:
    """Reads payloads. ``name_of`` gives a person's name for an id and what Slack calls them."""

    prefix: str
    name_of: Callable[[str, str], str]
    clock: Callable[[], datetime]

    def command(self, body: Payload) -> Request:
        """Read a slash command."""
        typed = "/" + str(body["command"]).lstrip("/").removeprefix(self.prefix.lstrip("/"))
        name, text = split_line(f"{typed} {_MENTION.sub(self._mention, body.get('text') or '')}")
        return Request(
            id=_id("command", body["trigger_id"], body["user_id"]),
            actor=self._actor(body["user_id"], body.get("user_name", "")),
            command=name,
            text=text,
            source="slash",
            channel=body["channel_id"],
            response_url=body.get("response_url", ""),
            received_at=self.clock(),
        )

    def click(self, body: Payload) -> Request | Decision | None:
        """Read a click: a command line (to run, or of a form), a decision, or None where it is neither."""
        action = body["actions"][0]
        kind, value = kind_of(action), str(action.get("value") or "")
        shared: dict[str, Any] = {
            "id": _id("click", action.get("action_ts", ""), _message(body), body["user"]["id"], kind, value),
            "actor": self.actor(body),
            "channel": channel_of(body),
            "received_at": self.clock(),
        }
        if kind in ("run", "form"):
            name, text = split_line(value)
            address = body.get("response_url", "")
            return Request(command=name, text=text, source="button", response_url=address, **shared)
        if kind in DECISION_ACTIONS:
            return Decision.model_validate({"action": kind, "subject": value, **shared})
        return None

    def form(self, body: Payload, arguments: dict[str, Any]) -> Request:
        """Read a filled-in form of a command."""
        kept = metadata(body)
        return Request(
            id=self._view_id(body),
            actor=self.actor(body),
            command=kept["command"],
            arguments=arguments,
            source="form",
            channel=kept["channel"],
            response_url=kept.get("response_url", ""),
            received_at=self.clock(),
        )

    def reason(self, body: Payload, reason: str) -> Decision:
        """Read a decision that was given with its reason."""
        kept = metadata(body)
        return Decision(
            id=self._view_id(body),
            actor=self.actor(body),
            action=kept["action"],
            subject=kept["subject"],
            reason=reason,
            channel=kept["channel"],
            received_at=self.clock(),
        )

    def actor(self, body: Payload) -> Actor:
        """Read who did it."""
        user = body["user"]
        return self._actor(user["id"], user.get("username") or user.get("name") or "")

    def _actor(self, user: str, called: str) -> Actor:
        return Actor(id=user, name=self.name_of(user, called))

    def _mention(self, found: re.Match[str]) -> str:
        """Write the name that the policy has for somebody into what Slack wrote for them."""
        user, called = found.groups()
        name = _LABEL_ENDS.sub(" ", self.name_of(user, called or ""))
        return f"<@{user}|{name}>" if name != user else found[0]

    def _view_id(self, body: Payload) -> str:
        view = body["view"]
        return _id("view", view["id"], view.get("hash") or "", body["user"]["id"])


def kind_of(action: Payload) -> str:
    """Return what a button does: its action id without the number that makes it unique."""
    return str(action["action_id"]).partition(":")[0]


def channel_of(body: Payload) -> str:
    """Return where to answer a click: its channel, or the person's own conversation with the bot."""
    found = body.get("channel") or {}
    return str(found.get("id") or (body.get("container") or {}).get("channel_id") or body["user"]["id"])


def metadata(body: Payload) -> Payload:
    """Return what was put into a form when it was opened."""
    kept: Payload = json.loads(body["view"].get("private_metadata") or "{}")
    return kept


def _message(body: Payload) -> str:
    container = body.get("container") or {}
    return str(container.get("message_ts") or container.get("view_id") or "")


def _id(kind: str, *parts: object) -> str:
    return f"{kind}:" + hashlib.sha256("\x00".join(map(str, parts)).encode("utf-8", "replace")).hexdigest()[:32]
