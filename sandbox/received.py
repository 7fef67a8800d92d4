"""What has reached people by other ways than Slack, as two small pages: the mails, and PagerDuty's incidents."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any, Final

from aiohttp import web

from sandbox.mail import Mail

MAILS: Final = "/mails"
PAGER: Final = "/pager"
_REFRESH: Final = 5  # seconds until the browser looks again
_STYLE: Final = (
    "body{font:15px sans-serif;margin:2em;max-width:60em}td,th{text-align:left;padding:.3em 1em .3em 0;"
    "vertical-align:top}pre{white-space:pre-wrap;background:#f4f4f4;padding:1em}nav a{margin-right:1em}"
)


def mails_page(inbox: Sequence[Mail] | None) -> web.Response:
    """Show the mails, the newest first; None is a sandbox without a mail server."""
    if inbox is None:
        return _page("Mails", "<p>This sandbox has no mail server.</p>")
    shown = [
        f"<h2>{escape(one.subject)}</h2><p>To {escape(one.to)}, {escape(str(one.message['Date']))}</p>"
        f"<pre>{escape(one.text)}</pre>"
        for one in reversed(inbox)
    ]
    return _page("Mails", "".join(shown) or "<p>No mail has come yet.</p>")


def pager_page(incidents: dict[str, dict[str, str]] | None, log: Sequence[dict[str, Any]]) -> web.Response:
    """Show how PagerDuty's incidents stand and what it was told, the newest first; None is one without PagerDuty."""
    if incidents is None:
        return _page("Pages", "<p>This sandbox has no PagerDuty.</p>")
    if not log:
        return _page("Pages", "<p>Nobody has been paged yet.</p>")
    standing = _table(
        ("Status", "Severity", "What"),
        ((one["status"], one["severity"], one["summary"]) for one in reversed(incidents.values())),
    )
    told = _table(
        ("When", "What", "Incident"), ((one["at"], one["event_action"], one["dedup_key"]) for one in reversed(log))
    )
    return _page("Pages", f"{standing}<h2>What PagerDuty was told</h2>{told}")


def _table(names: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = "".join(f"<th>{escape(name)}" for name in names)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}" for cell in row) for row in rows)
    return f"<table><tr>{head}{body}</table>"


def _page(title: str, body: str) -> web.Response:
    head = f'<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="{_REFRESH}">'
    head += f'<title>{escape(title)}</title><style>{_STYLE}</style><nav><a href="{MAILS}">Mails</a>'
    text = f'{head}<a href="{PAGER}">Pages</a></nav><h1>{escape(title)}</h1>{body}'
    # What the bot has sent is outside text: nothing in it may run or load.
    policy = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
    return web.Response(text=text, content_type="text/html", headers=policy)
