"""``/page``: call a level of the escalation path now, by every way there is; or say that it is over."""

import hashlib
from datetime import datetime, timedelta
from typing import Annotated, Final

from pydantic import Field

from bot.command import command
from bot.elapsed import elapsed
from bot.errors import Incomplete, NotFound, Refused, UsageError, UserError
from bot.nearest import nearest, shown
from bot.plan import Change, Plan, Step
from bot.policy import Policy
from bot.policy_file import PolicyFile
from bot.reply import Button, Buttons, Level, Link, Note, Part, Reply, Span, Text, say
from bot.request import Request
from bot.rota import Rota
from bot.stores.escalations import LATELY, Call, Escalations, called_already, is_on_record
from bot.stores.overrides import Overrides
from bot.stores.pages import Page, Paged, Pages, page_card_key

# So many pages of one person within so much time are enough to be heard.
MOST: Final = 3
WITHIN: Final = timedelta(minutes=10)
LISTED: Final = 10
_END: Final = "end"


@command(
    "/page",
    permission="oncall:page",
    section="Contact & Escalation",
    runbook=("Level 1: On-call engineer", "Level 2: Team lead", "Level 3: Engineering manager", "Level 4: CTO"),
    examples=(
        "/page 1 customers cannot log in",
        "/page 3 we need a decision about the rollback",
        "/page end 5d41402a",
    ),
)
async def page(  # noqa: PLR0913 - two arguments of the command, six things it needs
    level: Annotated[str, Field(max_length=20, description="1 is called first, as /oncall shows them; or end")],
    reason: Annotated[
        str,
        Field(max_length=200, description="Why; they read it first. With end its id", json_schema_extra={"rest": True}),
    ] = "",
    *,
    policy: PolicyFile,
    overrides: Overrides,
    pages: Pages,
    calls: Escalations,
    request: Request,
    now: datetime,
) -> Reply | Plan:
    """Call whoever is on call at a level now, in Slack, by PagerDuty and by mail, whatever fires.

    For what no alert sees, or when somebody else has to decide; nobody has to approve it. While nobody has it, the next
    levels are called after the policy's minutes. The same reason again is the same page: a higher level is called in
    it. It is open until somebody says that it is over, in PagerDuty too: by its card's button, or by end with its id.
    """
    why = " ".join(reason.split())
    if level.strip().lower() == _END:
        return await _end(why, pages, request) if why else _which(await pages.open(), now)
    rota = await overrides.rota(policy.current.oncall, now)
    number = _level(level, rota)
    if not why:
        such = f"such as /page {number} customers cannot log in"
        raise Incomplete(f"A page needs a reason, {such}: whoever is called reads it first.", argument="reason")
    new = _page(number, _called(rota, number, request, now), why, request)
    before = await pages.open_for(why)
    if before is None or before.page.id == new.id:
        await _pause(pages, request)
        return _plan(new, policy.current)
    made = await calls.of([before.page.incident])
    return _again(new, before, made.get(before.page.incident, []), policy.current, now)


async def _pause(pages: Pages, request: Request) -> None:
    recent = await pages.count_of(request.actor.id, request.received_at - WITHIN)
    if recent >= MOST:
        raise Refused(f"You have paged {recent} times within {WITHIN.seconds // 60} minutes. /oncall says how to call.")


def _level(text: str, rota: Rota) -> int:
    levels = len(rota.levels)
    there = f"the policy has {levels}" if levels else "the policy has none"
    word = text.strip()
    if word.isdecimal() and int(word) in rota.levels:
        return int(word)
    if word.isdecimal():
        raise NotFound(f"There is no level {word}: {there}.", argument="level")
    known = " to ".join(dict.fromkeys(("1", str(levels)))) if levels else ""
    takes = f"a level ({known}) or end" if known else "end alone, as the policy has no level"
    raise UsageError(f"level is {takes}, not {shown(text)}.", nearest=nearest(word, (_END,)), argument="level")


def _called(rota: Rota, level: int, request: Request, now: datetime) -> tuple[str, ...]:
    people = rota.on_call(level, request.received_at).people
    if not people:
        known = [str(one) for one in rota.levels if rota.on_call(one, now).people]
        hint = f"Somebody is known at level {', '.join(known)}." if known else ""
        raise UserError(f"Nobody is known to be on call at level {level}.", hint=hint)
    return people


