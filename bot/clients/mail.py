"""Mail through the server of ``SMTP_URL``: smtp:// with STARTTLS where there is a login, or smtps://."""

import asyncio
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formataddr, formatdate
from typing import Final
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

import aiosmtplib

from bot.clients.deadline import reason
from bot.clients.not_delivered import NotDelivered
from bot.errors import NotConfigured, UserError
from bot.masking import STARS, cut, mask
from bot.settings import PagingSettings

WITHIN: Final = 15.0  # seconds for one mail in all
_SUBJECT: Final = 200
_PERMANENT: Final = 500
_START_TLS: Final[dict[str, bool | None]] = {"always": True, "auto": None, "never": False}


@dataclass(frozen=True)
class Letter:
    """One mail: ``message_id`` is the same in each repeat, ``thread`` in each mail of one incident."""

    to: str
    subject: str
    text: str
    message_id: str
    thread: str
    urgent: bool = False


class MailServer:
    """Hands mails to one server; raises UserError for an ``SMTP_URL`` that is none."""

    def __init__(self, settings: PagingSettings, *, within: float = WITHIN) -> None:
        self._url = _read(settings.smtp_url.get_secret_value()) if settings.smtp_url else None
        self._from = settings.alerts_email
        self._within = within

    @property
    def is_configured(self) -> bool:
        """Whether there is a server."""
        return self._url is not None

    async def send(self, letter: Letter) -> None:
        """Return when the server has taken the mail; raises NotDelivered and NotConfigured."""
        if self._url is None:
            raise NotConfigured("Mail", "SMTP_URL")
        url, message = self._url, self._message(letter)
        try:
            async with asyncio.timeout(self._within):
                await aiosmtplib.send(
                    message,
                    hostname=url.hostname,
                    port=url.port,
                    username=unquote(url.username) if url.username else None,
                    password=unquote(url.password) if url.password else None,
                    use_tls=url.scheme == "smtps",
                    start_tls=_start_tls(url),
                    local_hostname="novapulse-bot",
                    timeout=self._within,
                )
        except TimeoutError as error:
            is_before = isinstance(error, aiosmtplib.SMTPConnectTimeoutError)
            raise NotDelivered(
                "temporary" if is_before else "doubtful", f"no answer within {self._within:g} s"
            ) from None
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            raise self._sorted(error) from None

    def _message(self, letter: Letter) -> EmailMessage:
        domain = self._from.rpartition("@")[2] or "novapulse-bot"
        message = EmailMessage()
        message["From"] = formataddr(("NovaPulse bot", self._from))
        message["To"] = letter.to
        message["Subject"] = cut(" ".join(letter.subject.split()), _SUBJECT)
        message["Date"] = formatdate(usegmt=True)
        message["Message-ID"] = f"<{letter.message_id}@{domain}>"
        message["In-Reply-To"] = message["References"] = f"<{letter.thread}@{domain}>"
        message["Auto-Submitted"] = "auto-generated"
        if letter.urgent:
            message["Importance"] = "high"
            message["X-Priority"] = "1"
        message.set_content(letter.text)
        return message

    def _sorted(self, error: Exception) -> NotDelivered:
        """Sort a failure; the server's own words stay, the login does not."""
        if (refused := _certificate_error(error)) is not None:
            why = self._clean(refused.verify_message)
            return NotDelivered("refused", f"the mail server's certificate is refused, nothing was sent: {why}")
        if isinstance(error, aiosmtplib.SMTPRecipientsRefused) and error.recipients:
            error = error.recipients[0]
        if isinstance(error, aiosmtplib.SMTPResponseException):
            words = f"{error.code} {self._clean(error.message)}"
            return NotDelivered("refused" if error.code >= _PERMANENT else "temporary", words)
        # The library has no kind of its own for a server without STARTTLS; nothing was sent to it.
        if isinstance(error, aiosmtplib.SMTPNotSupported | ValueError) or type(error) is aiosmtplib.SMTPException:
            return NotDelivered("refused", self._clean(str(error)))
        if isinstance(error, aiosmtplib.SMTPConnectError):
            return NotDelivered("temporary", self._clean(reason(error.__cause__ or error)))
        return NotDelivered("doubtful", self._clean(reason(error)))

    def _clean(self, text: str) -> str:
        for secret in (self._url.password, unquote(self._url.password or "")) if self._url else ():
            text = text.replace(secret, STARS) if secret else text
        return cut(" ".join(mask(text).split()), 200)


def _certificate_error(error: BaseException) -> ssl.SSLCertVerificationError | None:
    """Return what was wrong with the server's certificate, bare after STARTTLS and wrapped where TLS comes first."""
    found = (one for one in (error, error.__cause__) if isinstance(one, ssl.SSLCertVerificationError))
    return next(found, None)


def _read(text: str) -> SplitResult:
    try:
        url = urlsplit(text)
        is_one = url.scheme in ("smtp", "smtps") and bool(url.hostname) and url.port != 0
    except ValueError:
        is_one = False
    if not is_one or _asked(url) not in ("", *_START_TLS):
        raise UserError(
            "SMTP_URL cannot be used: write smtp://user:password@host:587 or smtps://user:password@host:465.",
            hint="Behind a question mark may stand starttls=always, starttls=auto or starttls=never.",
        )
    return url


def _asked(url: SplitResult) -> str:
    return parse_qs(url.query).get("starttls", [""])[0]


def _start_tls(url: SplitResult) -> bool | None:
    """Return aiosmtplib's word: a login is not sent over a connection that anybody may read unless it says never.

    "auto" would do so wherever somebody on the way hides that the server offers STARTTLS.
    """
    if url.scheme == "smtps":
        return False
    asked = _asked(url) or "auto"
    return _START_TLS["always" if url.username and asked != "never" else asked]
