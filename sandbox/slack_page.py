"""What a person does on local-slack's page: type commands, press buttons, fill forms, read.

It listens on the page's own WebSocket, so that waiting for something is waiting for an event. Messages are kept as the
page would show them: in order, edited in place, deleted ones gone.
"""

import asyncio
import json
from collections.abc import Callable
from typing import Any, Self, TypeVar

import aiohttp

from sandbox.slack import CHANNELS, PEOPLE

Message = dict[str, Any]
View = dict[str, Any]
T = TypeVar("T")


class SlackPage:
    """A client of a running local-slack; open it with ``async with SlackPage(url) as page``."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self.channels: dict[str, list[Message]] = {}
        self.views: list[View] = []
        self.view_errors: dict[str, str] = {}
        self.homes: dict[str, dict[str, View]] = {}
        self.socket_connected = False
        self._changed = asyncio.Condition()
        self._http: aiohttp.ClientSession | None = None
        self._events: aiohttp.ClientWebSocketResponse | None = None
        self._reader: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession()
        self._events = await self._http.ws_connect(f"{self.url}/ui", max_msg_size=0)
        self._apply(await self._events.receive_json())
        self._reader = asyncio.create_task(self._read(self._events), name="page events")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.wait([self._reader])
        if self._events is not None:
            await self._events.close()
        if self._http is not None:
            await self._http.close()

    async def command(self, user: str, channel: str, text: str) -> None:
        """Type a slash command, for example ``/queue-stats email``; returns when the app has acknowledged it."""
        name, _, arguments = text.partition(" ")
        body = {"user": user_id(user), "channel": channel_id(channel), "command": name, "text": arguments.strip()}
        await self._control("command", body)

    async def say(self, user: str, channel: str, text: str, *, thread: str | None = None) -> None:
        """Post a message as a person."""
        body = {"user": user_id(user), "channel": channel_id(channel), "text": text}
        await self._control("message", body | ({"thread_ts": thread} if thread else {}))

    async def press(self, user: str, channel: str, message: Message | str, action: dict[str, Any]) -> None:
        """Press a button (or choose in a menu) of a message: ``action`` is the element, as ``button`` returns it.

        Returns when the app has acknowledged; an element that is no longer shown can be pressed too, as from a page
        that has not been refreshed.
        """
        ts = message if isinstance(message, str) else message["ts"]
        body = {"user": user_id(user), "channel": channel_id(channel), "messageTs": ts, "action": action}
        await self._control("interact", body)

    async def submit(self, user: str, values: dict[str, dict[str, Any]]) -> None:
        """Submit the form on top: ``values[block_id][action_id]`` is the element's state, as Slack's payload has it."""
        await self._tell({"t": "view_submit", "user": user_id(user), "values": values})

    async def close_form(self, user: str) -> None:
        """Close the form on top without submitting it."""
        await self._tell({"t": "view_close", "user": user_id(user)})

    async def open_home(self, user: str) -> None:
        """Open the app's home tab."""
        await self._control("open-home", {"user": user_id(user)})

    async def reset(self) -> None:
        """Forget all messages."""
        await self._control("reset", {})

    async def log(self) -> list[dict[str, Any]]:
        """Return the last 1,000 entries of the traffic between local-slack and the app."""
        if self._http is None:
            raise RuntimeError("the page is not open")
        async with self._http.get(f"{self.url}/_control/log") as answer:
            found: list[dict[str, Any]] = (await answer.json())["log"]
            return found

    def messages(self, channel: str) -> list[Message]:
        """Return the messages of a channel, by its name or id, or of a person's conversation with the app."""
        return list(self.channels.get(channel_id(channel), ()))

    async def wait_for(self, look: Callable[[], T | None], *, seconds: float = 30.0, what: str = "") -> T:
        """Return what ``look`` finds, asking it again after each event; raises ``TimeoutError`` naming ``what``."""
        try:
            async with asyncio.timeout(seconds), self._changed:
                while not (found := look()):
                    await self._changed.wait()
                return found
        except TimeoutError:
            raise TimeoutError(f"nothing like this on the page within {seconds:g} s: {what or look}") from None

    async def wait_message(
        self, channel: str, wanted: Callable[[Message], bool] | str, *, seconds: float = 30.0
    ) -> Message:
        """Return the newest message that fits, waiting for it; a text fits a message that shows it."""
        fits = wanted if callable(wanted) else (lambda message: wanted in shown_text(message))
        what = "a message" if callable(wanted) else repr(wanted)

        def look() -> Message | None:
            return next((message for message in reversed(self.messages(channel)) if fits(message)), None)

        return await self.wait_for(look, seconds=seconds, what=f"{what} in {channel}")

    async def wait_view(self, *, seconds: float = 10.0) -> View:
        """Return the form on top, waiting until there is one."""
        return await self.wait_for(lambda: self.views[-1] if self.views else None, seconds=seconds, what="a form")

    async def wait_connected(self, *, seconds: float = 30.0) -> None:
        """Return once the app has a Socket Mode connection."""
        await self.wait_for(lambda: self.socket_connected or None, seconds=seconds, what="the app's connection")

    async def _control(self, action: str, body: dict[str, Any]) -> None:
        if self._http is None:
            raise RuntimeError("the page is not open")
        async with self._http.post(f"{self.url}/_control/{action}", json=body) as answer:
            result = await answer.json()
        if not result.get("ok"):
            raise ValueError(f"local-slack refused {action}: {result.get('error')}")

    async def _tell(self, event: dict[str, Any]) -> None:
        if self._events is None:
            raise RuntimeError("the page is not open")
        await self._events.send_str(json.dumps(event))

    async def _read(self, events: aiohttp.ClientWebSocketResponse) -> None:
        async for message in events:
            async with self._changed:
                self._apply(json.loads(message.data))
                self._changed.notify_all()

    def _apply(self, event: dict[str, Any]) -> None:
        kind = event.pop("t")
        if kind == "init":
            state = event["state"]
            self.channels = state["messages"]
            self.views = state["modalStack"]
            self.homes = state["homeViews"]
            self.socket_connected = any(app["connected"] for app in state["apps"])
        elif kind == "message":
            self.channels.setdefault(event["message"]["channel"], []).append(event["message"])
        elif kind == "message_update":
            self._replace(event["message"])
        elif kind == "message_delete":
            kept = [message for message in self.channels.get(event["channel"], ()) if message["ts"] != event["ts"]]
            self.channels[event["channel"]] = kept
        else:
            self._apply_rest(kind, event)

    def _apply_rest(self, kind: str, event: dict[str, Any]) -> None:
        if kind == "view":
            self.views = event["stack"]
            self.view_errors = {}
        elif kind == "view_errors":
            self.view_errors = event["errors"] or {}
        elif kind == "home":
            self.homes.setdefault(event["user"], {})[event["appId"]] = event["view"]
        elif kind == "socket_status":
            self.socket_connected = event["connected"]
        elif kind == "channel":
            self.channels.setdefault(event["channel"]["id"], [])

    def _replace(self, message: Message) -> None:
        messages = self.channels.setdefault(message["channel"], [])
        for index, known in enumerate(messages):
            if known["ts"] == message["ts"]:
                messages[index] = message


