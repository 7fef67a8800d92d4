"""What a person gets to read for each way a request can end."""

from dataclasses import dataclass
from typing import Final

from bot.errors import Forbidden, NotConfigured, Refused, TimedOut, Unavailable, UsageError, UserError
from bot.reply import Code, Level, Note, Part, Reply, Text, say
from bot.request import Decision, Request
from bot.sentence import sentence
from bot.stores.requests import Status

_REASON_LIMIT: Final = 300
_PAST: Final = {
    "approve": "approved this",
    "deny": "denied this",
    "cancel": "cancelled this",
    "break_glass": "started this alone",
}


@dataclass(frozen=True)
class Answer:
    """How a request ended, for the record and, unless the plan's card says it already, for the person."""

    status: Status
    outcome: str
    reply: Reply | None
    plan_id: str = ""

    @property
    def said(self) -> Reply:
        """What the person gets to read, or the outcome where there is nothing more to say."""
        return self.reply or say(self.outcome)


def done(reply: Reply) -> Answer:
    """Answer with what the handler said."""
    return Answer("done", reply.title, reply)


def repeated(decision: Decision, so_far: str) -> Answer:
    """Say that this person has decided so before, and how things stand."""
    past = _PAST[decision.action]
    reply = say(f"You have already {past}", Text.of(so_far), private=True)
    return Answer("done", f"had {past} before", reply, plan_id=decision.subject)


def refused(error: UserError) -> Answer:
    """Say what was wrong, how it would be right, and what was probably meant; only the person sees it."""
    parts: list[Part] = [Text.of(error.message)]
    if error.hint:
        parts.append(Note.of(error.hint))
    if isinstance(error, UsageError):
        if error.nearest:
            parts.append(Text.of("Did you mean ", Code(text=error.nearest), "?"))
        if error.usage:
            parts.append(Text.of("Usage: ", Code(text=error.usage)))
    # On record, a typing error is not to be taken for something that somebody may not do.
    outcome = f"{error.recorded}: {error.message}" if isinstance(error, UsageError) else error.message
    return Answer("refused", outcome, say(_title(error), *parts, private=True))


def _title(error: UserError) -> str:
    if isinstance(error, UsageError):
        return error.headline
    if isinstance(error, NotConfigured):
        return "Not configured"
    return "Refused" if isinstance(error, Refused) else "Not possible"


def unavailable(error: Unavailable) -> Answer:
    """Say which system does not serve, and why; that is an unknown, not a bad result."""
    what = "does not let the bot do this" if isinstance(error, Forbidden) else "cannot be reached"
    if isinstance(error, TimedOut):
        what = "does not answer"
    reply = say(
        f"{error.system} {what}",
        Text.of(sentence(error.reason[:1].upper() + error.reason[1:])),
        Note.of("Nothing was changed. What could not be read is unknown."),
        level=Level.UNKNOWN,
    )
    return Answer("failed", str(error)[:_REASON_LIMIT], reply)


def failed(error_id: str) -> Answer:
    """Say that something went wrong that nobody foresaw, and under which name the log has it."""
    reply = say(
        "Something went wrong",
        Text.of("This is a fault of the bot. Its log has the details under ", Code(text=error_id), "."),
        Note.of("/approvals and /runs show whether anything was started."),
        level=Level.CRITICAL,
        private=True,
    )
    return Answer("failed", f"unexpected error {error_id}", reply)


def too_old(item: Request | Decision) -> Reply:
    """Say that something was asked for before an outage and is not done any more."""
    what = item.command if isinstance(item, Request) else f"The click on {item.action}"
    return say(
        f"{what} came too long ago",
        Text.of("The bot was not running when it could have been handled, so it was not done. Please ask again."),
        level=Level.WARNING,
    )
