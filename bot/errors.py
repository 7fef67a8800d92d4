"""Everything that can go wrong, as one tree.

::

    BotError
    ├── UserError               a sentence for the person, shown as it is
    │   ├── UsageError          the arguments were wrong; carries the usage line and the nearest match
    │   │   ├── NotFound        they were understood, but nothing of that name is there
    │   │   ├── Incomplete      something has to be said besides
    │   │   └── Conflicting     each was understood, but they do not go together
    │   ├── Refused             the policy, a lock, a freeze or a plan that no longer fits said no
    │   └── NotConfigured       a system has no setting; names the variable
    ├── Unavailable             an outside system is down, slow or forbids us; names the system
    │   ├── TimedOut            it did not answer within its deadline
    │   └── Forbidden           it answered that we may not
    ├── TemporaryError          a step may be tried again
    ├── PermanentError          a step must not be tried again
    ├── InvalidDeclaration      a command or schedule is declared wrongly; raised at import
    └── InvalidPolicy           the policy file is wrong; names the line

Anything else that is raised is unexpected: the person gets an id, and the log has the same id with the stack.
No error may carry a secret in its text: clients mask before they raise (see ``bot.masking``).
"""

from typing import ClassVar


class BotError(Exception):
    """The root of the tree."""


class UserError(BotError):
    """A sentence for the person who asked, shown as it is."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(UserError):
    """The arguments were wrong.

    ``usage`` is the command's usage line, ``nearest`` what was probably meant, ``argument`` the argument's
    name where one is at fault, so that a form can show the message beside the field. The answer stands under
    ``headline``; ``recorded`` is what the audit record calls it.
    """

    headline: ClassVar[str] = "That was not understood"
    recorded: ClassVar[str] = "not understood"

    def __init__(self, message: str, *, usage: str = "", nearest: str = "", argument: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.usage = usage
        self.nearest = nearest
        self.argument = argument


class NotFound(UsageError):
    """What was named is not there; ``nearest`` is what probably was meant."""

    headline = "Not found"
    recorded = "not found"


class Incomplete(UsageError):
    """Something has to be said that was left out."""

    headline = "Something is missing"
    recorded = "incomplete"


class Conflicting(UsageError):
    """What was said is understood, and cannot be done together."""

    headline = "That does not go together"
    recorded = "conflicting"


class Refused(UserError):
    """The policy, a lock, a freeze or a changed plan said no; ``hint`` says who may or what to do."""


class NotConfigured(UserError):
    """A system has no setting; the message names the variable that would configure it."""

    def __init__(self, system: str, variable: str) -> None:
        super().__init__(f"{system} is not configured: set {variable}.")
        self.system = system
        self.variable = variable


class Unavailable(BotError):
    """An outside system is down, slow or answers nonsense.

    ``system`` is its name for people ("Redis"), ``reason`` a clause without secrets ("connection refused").
    """

    def __init__(self, system: str, reason: str) -> None:
        super().__init__(f"{system}: {reason}")
        self.system = system
        self.reason = reason


class TimedOut(Unavailable):
    """A system did not answer within its deadline, given in seconds."""

    def __init__(self, system: str, seconds: float) -> None:
        super().__init__(system, f"no answer within {seconds:g} s")
        self.seconds = seconds


class Forbidden(Unavailable):
    """A system answered that the bot may not do this; ``reason`` says which right is missing."""


class TemporaryError(BotError):
    """A step failed in a way that may pass: it is tried again within its timeout."""


class PermanentError(BotError):
    """A step failed in a way that will not pass: the run ends as failed."""


class InvalidDeclaration(BotError):
    """A command or schedule is declared wrongly; raised while it is imported."""


class InvalidPolicy(BotError):
    """The policy file is wrong; ``line`` is where (1-based), 0 where the file as a whole is meant."""

    def __init__(self, message: str, *, line: int = 0) -> None:
        super().__init__(f"line {line}: {message}" if line else message)
        self.line = line
