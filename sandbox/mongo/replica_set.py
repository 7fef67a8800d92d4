"""The set that the stand-in belongs to: three members, of which only itself is real."""

from collections.abc import Callable
from datetime import datetime, timedelta

from bson.int64 import Int64
from bson.timestamp import Timestamp

from sandbox.mongo.query import CommandError, Document

NAME = "rs0"
_OTHERS = ("novapulse-mongo-1:27017", "novapulse-mongo-2:27017")
_FIRST_TERM = 3


class ReplicaSet:
    """Its primary is this member, which has the highest priority; another one while this has stepped down."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.address = ""
        self.lag = 1.0  # seconds the secondaries are behind
        self.delays: dict[str, int] = {}  # seconds by which a member, by its name, is behind on purpose besides
        self.hides_config = False  # as from a user without the role clusterMonitor
        self._now = now
        self._started = now()
        self._terms: list[tuple[datetime, datetime]] = []  # when this member did not stand for election

    @property
    def is_primary(self) -> bool:
        """Say whether this member takes writes."""
        return not any(since <= self._now() < until for since, until in self._terms)

    @property
    def term(self) -> int:
        """The number of the newest election: each step down makes two, one when it comes back."""
        over = sum(until <= self._now() for _, until in self._terms)
        return _FIRST_TERM + len(self._terms) + over

    def require_primary(self) -> None:
        """Raise the error of a member that takes no writes."""
        if not self.is_primary:
            raise CommandError(10107, "NotWritablePrimary", "not primary")

    def hello(self, _body: Document) -> Document:
        """Answer as this member's part in the set demands."""
        return {
            "helloOk": True,
            "isWritablePrimary": self.is_primary,
            "ismaster": self.is_primary,
            "secondary": not self.is_primary,
            "setName": NAME,
            "setVersion": 1,
            "hosts": [self.address],
            "primary": self._names[0] if self.is_primary else self._names[1],
            "me": self.address,
            "maxBsonObjectSize": 16_777_216,
            "maxMessageSizeBytes": 48_000_000,
            "maxWriteBatchSize": 100_000,
            "localTime": self._now(),
            "logicalSessionTimeoutMinutes": 30,
            "minWireVersion": 0,
            "maxWireVersion": 21,
            "readOnly": False,
        }

    def status(self, _body: Document) -> Document:
        """Answer ``replSetGetStatus``."""
        primary = 0 if self.is_primary else 1
        members = [self._member(number, number == primary) for number in range(len(self._names))]
        return {
            "set": NAME,
            "date": self._now(),
            "myState": 1 if self.is_primary else 2,
            "term": self.term,
            "members": members,
        }

    def config(self, _body: Document) -> Document:
        """Answer ``replSetGetConfig``, with every member's fields as MongoDB 5 and later write them."""
        if self.hides_config:
            message = "not authorized on admin to execute command { replSetGetConfig: 1 }"
            raise CommandError(13, "Unauthorized", message)
        members = [self._configured(number, name) for number, name in enumerate(self._names)]
        return {
            "config": {
                "_id": NAME,
                "version": 1,
                "term": self.term,
                "members": members,
                "protocolVersion": Int64(1),
                "writeConcernMajorityJournalDefault": True,
                "settings": {"chainingAllowed": True, "heartbeatTimeoutSecs": 10, "electionTimeoutMillis": 10_000},
            }
        }

    def step_down(self, body: Document) -> Document:
        """Hand over for so many seconds, unless nobody has caught up."""
        self.require_primary()
        nobody = all(name in self.delays for name in _OTHERS)
        if nobody or self.lag > body.get("secondaryCatchUpPeriodSecs", 10):
            message = "No electable secondaries caught up as of now"
            raise CommandError(262, "ExceededTimeLimit", message)
        self._terms.append((self._now(), self._now() + timedelta(seconds=body["replSetStepDown"])))
        return {}

    def elected(self) -> None:
        """Have this member elected again at once, as its priority has it in the end; nothing happens when it is."""
        self._terms = [(since, min(until, self._now())) for since, until in self._terms]

    @property
    def _names(self) -> tuple[str, ...]:
        return (self.address, *_OTHERS)

    def _configured(self, number: int, name: str) -> Document:
        delay = self.delays.get(name, 0)
        return {
            "_id": number,
            "host": name,
            "arbiterOnly": False,
            "buildIndexes": True,
            "hidden": bool(delay),
            "priority": 0.0 if delay else 2.0 if number == 0 else 1.0,
            "tags": {},
            "secondaryDelaySecs": Int64(delay),
            "votes": 1,
        }

    def _member(self, number: int, primary: bool) -> Document:
        now = self._now()
        return {
            "_id": number,
            "name": self._names[number],
            "health": 1.0,
            "state": 1 if primary else 2,
            "stateStr": "PRIMARY" if primary else "SECONDARY",
            "uptime": int((now - self._started).total_seconds()),
            "optime": {"ts": Timestamp(int(now.timestamp()), 1), "t": self.term},
            "optimeDate": now - timedelta(seconds=0 if primary else self.lag + self.delays.get(self._names[number], 0)),
            **({"self": True} if number == 0 else {"pingMs": 1}),
        }
