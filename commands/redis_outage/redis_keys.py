"""``/redis-keys``: which keys there are, counted by type and prefix."""

from collections import Counter
from typing import Annotated, Final

from pydantic import Field

from bot.clients.redis_keys import KeySurvey, RedisKeys
from bot.command import command
from bot.nearest import shown
from bot.reply import Level, Log, Note, Part, Reply, Table, say

_SHOWN: Final = 20
# Seconds for looking at what there is instead: a command has 25, of which the first look took up to 15.
_INSTEAD: Final = 5.0


@command(
    "/redis-keys",
    permission="redis:read",
    section="Redis Outage",
    runbook=('redis-cli -h <redis-host> KEYS "nova:*"',),
    examples=("/redis-keys bull:*", "/redis-keys nova:*", "/redis-keys bull:nova-email:*"),
)
async def redis_keys(
    pattern: Annotated[str, Field(min_length=1, max_length=200, description="A pattern of Redis, such as bull:*")],
    *,
    keys: RedisKeys,
) -> Reply:
    """Count the keys that match a pattern, by type and prefix, without holding Redis up; names only, no values."""
    found = await keys.survey(pattern)
    notes = [Note.of(note) for note in _notes(found)]
    if not found.matched:
        said = "none was found so far" if found.is_partial else "no such keys here"
        parts = [*(await _instead(keys, pattern)), *notes]
        return say(f"{shown(pattern)}: {said}", *parts, level=Level.UNKNOWN if found.is_partial else Level.INFO)
    more = " or more" if found.is_partial else ""
    title = f"{found.matched:,}{more} {'key matches' if found.matched == 1 else 'keys match'} {shown(pattern)}"
    tables = (_table("Type", found.types), _table("Prefix", found.prefixes))
    return say(title, *tables, Log(text="\n".join(found.sample), name="sample.txt"), *notes)


async def _instead(keys: RedisKeys, pattern: str) -> list[Part]:
    """Show what is there under other names: a pattern that finds nothing may be the wrong one."""
    if pattern == "*":
        return []
    every = await keys.survey("*", budget=_INSTEAD)
    if not every.matched:
        return []
    some = f" (of about {every.looked_at:,} keys that were looked at)" if every.is_partial else ""
    return [Note.of(f"What there is instead{some}:"), _table("Prefix", every.prefixes)]


def _table(name: str, counts: Counter[str]) -> Table:
    rows = [(label, f"{count:,}") for label, count in counts.most_common(_SHOWN)]
    if rest := len(counts) - len(rows):
        rows.append((f"{rest} more", f"{counts.total() - sum(counts[label] for label, _ in rows):,}"))
    return Table(columns=(name, "Keys"), rows=tuple(rows))


def _notes(found: KeySurvey) -> list[str]:
    if found.is_partial:
        return [f"Not all was looked at, the time was over: about {found.looked_at:,} of {found.total:,} keys."]
    return [f"Looked at all {found.total:,} keys."]
