"""``/metrics``: NovaPulse's own metrics, by name or label, of all replicas together or of each."""

import math
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Annotated, Final

from pydantic import Field

from bot.clients.metrics_text import Metrics, MetricSample
from bot.clients.replica_metrics import MetricsReader, Replica, ReplicaMetrics
from bot.command import command
from bot.errors import NotFound, UsageError
from bot.masking import cut, mask
from bot.nearest import nearest, shown
from bot.outages import Outages
from bot.rates import PREFIX, Rate, counter_name, rates
from bot.reply import Level, Line, Note, Part, Reply, Table, say
from bot.stores.samples import Samples

RATES_OVER: Final = timedelta(minutes=5)
# NovaPulse never sets it: it is 0 while Redis is up.
_NOT_FED: Final = {"redis_connection_status": "nothing feeds it while it is 0, so it says nothing: see /health"}
_NONE: Final = "none twice yet"
_NO_RATE: Final = (
    "A rate is between two samples that the bot took, one a minute; of labels it keeps the busiest of each replica"
)
_MEBI: Final = 1024 * 1024
_NAMED: Final = 10
_LABEL_SHOWN: Final = 60
_Labels = tuple[tuple[str, str], ...]


@command(
    "/metrics",
    permission="metrics:read",
    section="Daily Operations",
    runbook=(
        'curl https://api.novapulse.com/api/v1/metrics | grep -E "(queue_size|http_request_errors)"',
        "curl https://api.novapulse.com/api/v1/metrics | grep memory",
        "curl https://api.novapulse.com/api/v1/metrics | grep db_connection_pool",
    ),
    examples=("/metrics", "/metrics queue_size|http_request_errors", "/metrics memory --per-replica"),
)
async def metrics(
    pattern: Annotated[str, Field(description="A part of the names; a|b is either, * is anything")] = "",
    label: Annotated[
        str, Field(description="Only samples with this label, such as queue=email; status_code=5* works too")
    ] = "",
    per_replica: Annotated[bool, Field(description="Each replica by itself instead of all together")] = False,
    *,
    reader: MetricsReader,
    samples: Samples,
    now: datetime,
) -> Reply:
    """Show NovaPulse's metrics, and how fast the counters go up.

    Counters are added up over the replicas; of other values the lowest and the highest are shown. A metric without a
    sample is unknown.
    """
    wanted = _label(label)
    found = await Outages(samples, now).read(reader.read())
    names = _chosen(found.replicas, pattern)
    rows = list(_rows(found.replicas, names, wanted, per_replica=per_replica))
    columns = ("Metric", "Labels", "Replica", "Value") if per_replica else ("Metric", "Labels", "Value")
    parts = (
        *([Table(columns=columns, rows=tuple(rows))] if rows else []),
        *_unknown(found.replicas, names, pattern),
        *_rates(rates(await samples.beginning(PREFIX, now - RATES_OVER)), found.replicas, names, wanted),
        *_seen(found),
    )
    if rows:
        title = f"NovaPulse metrics: {len(rows):,} value{'' if len(rows) == 1 else 's'}"
        return say(title, *parts, level=Level.INFO)
    instead = _instead(found.replicas, names, wanted)
    title = f"No sample has {cut(mask(label.strip()), _LABEL_SHOWN)}" if instead else "No sample: unknown"
    there = [Line(level=Level.UNKNOWN, label="There is instead", value=instead)] if instead else []
    return say(title, *there, *parts, level=Level.UNKNOWN)


def _label(text: str) -> dict[str, str]:
    """Read ``name=value``, several with commas between them; a ``*`` in a value is anything."""
    wanted = {}
    for condition in text.split(",") if text else ():
        name, equals, value = condition.strip("{} ").partition("=")
        if not (name.strip() and equals and value.strip()):
            raise UsageError(f"label is a name and a value, such as queue=email; not {shown(text)}.", argument="label")
        # Of the shell's signs only the star is one here: a route may well have brackets in it.
        wanted[name.strip()] = value.strip().strip("\"'").replace("[", "[[]").replace("?", "[?]")
    return wanted


def _samples(metrics: Metrics, name: str, wanted: dict[str, str]) -> Iterator[MetricSample]:
    for sample in metrics.samples(name):
        if all(fnmatchcase(sample.labels.get(label, ""), value) for label, value in wanted.items()):
            yield sample


def _instead(replicas: tuple[Replica, ...], names: tuple[str, ...], wanted: dict[str, str]) -> str:
    """Say what the samples have where none has the labels that were asked for; empty where there are no samples."""
    there = [sample for replica in replicas for name in names for sample in replica.metrics.samples(name)]
    if not wanted or not there:
        return ""
    known: dict[str, dict[str, None]] = {}
    for sample in there:
        for name, value in sample.labels.items():
            known.setdefault(name, {})[value] = None
    if missing := [name for name in wanted if name not in known]:
        return f"no label {', '.join(missing)}, but {_listed(known) or 'none at all'}"
    return "; ".join(f"{name}={_listed(known[name])}" for name in wanted)


def _listed(words: Iterable[str]) -> str:
    shown_words = [cut(mask(word), _LABEL_SHOWN) for word in words]
    more = [f"{len(shown_words) - _NAMED:,} more"] if len(shown_words) > _NAMED else []
    return ", ".join([*shown_words[:_NAMED], *more])


