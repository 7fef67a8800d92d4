"""What the policy file may say: who may do what, who approves, when things run, what is an alert.

``policy.toml`` is the default and the example. An unknown key, role, person or unit is refused with its line.
"""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from bot.alert_rule import AlertRule, Flapping, Inhibition, Link, Notifications
from bot.backup import BackupRule
from bot.duration import Duration
from bot.oncall import Escalation, OnCall
from bot.routing import Receiver, Route, notified
from bot.zone import known_zone

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
# Each field of a cron line: what it is, its numbers, and the names that the first of them have.
_CRON: tuple[tuple[str, range, tuple[str, ...]], ...] = (
    ("minute", range(60), ()),
    ("hour", range(24), ()),
    ("day of month", range(1, 32), ()),
    ("month", range(1, 13), MONTHS),
    ("day of week", range(8), WEEKDAYS),
)
_ADDRESS = re.compile(r"[^\s@,<>\"]+@[^\s@,<>\"]+")
# Slack takes about fifty edits a minute, the cards' among them.
_QUICKEST_SELF_TEST, _RAREST_SELF_TEST = timedelta(seconds=2), timedelta(minutes=10)
_CRON_PART = re.compile(r"(?:\*|(\w+)(?:-(\w+))?)(?:/([1-9]\d*))?", re.ASCII)


def _cron_part(part: str, numbers: range, names: tuple[str, ...]) -> bool:
    """Whether it stands for a time; the week goes round (``fri-mon``), every other range goes up."""
    match = _CRON_PART.fullmatch(part)
    if match is None:
        return False
    named = dict(zip(names, numbers, strict=False))
    ends = [named.get(end, int(end) if end.isdecimal() else -1) for end in match.groups()[:2] if end]
    first, last = (*ends, numbers[-1])[:2] if ends else (numbers[0], numbers[-1])
    goes_up = int(match[3] or 0) <= last - first
    return all(end in numbers for end in ends) and (goes_up or names is WEEKDAYS)


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PersonEntry(_Section):
    """Somebody: the Slack user id is the key. ``console`` is the login name on the machine that runs the console.

    ``email`` and ``phone`` are how ``/oncall`` says to reach them; whoever is called is mailed there too.
    """

    name: str
    email: str = ""
    phone: str = ""
    console: str = ""

    @field_validator("email")
    @classmethod
    def _one_address(cls, value: str) -> str:
        if value and not _ADDRESS.fullmatch(value):
            message = "email has to be one address, such as olga@novapulse.com"
            raise ValueError(message)
        return value


class Role(_Section):
    """A named set of permissions, with those of the roles it includes, and its members by Slack user id."""

    permissions: tuple[str, ...] = ()
    includes: tuple[str, ...] = ()
    members: tuple[str, ...] = ()


class ApprovalRule(_Section):
    """Who decides on a command's plan. ``needed`` people of the ``approvers`` roles, never the requester."""

    approvers: tuple[str, ...] = Field(min_length=1)
    needed: int = Field(default=1, ge=0, le=10)
    approve_within: Duration = timedelta(minutes=30)
    execute_within: Duration = timedelta(minutes=10)
    ask_next: tuple[str, ...] = ()
    ask_next_after: Duration = timedelta(minutes=5)


class BreakGlass(_Section):
    """Who may act alone, with a typed reason, on which commands.

    Whoever has one of the ``roles``; and whoever is on call, at that moment and by the rota, at one of the levels
    ``on_call`` and holds the command's own permission.
    """

    roles: tuple[str, ...] = ()
    on_call: tuple[int, ...] = ()
    commands: tuple[str, ...] = ()


class ScaleLimit(_Section):
    """How far a deployment may be scaled at all, and by how much at once without a warning."""

    maximum: int = Field(ge=1)
    step: int = Field(ge=1)


