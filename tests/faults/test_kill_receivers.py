"""kill -9 at every moment of PagerDuty's and the mail's senders: nothing is lost, and what comes twice is told as one.

By default each kind of moment once; ``make test-kill`` takes them all.
"""

import os
import signal
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from sandbox.mail import MailServer
from sandbox.pagerduty import ROUTING_KEY, PagerDuty
from tests.faults.alert_lives import Lives, loaded

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(900)]

NEVER = ("never", 1)
ALL = bool(os.environ.get("KEEP_TABLE"))
TAKEN = "taken, not recorded"
# What a default run kills at: the moments around a call, after which it cannot be known whether anybody was told.
DOUBTFUL = ("not yet sent", TAKEN)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lives() -> AsyncIterator[Lives]:
    async with loaded() as made:
        yield made


@dataclass
class Heard:
    """What PagerDuty and the mailbox were told in one or two lives."""

    pagerduty: PagerDuty
    mail: MailServer
    moments: dict[str, int]
    was_killed: bool

    def events(self) -> dict[str, list[str]]:
        """Return PagerDuty's events by what they are about, in their order."""
        found: dict[str, list[str]] = defaultdict(list)
        for one in self.pagerduty.log:
            about = self.pagerduty.incidents[one["dedup_key"]]["summary"].partition("]")[2].strip()
            severity = one.get("payload", {}).get("severity", "")
            found[about].append(f"{one['event_action']} {severity}".strip())
        return found

    def mails(self) -> dict[str, list[tuple[str, str, str]]]:
        """Return the mails by their Message-ID."""
        found: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
        for one in self.mail.inbox:
            found[str(one.message["Message-ID"])].append((one.to, one.subject, one.text))
        return found


async def told(lives: Lives, directory: Path, die_at: tuple[str, int]) -> Heard:
    """Die at a moment and live again to the end of the story."""
    pagerduty, mail = PagerDuty(), MailServer()
    await pagerduty.start()
    await mail.start()
    addresses = {"pagerduty": pagerduty.url, "routing_key": ROUTING_KEY, "smtp": mail.url}
    try:
        first = await lives.live(directory, die_at, **addresses)
        assert first.code in (0, -signal.SIGKILL), first
        if first.code:
            assert (await lives.live(directory, NEVER, **addresses)).code == 0
    finally:
        await pagerduty.stop()
        await mail.stop()
    return Heard(pagerduty, mail, first.moments, bool(first.code))


def chosen(moments: dict[str, int]) -> list[tuple[str, int]]:
    """Return the moments of the senders to be killed at: all, or one of each doubtful kind, each time another one."""
    senders = sorted((name, count) for name, count in moments.items() if ":" in name)
    if ALL:
        return [(name, number) for name, count in senders for number in range(1, count + 1)]
    doubtful = [(name, count) for name, count in senders if name.endswith(DOUBTFUL)]
    return [(name, 1 + place % count) for place, (name, count) in enumerate(doubtful)]


def subjects(heard: Heard) -> list[str]:
    """Return what was mailed, each Message-ID once, without how long it took."""
    found = [copies[0][1] for copies in heard.mails().values()]
    return sorted(one.partition(":")[2] if one.startswith("[OK]") else one for one in found)


async def test_nothing_is_lost_and_repeats_are_told_as_such(lives: Lives, tmp_path: Path) -> None:
    whole = await told(lives, made(tmp_path / "whole"), NEVER)
    assert whole.events() == {
        "Jobs waiting (email)": ["trigger warning", "trigger critical", "acknowledge", "resolve"],
        "Redis is unreachable (redis)": ["trigger critical", "acknowledge", "resolve"],
    }
    assert len(whole.mail.inbox) == len(subjects(whole)) == 5
    moments = chosen(whole.moments)
    killed = 0
    for number, moment in enumerate(moments):
        heard = await told(lives, made(tmp_path / str(number)), moment)
        killed += heard.was_killed
        assert_all_told(whole, heard, moment)
    # What is acknowledged before its page is claimed goes with it, so that a life may come by a few moments less.
    assert killed >= len(moments) - 4


def assert_all_told(whole: Heard, heard: Heard, moment: tuple[str, int]) -> None:
    """Hold what was told in two lives against what was told in one."""
    assert {one["status"] for one in heard.pagerduty.incidents.values()} == {"resolved"}, moment
    assert len(heard.pagerduty.incidents) == 2, f"another key makes another incident: {moment}"
    events = heard.events()
    assert {about: list(dict.fromkeys(told)) for about, told in events.items()} == whole.events(), moment
    assert subjects(heard) == subjects(whole), moment
    repeated = [copies for copies in heard.mails().values() if len(copies) > 1]
    assert all(copies == copies[:1] * 2 for copies in repeated), f"under one Message-ID is one mail: {moment}"
    more = sum(map(len, events.values())) - sum(map(len, whole.events().values()))
    if heard.was_killed and moment[0].endswith(TAKEN):
        assert more + len(repeated) > 0, f"what was taken and not recorded is told again: {moment}"
    # At most what was under way comes twice: a page of two events, and a mail, for each of the two incidents.
    assert more <= 4, moment
    assert len(repeated) <= 2, moment


def made(directory: Path) -> Path:
    directory.mkdir()
    return directory