def _said(labels: Iterable[tuple[str, str]]) -> str:
    return ", ".join(f"{key}={value}" for key, value in labels)


def _fits(name: str, pattern: str) -> bool:
    """Say whether a name has one of the pattern's alternatives in it; the shell's quotes and brackets do no harm."""
    words = _words(pattern)
    return not words or any(fnmatchcase(name.casefold(), f"*{word}*") for word in words)


def _words(pattern: str) -> list[str]:
    return [word for part in pattern.split("|") if (word := part.strip("() ").casefold())]


def _chosen(replicas: Iterable[Replica], pattern: str) -> tuple[str, ...]:
    """Return the names that fit, each once; raises UsageError with what was probably meant where there is none."""
    all_names = dict.fromkeys(
        name for replica in replicas for name in (*replica.metrics.names, *replica.metrics.silent)
    )
    if pattern.strip() and not _words(pattern):
        message = f"pattern is a part of a metric's name, such as http or queue|redis; not {shown(pattern)}."
        raise UsageError(message, argument="pattern")
    fitting = [name for name in all_names if _fits(name, pattern)]
    if not fitting:
        message = f"No metric has {shown(pattern)} in its name."
        raise NotFound(message, nearest=nearest(pattern, all_names), argument="pattern")
    # A histogram's buckets are many and say little; they are there for whoever asks for them.
    return tuple(name for name in fitting if "bucket" in pattern or not name.endswith("_bucket"))


def _rows(
    replicas: tuple[Replica, ...], names: tuple[str, ...], wanted: dict[str, str], *, per_replica: bool
) -> Iterator[tuple[str, ...]]:
    for name in names:
        values: dict[_Labels, list[tuple[str, float]]] = {}
        for replica in replicas:
            for sample in _samples(replica.metrics, name, wanted):
                labels = tuple(sorted(sample.labels.items()))
                values.setdefault(labels, []).append((replica.name or "the one that answered", sample.value))
        for labels, each in values.items():
            said = _said(labels)
            if per_replica:
                yield from ((name, said, who, _number(name, value)) for who, value in each)
            else:
                adds_up = any(replica.metrics.adds_up(name) for replica in replicas)
                yield name, said, _together(name, [value for _, value in each], adds_up=adds_up)


def _together(name: str, values: list[float], *, adds_up: bool) -> str:
    if adds_up:
        return _number(name, math.fsum(values))
    low, high = _number(name, min(values)), _number(name, max(values))
    return low if low == high else f"{low} to {high}"


def _number(name: str, value: float) -> str:
    if math.isnan(value) or math.isinf(value):
        return "not a number"
    if name.endswith("_bytes"):
        return f"{value / _MEBI:,.1f} MiB"
    return f"{value:,.0f}" if value == int(value) else f"{value:,.4g}"


def _unknown(replicas: tuple[Replica, ...], names: tuple[str, ...], pattern: str) -> Iterator[Part]:
    """Say what is declared and silent everywhere, and what has a value that means nothing."""
    silent = dict.fromkeys(name for replica in replicas for name in replica.metrics.silent if _fits(name, pattern))
    heard = {name for replica in replicas for name in replica.metrics.names}
    unknown = [name for name in silent if not any(other.startswith(name) for other in heard)]
    if unknown:
        said = f"no sample, so nothing is known of {', '.join(unknown)}"
        yield Line(level=Level.UNKNOWN, label="Declared only", value=said)
    for name, why in _NOT_FED.items():
        if name in names and not any(replica.metrics.total(name) for replica in replicas):
            yield Line(level=Level.UNKNOWN, label=name, value=why)


def _rates(
    found: dict[str, Rate], replicas: tuple[Replica, ...], names: tuple[str, ...], wanted: dict[str, str]
) -> Iterator[Part]:
    """Show the rate of each counter, or with labels that were asked for of each set of labels that fits."""
    counters = [name for name in names if name.endswith("_total")]
    over = f"Over {RATES_OVER.total_seconds() / 60:g} minutes"
    if wanted:
        selected = dict.fromkeys(
            (name, tuple(sorted(sample.labels.items())))
            for name in counters
            for replica in replicas
            for sample in _samples(replica.metrics, name, wanted)
        )
        rows = [(name, _said(each), *_rate(found.get(counter_name(name, dict(each))))) for name, each in selected]
        if rows:
            yield Table(columns=(over, "Labels", "A minute", "Processes seen"), rows=tuple(rows))
        if any(row[3] == _NONE for row in rows):
            yield Note.of(_NO_RATE)
        return
    known = tuple((name, *_rate(rate)) for name in counters if (rate := found.get(name)))
    if known:
        yield Table(columns=(over, "A minute", "Processes seen"), rows=known)
    unknown = [name for name in counters if name not in found]
    if unknown:
        yield Note.of(f"How fast {', '.join(unknown)} went up is unknown: the bot has not seen a process twice yet")


def _rate(rate: Rate | None) -> tuple[str, str]:
    return ("unknown", _NONE) if rate is None else (f"{rate.per_second * 60:,.2f}", str(rate.processes))


def _seen(found: ReplicaMetrics) -> Iterator[Part]:
    if any(replica.name for replica in found.replicas):
        yield Note.of(f"Read: {len(found.replicas)} replicas, by {', '.join(one.name for one in found.replicas)}")
    else:
        yield Note.of("Read: one replica, the one that the load balancer chose; the others are not in it")
    for problem in found.problems:
        yield Note.of(problem)
