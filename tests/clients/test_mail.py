import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
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


LOGIN = ("nova", "hunter2")
TLS = pytest.mark.parametrize(("scheme", "wrapped"), [("smtp", False), ("smtps", True)], ids=["starttls", "smtps"])


def certified(directory: Path, name: x509.GeneralName, *, days: int = 1) -> tuple[ssl.SSLContext, Path]:
    """Make a certificate for this name that signs itself; return the server's side, and the file to trust."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail")])
    built = x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
    built = built.not_valid_before(now - timedelta(days=2)).not_valid_after(now + timedelta(days=days))
    built = built.add_extension(x509.SubjectAlternativeName([name]), critical=False)
    signed = built.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True).sign(
        key, hashes.SHA256()
    )
    plain = serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    trusted, secret = directory / "trusted.pem", directory / "key.pem"
    trusted.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(trusted, secret)
    return context, trusted


ADDRESS = x509.IPAddress(ip_address("127.0.0.1"))


@asynccontextmanager
async def secured(tls: ssl.SSLContext | None, *, wrapped: bool) -> AsyncIterator[MailServer]:
    server = MailServer(login=LOGIN, tls=tls, wrapped=wrapped)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


@TLS
async def test_over_tls_it_logs_in_and_delivers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheme: str, wrapped: bool
) -> None:
    tls, trusted = certified(tmp_path, ADDRESS)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    async with secured(tls, wrapped=wrapped) as server:
        await client(f"{scheme}://nova:hunter2@127.0.0.1:{server.port}").send(LETTER)
    assert ([mail.over_tls for mail in server.inbox], server.logins) == ([True], [True])


@TLS
@pytest.mark.parametrize("login", ["nova:hunter2@", ""])
async def test_a_certificate_that_nobody_knows_is_refused_and_nothing_is_sent(
    tmp_path: Path, scheme: str, wrapped: bool, login: str
) -> None:
    tls, _ = certified(tmp_path, ADDRESS)
    async with secured(tls, wrapped=wrapped) as server:
        with pytest.raises(NotDelivered) as refused:
            await client(f"{scheme}://{login}127.0.0.1:{server.port}").send(LETTER)
    assert refused.value.kind == "refused"
    assert refused.value.error == "the mail server's certificate is refused, nothing was sent: self-signed certificate"
    assert (server.inbox, server.logins, server.tried) == ([], [], 0)


@TLS
async def test_a_certificate_of_another_name_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheme: str, wrapped: bool
) -> None:
    tls, trusted = certified(tmp_path, x509.DNSName("mail.example.com"))
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    async with secured(tls, wrapped=wrapped) as server:
        with pytest.raises(NotDelivered, match=r"is refused, nothing was sent: .*mismatch.*127\.0\.0\.1") as refused:
            await client(f"{scheme}://nova:hunter2@127.0.0.1:{server.port}").send(LETTER)
    assert (refused.value.kind, server.inbox, server.logins) == ("refused", [], [])


async def test_a_certificate_that_is_over_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tls, trusted = certified(tmp_path, ADDRESS, days=-1)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    async with secured(tls, wrapped=True) as server:
        with pytest.raises(NotDelivered, match="certificate has expired"):
            await client(f"smtps://127.0.0.1:{server.port}").send(LETTER)


@pytest.mark.parametrize("asked", ["", "?starttls=always", "?starttls=auto"])
async def test_a_login_goes_over_tls_only(guarded: MailServer, asked: str) -> None:
    with pytest.raises(NotDelivered, match="STARTTLS") as refused:
        await client(f"smtp://nova:hunter%3A2%2F@127.0.0.1:{guarded.port}/{asked}").send(LETTER)
    assert (refused.value.kind, guarded.logins, guarded.inbox) == ("refused", [], [])


async def test_tls_on_a_port_without_it_says_so_and_sends_nothing(guarded: MailServer) -> None:
    with pytest.raises(NotDelivered, match="TLS handshake failed") as failed:
        await client(f"smtps://nova:hunter2@127.0.0.1:{guarded.port}").send(LETTER)
    assert (failed.value.kind, guarded.logins, guarded.inbox) == ("temporary", [], [])
