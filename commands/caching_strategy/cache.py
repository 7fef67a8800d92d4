"""``/cache``: the documented cached keys, counted and cleared."""

import re
from typing import Annotated, Final, Literal

from pydantic import Field

from bot.clients.redis_keys import CACHES, CacheSurvey, RedisKeys
from bot.command import command
from bot.errors import Refused, UsageError, UserError
from bot.nearest import nearest, shown
from bot.plan import Change, Plan, Step
from bot.reply import Button, Buttons, Level, Line, Log, Note, Part, Reply, say

_TIMEOUT: Final = 1800.0
_ID: Final = re.compile(r"[\w.@-]{1,64}", re.ASCII)
_ALL: Final = "cache:*"


@command(
    "/cache",
    permission="redis:read",
    change_permission="cache:clear",
    section="Caching Strategy",
    runbook=(
        "`cache:company:{id}:stats` - TTL: 60s",
        "`cache:user:{id}:profile` - TTL: 5m",
        "`cache:department:{id}:members` - TTL: 5m",
        "Manual: Clear via admin API",
    ),
    examples=("/cache keys cache:*", "/cache keys cache:company:{id}:stats", "/cache clear cache:user:42:profile"),
)
async def cache(
    action: Annotated[Literal["keys", "clear"], Field(description="Count them, or remove them")],
    pattern: Annotated[str, Field(description="cache:user:42:profile, cache:company:*:stats or cache:*")],
    *,
    keys: RedisKeys,
) -> Reply | Plan:
    """Count the cached keys of one of the documented patterns with how long they live, or clear them.

    Other keys are never touched, whatever the pattern.
    """
    globs = _globs(pattern)
    found = {glob: await keys.cached(glob) for glob in globs}
    if action == "keys":
        return _reply(pattern, found)
    if not keys.may_clear:
        raise Refused("The queues' keys begin with cache: too (QUEUE_PREFIX). Nothing is cleared here.")
    if not any(survey.matched or survey.is_partial for survey in found.values()):
        raise UserError(f"{shown(pattern)}: no such keys here. There is nothing to clear.")
    return Plan(
        title=f"Clear the cache: {', '.join(found)}",
        target="redis/cache",
        changes=tuple(Change(what=glob, before="cached", after="removed") for glob in found),
        steps=tuple(
            Step(
                title=f"Remove {glob}",
                operation="redis_keys.clear_cache",
                arguments={"pattern": glob},
                timeout=_TIMEOUT,
            )
            for glob in found
        ),
        no_undo="NovaPulse writes the values again when they are read next",
        blast_radius=("The next requests read from MongoDB, which is busier until the cache has filled.",),
        notes=tuple(f"{glob}: {_said(survey)}" for glob, survey in found.items()),
    )


def _globs(pattern: str) -> tuple[str, ...]:
    """Return the patterns of Redis that are meant; raises UsageError for all that is not in the runbook."""
    wanted = pattern.strip().replace("{id}", "*")
    if wanted in (_ALL, "all"):
        return tuple(CACHES.values())
    for glob in CACHES.values():
        before, _, after = glob.partition("*")
        if wanted.startswith(before) and wanted.endswith(after):
            name = wanted[len(before) : len(wanted) - len(after)]
            if name == "*" or _ID.fullmatch(name):
                return (wanted,)
    message = f"{shown(pattern)} is none of the documented cache patterns: {', '.join(CACHES.values())}, or {_ALL}."
    raise UsageError(message, usage=cache.usage, nearest=nearest(wanted, (*CACHES.values(), _ALL)), argument="pattern")


def _reply(pattern: str, found: dict[str, CacheSurvey]) -> Reply:
    matched, partial = sum(one.matched for one in found.values()), any(one.is_partial for one in found.values())
    lines: list[Part] = [
        Line(level=Level.UNKNOWN if one.is_partial else Level.INFO, label=glob, value=_said(one))
        for glob, one in found.items()
    ]
    if not matched:
        note = Note.of(
            "Today's build of NovaPulse is not known to write these keys: /redis-keys * shows what there is."
        )
        title = f"{shown(pattern)}: " + ("none was found so far" if partial else "no such keys here")
        return say(title, *lines, note, level=Level.UNKNOWN if partial else Level.INFO)
    sample = [key for one in found.values() for key in one.sample][:10]
    button = Button(label="Clear them…", action="form", value=f"/cache clear {pattern}", style="danger")
    title = f"{matched:,}{' or more' if partial else ''} cached {'key' if matched == 1 else 'keys'}"
    return say(title, *lines, Log(text="\n".join(sample), name="sample.txt"), Buttons(buttons=(button,)))


def _said(found: CacheSurvey) -> str:
    if not found.matched:
        return "none was found before the time was over" if found.is_partial else "no such keys here"
    said = f"{found.matched:,}{' or more' if found.is_partial else ''} {'key' if found.matched == 1 else 'keys'}"
    if found.least is not None and found.most is not None:
        said += f", expire in {found.least} to {found.most} s"
    return said + (f", {found.forever:,} never expire" if found.forever else "")
