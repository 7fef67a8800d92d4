"""The mails and the pages, as somebody sees them in the browser while the sandbox runs."""

from collections.abc import AsyncIterator
from email.message import EmailMessage
from pathlib import Path

import aiohttp
import aiosmtplib
import pytest

from sandbox.banner import banner
from sandbox.control import Control
from sandbox.pagerduty import ROUTING_KEY
from sandbox.site import Sandbox, running

NASTY = "<script>alert(1)</script>"
EVENT = {
    "routing_key": ROUTING_KEY,
    "event_action": "trigger",
    "dedup_key": "i1",
    "payload": {"summary": f"Redis is down {NASTY}", "source": "novapulse", "severity": "critical"},
}


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[Sandbox]:
    async with running(tmp_path, parts=["slack", "mail", "pagerduty"]) as found:
        control = Control(found)
        await control.start()
        yield found
        await control.stop()


async def page(sandbox: Sandbox, path: str) -> str:
    async with aiohttp.ClientSession() as http, http.get(sandbox.control_url + path) as answer:
        assert answer.content_type == "text/html"
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
        return await answer.text()


async def send(sandbox: Sandbox, subject: str) -> None:
    assert sandbox.mail is not None
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "bot@novapulse.com", "alerts@novapulse.com", subject
    mail.set_content(f"It began at 03:12 UTC {NASTY}")
    await aiosmtplib.send(mail, hostname="127.0.0.1", port=sandbox.mail.port)


async def test_mails_are_shown_the_newest_first_and_nothing_in_them_runs(sandbox: Sandbox) -> None:
    assert "No mail has come yet" in await page(sandbox, "/mails")
    for subject in ("Redis is unreachable", "Redis answers again"):
        await send(sandbox, subject)
    shown = await page(sandbox, "/mails")
    assert shown.index("Redis answers again") < shown.index("Redis is unreachable")
    assert "alerts@novapulse.com" in shown
    assert "&lt;script&gt;" in shown
    assert "<script>" not in shown


async def test_pages_are_shown_with_how_they_stand(sandbox: Sandbox) -> None:
    assert "Nobody has been paged yet" in await page(sandbox, "/pager")
    for event in (EVENT, EVENT | {"event_action": "acknowledge"}):
        async with aiohttp.ClientSession() as http:
            await (await http.post(f"{sandbox.endpoints['pagerduty']}/v2/enqueue", json=event)).read()
    shown = await page(sandbox, "/pager")
    assert "acknowledged<td>critical<td>Redis is down &lt;script&gt;" in shown
    assert shown.index("<td>acknowledge<td>i1") < shown.index("<td>trigger<td>i1")
    assert "<script>" not in shown


async def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    async with running(tmp_path, parts=[]) as found:
        control = Control(found)
        await control.start()
        assert "no mail server" in await page(found, "/mails")
        assert "no PagerDuty" in await page(found, "/pager")
        await control.stop()


async def test_the_banner_leads_there(sandbox: Sandbox) -> None:
    said = banner(sandbox)
    assert f"{sandbox.control_url}/mails" in said
    assert f"{sandbox.control_url}/pager" in said
