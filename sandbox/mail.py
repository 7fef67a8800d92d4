"""A pretend mail server with an inbox: real SMTP on loopback, every mail kept in the order it came."""

import asyncio
import ssl
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, Literal, cast

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from sandbox.failing import Failing
from sandbox.ports import free_port

Trouble = Literal["", "451", "550", "hang", "lose-reply"]
_SAID = {"451": "451 4.7.1 Try again later", "550": "550 5.1.1 No such person here"}


@dataclass(frozen=True)
class Mail:
    """One mail as it came, and whether over TLS."""

    to: str
    message: EmailMessage
    over_tls: bool = False

    @property
    def subject(self) -> str:
        """What it is about."""
        return str(self.message["Subject"])

    @property
    def text(self) -> str:
        """What it says."""
        return str(self.message.get_content())

    def plain(self) -> dict[str, str]:
        """Return it for a person to read."""
        names = ("From", "Subject", "Date", "Message-ID", "References")
        return {"To": self.to, **{name: str(self.message[name]) for name in names}, "text": self.text}


class MailServer(Failing[Trouble]):
    """The server; ``fail`` says how it fails, for so many mails or until it is mended.

    With ``tls`` it offers STARTTLS, or begins with TLS where it is ``wrapped`` as on port 465.
    """

    def __init__(
        self, *, login: tuple[str, str] | None = None, tls: ssl.SSLContext | None = None, wrapped: bool = False
    ) -> None:
        super().__init__()
        self.inbox: list[Mail] = []
        self.logins: list[bool] = []  # whether each came over TLS
        self.tried = 0
        self.arrived = asyncio.Condition()
        self.port = 0
        self._login, self._tls, self._wrapped = login, tls, wrapped
        self._server: asyncio.Server | None = None
        self._open: set[Any] = set()

    @property
    def url(self) -> str:
        """What ``SMTP_URL`` has to be."""
        return f"smtp://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Listen, on the port it had before or on a free one."""
        if self._server is None:
            self.port = self.port or free_port()
            wrapping = self._tls if self._wrapped else None
            loop = asyncio.get_running_loop()
            self._server = await loop.create_server(self._made, "127.0.0.1", self.port, ssl=wrapping)

    async def stop(self) -> None:
        """Refuse new connections and drop the open ones."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
            for one in list(self._open):
                if one.transport is not None:
                    one.transport.abort()
            await server.wait_closed()

    async def down(self, on: bool) -> None:
        """Refuse connections, or take them again."""
        await (self.stop() if on else self.start())

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        """Take a mail, or fail as asked."""
        if self._login and not session.authenticated:
            return "530 5.7.0 Log in first"
        trouble = self.next_trouble()
        try:
            if trouble in _SAID:
                return _SAID[trouble]
            if trouble == "hang":
                await asyncio.sleep(3600)
            content = envelope.content if isinstance(envelope.content, bytes) else b""
            message = message_from_bytes(content, policy=policy.default)
            self.inbox.extend(Mail(to, message, _over_tls(server)) for to in envelope.rcpt_tos)
            if trouble == "lose-reply" and server.transport is not None:
                cast("asyncio.Transport", server.transport).abort()
            return "250 2.0.0 Taken"
        finally:
            async with self.arrived:
                self.tried += 1
                self.arrived.notify_all()

    def _made(self) -> SMTP:
        authenticator = self._authenticated if self._login else None
        made = SMTP(
            self,
            hostname="mail.sandbox",
            loop=asyncio.get_running_loop(),
            authenticator=authenticator,
            auth_require_tls=False,
            tls_context=None if self._wrapped else self._tls,
        )
        self._open = {one for one in self._open if one.transport is not None} | {made}
        return made

    def _authenticated(self, server: SMTP, _session: Session, _envelope: Envelope, _how: str, data: Any) -> AuthResult:
        self.logins.append(_over_tls(server))
        given = (data.login.decode(), data.password.decode()) if isinstance(data, LoginPassword) else None
        return AuthResult(success=given == self._login, handled=False)


def _over_tls(server: SMTP) -> bool:
    transport = cast("asyncio.Transport | None", server.transport)
    return transport is not None and transport.get_extra_info("sslcontext") is not None