def _page(level: int, people: tuple[str, ...], reason: str, request: Request) -> Page:
    name = hashlib.sha256(request.id.encode()).hexdigest()[:8]
    return Page(id=name, level=level, people=people, reason=reason, by=request.actor, at=request.received_at)


def _plan(new: Page, policy: Policy, *, again: str = "") -> Plan:
    """Plan a page; ``again`` is the open one for the same reason, in which this level is called then.

    What is approved is the same with and without: somebody who pages for the same meanwhile stops nobody's call.
    """
    names = ", ".join(policy.name(person) for person in new.people)
    title = policy.oncall.levels[new.level - 1].title
    warning = f"A page for this is open: {new.model_copy(update={'id': again}).incident}. The level is called in it."
    return Plan(
        title=f"Page level {new.level}, {title}: {names}",
        target=f"page/{new.id}",
        changes=(Change(what=names, before="not called", after=f"called: {new.reason}"),),
        facts={"page": new.id},
        steps=(Step(title=f"Call {names}", operation="oncall.page", arguments={"page": new.model_dump(mode="json")}),),
        no_undo=f"Who was called was called; /page end {again or new.id} says that it is over.",
        warnings=(warning,) if again else (),
        thread=page_card_key(again) if again else "",
    )


def _again(new: Page, before: Paged, made: list[Call], policy: Policy, now: datetime) -> Reply | Plan:
    """Call the level in the page that is open for the same, or say who was called."""
    last = called_already(made, new.level, new.at)
    if last is None or is_on_record(made, new.level, new.at):
        return _plan(new, policy, again=before.page.id)
    return _already(before, last, policy, now, highest=max(call.level for call in made))


def _already(paged: Paged, last: Call, policy: Policy, now: datetime, *, highest: int) -> Reply:
    page = paged.page
    lately = f"{LATELY.seconds // 60} minutes after that call"
    calls = f"Level {highest} from {lately} on, or a higher one at once, calls for it; another reason is another page"
    owner = _owner(paged)
    return say(
        f"Already called {elapsed(now - last.at)} ago: {page.incident}, {owner}",
        Text.of(Link(text=page.reason, key=page_card_key(page.id)), f": {last.sentence(policy.name, now)}; {owner}."),
        Note.of(f"Nobody was called again. {calls}; /page end {page.id} ends it."),
        level=Level.WARNING,
        private=True,
    )


def _which(paged: list[Paged], now: datetime) -> Reply:
    """Ask which page is over, also where there is only one: whoever ends the wrong one ends its calls."""
    if not paged:
        return say("No page is open", level=Level.OK, private=True)
    lines: list[Span] = []
    for one in paged[:LISTED]:
        page = one.page
        since = f"level {page.level}, {page.by.name}, {elapsed(now - page.at)} ago, {_owner(one)}"
        link = Link(text=page.reason, key=page_card_key(page.id))
        lines += ["\n" if lines else "", f"{page.incident}: ", link, f"; {since}"]
    parts: list[Part] = [Text.of(*lines)]
    if len(paged) > LISTED:
        parts.append(Note.of(f"{len(paged) - LISTED} more: /alerts lists them."))
    ends = [Button(label=f"End {one.page.incident}", action="run", value=f"/page end {one.page.id}") for one in paged]
    return say("Which page is over?", *parts, Buttons(buttons=tuple(ends[:5])), private=True)


def _owner(paged: Paged) -> str:
    return f"{paged.acknowledged_by} has it" if paged.acknowledged_at else "nobody has it yet"


async def _end(name: str, pages: Pages, request: Request) -> Plan:
    found = await pages.find(name)
    if found is None:
        there = ", ".join(one.page.id for one in await pages.open()) or "none"
        raise UserError(f"There is no page {shown(name)}; open are: {there}.")
    if found.ended_at is not None:
        by = f"{found.ended_by} said so" if found.ended_by else "it was so"
        raise UserError(f"It is over: {by} at {found.ended_at:%Y-%m-%d %H:%M} UTC.")
    ended, by = found.page, request.actor.name
    return Plan(
        title=f"Page resolved: {ended.reason}",
        target=f"page/{ended.id}",
        changes=(Change(what=ended.reason, before="open", after=f"{by} says that it is over"),),
        facts={"page": ended.id},
        steps=(
            Step(
                title="Show on its card that it is over, and resolve it in PagerDuty",
                operation="oncall.end",
                arguments={"page": ended.id, "by": by},
            ),
        ),
        no_undo="/page calls again.",
        thread=page_card_key(ended.id),
    )
