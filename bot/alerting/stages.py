"""What keeps an alert from ringing: what another one explains, and what somebody has silenced."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from bot.alert_rule import AlertRule, Inhibition, labels_of
from bot.alerting.evaluate import Finding
from bot.matchers import matches
from bot.silence import Silence
from bot.stores.incidents import Incident

# A silence that mutes nothing any longer ends after this.
UNUSED: Final = timedelta(minutes=30)

# What matchers look at, and since when it fires.
Labelled = tuple[Mapping[str, str], datetime]
# What mutes others, by its equal labels and by whether it is itself what the inhibition is aimed at.
_Sources = dict[tuple[tuple[str, ...], bool], Finding]


def inhibit(findings: list[Finding], inhibitions: Iterable[Inhibition]) -> list[Finding]:
    """Mute what another alert that fires explains."""
    muted: dict[str, str] = {}
    for inhibition in inhibitions:
        sources = _sources(findings, inhibition)
        for finding in findings if sources else ():
            source = _source_of(finding, inhibition, sources)
            if source is not None:
                muted.setdefault(finding.fingerprint, f'explained by "{source.alert.summary}"')
    return [_muted(one, muted.get(one.fingerprint, "")) for one in findings]


def _muted(finding: Finding, why: str) -> Finding:
    return replace(finding, muted=why) if why else finding


def _source_of(finding: Finding, inhibition: Inhibition, sources: _Sources) -> Finding | None:
    """Return what mutes it; what is source and target at once is muted by nothing of its own kind."""
    if not matches(inhibition.target, finding.labels):
        return None
    equal = _equal(inhibition, finding)
    plain = sources.get((equal, False))
    return plain or (None if matches(inhibition.source, finding.labels) else sources.get((equal, True)))


def _sources(findings: list[Finding], inhibition: Inhibition) -> _Sources:
    firing = (one for one in findings if one.alert.state == "firing" and matches(inhibition.source, one.labels))
    return {(_equal(inhibition, one), matches(inhibition.target, one.labels)): one for one in firing}


def _equal(inhibition: Inhibition, finding: Finding) -> tuple[str, ...]:
    return tuple(finding.labels.get(name, "") for name in inhibition.equal)


def silence(findings: list[Finding], silences: Sequence[Silence]) -> list[Finding]:
    """Mute what somebody has silenced; ``silences`` are those in force."""
    return [one if one.muted else _silenced(one, silences) for one in findings]


def _silenced(finding: Finding, silences: Sequence[Silence]) -> Finding:
    covering = (one for one in silences if one.covers(finding.labels, finding.alert.since))
    first = next(covering, None)
    if first is None:
        return finding
    return replace(finding, muted=f"{first.sentence()} (silence {first.id})", silence=first.id)


def in_question(incidents: Iterable[Incident], rules: Iterable[AlertRule]) -> list[Labelled]:
    """Return what is on and off and has an open card, whether it fires in this moment or not."""
    known = {rule.name: rule for rule in rules}
    alerts = [one.alert for one in incidents if one.flapping]
    return [(labels_of(alert, known.get(alert.labels.get("alert", ""))), alert.since) for alert in alerts]


def matching(silences: Sequence[Silence], findings: Iterable[Finding], others: Iterable[Labelled] = ()) -> set[str]:
    """Return the ids of the silences that something matches which fires, or one of the others."""
    firing = [(one.labels, one.alert.since) for one in findings if one.alert.state == "firing"]
    there = [*firing, *others]
    return {one.id for one in silences if any(one.covers(labels, since) for labels, since in there)}


def over(silences: Sequence[Silence], used: set[str], now: datetime) -> dict[str, list[Silence]]:
    """Return the silences that end before their time, by the reason; ``used`` are those that something matches.

    Those that were to last until their alerts are resolved, and those that mute nothing any longer though they did: a
    silence that was made ahead waits for what it is about, and so does a maintenance.
    """
    idle = [one for one in silences if one.id not in used]
    unused = [one for one in idle if not one.until_resolved and not one.only_new and one.matched_at is not None]
    return {
        "resolved": [one for one in idle if one.until_resolved],
        "nothing matches it any longer": [one for one in unused if now - (one.matched_at or now) >= UNUSED],
    }