def user_id(name: str) -> str:
    """Return the id of a person, given the name or the id."""
    return next((person.id for person in PEOPLE if person.name == name), name)


def channel_id(name: str) -> str:
    """Return the id of a channel, given the name (with or without ``#``) or the id."""
    return next((channel.id for channel in CHANNELS if channel.name == name.removeprefix("#")), name)


def shown_text(message: Message) -> str:
    """Return all text a message shows: its own and that of its blocks."""
    return "\n".join([message.get("text") or "", *_texts(message.get("blocks") or [])])


def buttons(message: Message) -> list[dict[str, Any]]:
    """Return the interactive elements of a message, each with its ``block_id``."""
    found = []
    for block in message.get("blocks") or []:
        elements = [*block.get("elements", ()), *([block["accessory"]] if "accessory" in block else [])]
        found += [element | {"block_id": block.get("block_id")} for element in elements if "action_id" in element]
    return found


def button(message: Message, wanted: str) -> dict[str, Any]:
    """Return the element whose label or action id is ``wanted``; raises ``LookupError`` listing what is there."""
    there = buttons(message)
    for element in there:
        if wanted in (element["action_id"], (element.get("text") or {}).get("text")):
            return _clean(element)
    labels = [(element.get("text") or {}).get("text") or element["action_id"] for element in there]
    raise LookupError(f"no {wanted!r} among {labels}")


def _clean(element: dict[str, Any]) -> dict[str, Any]:
    return {name: element[name] for name in ("type", "action_id", "block_id", "value", "text") if name in element}


def _texts(node: object) -> list[str]:
    if isinstance(node, dict):
        own = [value for name, value in node.items() if name in ("text", "alt_text") and isinstance(value, str)]
        return own + [text for value in node.values() if not isinstance(value, str) for text in _texts(value)]
    if isinstance(node, list):
        return [text for item in node for text in _texts(item)]
    return []
