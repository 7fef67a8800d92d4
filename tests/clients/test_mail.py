from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr

from bot.clients.mail import Letter
from bot.clients.mail import MailServer as Client
from bot.clients.not_delivered import NotDelivered, retry_after
from bot.errors import NotConfigured, UserError
from bot.settings import PagingSettings
from sandbox.mail import MailServer

LETTER = Letter("a@example.com", "Redis\r\nBcc: b@example.com", "It is down.\n", "m1", "t1", urgent=True)


@pytest.fixture
async def guarded() -> AsyncIterator[MailServer]:
    server = MailServer(login=("nova", "hunter:2/"))
    await server.start()
    yield server
    await server.stop()


def client(url: str, **more: float) -> Client:
    return Client(PagingSettings(smtp_url=SecretStr(url), alerts_email="alerts@novapulse.com"), **more)


async def test_it_logs_in_and_a_subject_from_outside_is_one_line(guarded: MailServer) -> None:
    await client(f"smtp://nova:hunter%3A2%2F@127.0.0.1:{guarded.port}?starttls=never").send(LETTER)
    (mail,) = guarded.inbox
    assert (mail.to, mail.subject, mail.message["Bcc"]) == ("a@example.com", "Redis Bcc: b@example.com", None)
    assert mail.message["Message-ID"] == "<m1@novapulse.com>"
    assert mail.message["References"] == "<t1@novapulse.com>"
    assert mail.message["Importance"] == "high"


async def test_a_login_that_is_refused_is_said_without_the_password(guarded: MailServer) -> None:
    with pytest.raises(NotDelivered) as refused:
        await client(f"smtp://nova:wrong-one@127.0.0.1:{guarded.port}?starttls=never").send(LETTER)
    assert (refused.value.kind, refused.value.error[:3]) == ("refused", "535")
    assert "wrong-one" not in refused.value.error


async def test_a_login_is_not_sent_in_the_clear_unless_asked_to(guarded: MailServer) -> None:
    with pytest.raises(NotDelivered, match="STARTTLS") as refused:
        await client(f"smtp://nova:hunter2@127.0.0.1:{guarded.port}").send(LETTER)
    assert refused.value.kind == "refused"


@pytest.mark.parametrize("url", ["imap://mail", "smtp://", "smtp://mail:99999", "smtp://mail?starttls=perhaps", "mail"])
def test_what_is_no_mail_server_is_refused_without_quoting_it(url: str) -> None:
    with pytest.raises(UserError, match="SMTP_URL cannot be used") as refused:
        client(url)
    assert "perhaps" not in str(refused.value)
    assert "99999" not in str(refused.value)


async def test_without_a_server_it_is_not_configured() -> None:
    with pytest.raises(NotConfigured, match="SMTP_URL"):
        await Client(PagingSettings()).send(LETTER)


@pytest.mark.parametrize(
    ("text", "seconds"), [("7", 7.0), ("0", 1.0), ("", 1.0), ("soon", 1.0), ("nan", 1.0), ("inf", 3600.0)]
)
def test_retry_after_is_a_number_within_reason(text: str, seconds: float) -> None:
    assert retry_after(text) == seconds
