"""What is said of pods that have ended: nothing runs in them, yet the cluster keeps their objects for weeks."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from bot.clients.cluster_state import Ending, PodLog
from bot.clients.platform_words import Words
from bot.reply import Level, Line, Note, Part

_NAMED: Final = 3
_LINES: Final = 5
_NEVER: Final = datetime.min.replace(tzinfo=UTC)


def how_it_ended(ending: Ending) -> str:
    """Say of one pod that it ended, when and why: ``ended at 06-12 08:00:00 UTC (Evicted)``."""
    when = _moment(ending.at) if ending.at else "a time that the cluster does not tell"
    return f"ended at {when} ({ending.reason})"


def ended_since(logs: Iterable[PodLog], begin: datetime) -> list[PodLog]:
    """Return those of pods that ended since, or that began since and ended at a time that nothing tells."""
    return [log for log in logs if not log.before_restart and _ended_at(log) >= begin]


def ended(logs: Sequence[PodLog], begin: datetime, words: Words) -> Iterator[Part]:
    """Name the pods that have ended: each that did since, and of the others those that have no log any more."""
    lately = ended_since(logs, begin)
    for log in lately[:_LINES]:
        if log.ending is not None:
            gone = "; it has no log any more" if log.is_gone else ""
            yield Line(level=Level.WARNING, label=log.name, value=f"{how_it_ended(log.ending)}{gone}")
    if more := len(lately[_LINES:]):
        yield Line(level=Level.WARNING, label=f"{words.pods(more)} more", value="ended in that time too")
    gone_before = [log for log in logs if log.is_gone and not log.before_restart and log not in lately]
    if gone_before:
        yield Note.of(without_a_log({log.pod: log.ending for log in gone_before if log.ending}, words))


def _ended_at(log: PodLog) -> datetime:
    at = (log.ending.at or log.started_at) if log.ending is not None else None
    return at or _NEVER


def without_a_log(ended: Mapping[str, Ending], words: Words) -> str:
    """Say of pods, by their names, that they have no log any more."""
    names = ", ".join(list(ended)[:_NAMED])
    if len(ended) == 1:
        (ending,) = ended.values()
        return f"1 {words.pod} that {how_it_ended(ending)} has no log any more: {names}"
    reasons = ", ".join(sorted({ending.reason for ending in ended.values()}))
    last = max((ending.at for ending in ended.values() if ending.at), default=None)
    when = f", the last known at {_moment(last)}," if last else ""
    more = f" and {len(ended) - _NAMED} more" if len(ended) > _NAMED else ""
    return f"{words.pods(len(ended))} that have ended ({reasons}){when} have no log any more: {names}{more}"


def _moment(at: datetime) -> str:
    return f"{at:%m-%d %H:%M:%S} UTC"