class ScheduleRule(_Section):
    """When a schedule fires: a cron line in the policy's time zone, or every so often."""

    cron: str = ""
    every: Duration | None = None
    late_within: Duration = timedelta(hours=4)

    @model_validator(mode="after")
    def _one_of_both(self) -> "ScheduleRule":
        if bool(self.cron) == (self.every is not None):
            message = "a schedule has either cron or every"
            raise ValueError(message)
        if self.every is not None and not self.every:
            message = "every has to be longer than 0 s"
            raise ValueError(message)
        return self

    @field_validator("cron")
    @classmethod
    def _five_fields(cls, value: str) -> str:
        fields = value.lower().split()
        if value and len(fields) != len(_CRON):
            message = f"cron is five fields: {', '.join(name for name, _, _ in _CRON)}, such as 0 8 * * mon-fri"
            raise ValueError(message)
        for field, (name, numbers, names) in zip(fields, _CRON, strict=False):
            if not all(_cron_part(part, numbers, names) for part in field.split(",")):
                message = f"cron's {name} cannot be {field}"
                raise ValueError(message)
        return value


class Policy(_Section):
    """The whole file.

    ``console_as_anybody`` lets whoever is at the terminal take anybody's place (``python -m bot run --as NAME``);
    it is for a pretend system. ``second_path`` is the receiver of what is critical and Slack has not confirmed within
    ``second_path_after``. Every ``self_test_every`` (0s: never) the bot edits a message of its own in
    ``self_test_channel`` (empty: the alerts channel) to prove that Slack delivers to it. ``runbook`` is where it can be
    read: the cards' names of its sections become links.
    """

    timezone: str = "UTC"
    console_as_anybody: bool = False
    people: dict[str, PersonEntry]
    roles: dict[str, Role]
    approvals: dict[str, ApprovalRule]
    break_glass: BreakGlass = BreakGlass()
    oncall: OnCall = OnCall()
    escalation: Escalation = Escalation()
    limits: dict[Literal["api", "worker"], ScaleLimit]
    schedules: dict[str, ScheduleRule]
    backups: dict[str, BackupRule] = Field(default_factory=dict)
    runbook: Link = ""
    alerts: tuple[AlertRule, ...]
    inhibitions: tuple[Inhibition, ...] = ()
    notifications: Notifications = Notifications()
    flapping: Flapping = Flapping()
    receivers: dict[str, Receiver] = Field(default_factory=dict)
    routes: tuple[Route, ...] = ()
    second_path: str = ""
    second_path_after: Duration = timedelta(minutes=1)
    self_test_every: Duration = timedelta(minutes=1)
    self_test_channel: str = ""

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        return known_zone(value)

    @field_validator("alerts")
    @classmethod
    def _linked(cls, value: tuple[AlertRule, ...], known: ValidationInfo) -> tuple[AlertRule, ...]:
        return tuple(rule.linked(known.data.get("runbook", "")) for rule in value)

    @field_validator("self_test_every")
    @classmethod
    def _neither_too_often_nor_too_rare(cls, value: timedelta) -> timedelta:
        if value and not _QUICKEST_SELF_TEST <= value <= _RAREST_SELF_TEST:
            message = "self_test_every is 2s at least and 10m at most; 0s switches the test off"
            raise ValueError(message)
        return value

    def approval(self, command: str) -> ApprovalRule:
        """Return the rule for this command, else the one named ``default``; its presence is checked at load."""
        return self.approvals.get(command) or self.approvals["default"]

    def notified(self, labels: Mapping[str, str]) -> Notifications:
        """Return how an alert with these labels is notified."""
        return notified(self.routes, self.notifications, labels)

    def roles_of(self, person: str) -> frozenset[str]:
        """Return the names of the roles this person has, the included ones with them."""
        found: set[str] = set()
        waiting = [name for name, role in self.roles.items() if person in role.members]
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting.extend(self.roles[name].includes)
        return frozenset(found)

    def members(self, roles: tuple[str, ...]) -> tuple[str, ...]:
        """Return the people who have any of these roles, in the file's order."""
        return tuple(person for person in self.people if self.roles_of(person) & set(roles))

    def name(self, person: str) -> str:
        """Return what to call this person; the id where the file does not know them."""
        entry = self.people.get(person)
        return entry.name if entry else person


class PolicyInForce(Protocol):
    """Whoever knows the policy that holds now, which a reload exchanges."""

    @property
    def current(self) -> Policy:
        """The policy as it is now."""
