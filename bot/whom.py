"""Whom somebody means by a name, an id or a mention."""

import re
from typing import Final

from bot.errors import Incomplete, NotFound, UsageError
from bot.nearest import nearest, shown
from bot.policy import Policy
from bot.request import Actor

_MENTION: Final = re.compile(r"<@(\w+)(?:\|[^>]*)?>")
ME: Final = ("me", "myself")


def person_named(policy: Policy, text: str, actor: Actor) -> str:
    """Return the id of the person in the policy that is meant; raises ``UsageError``."""
    mention = _MENTION.fullmatch(text.strip())
    word = (mention[1] if mention else text.strip().removeprefix("@")).casefold()
    if word in ME and actor.id in policy.people:
        return actor.id
    if not word:
        raise Incomplete("Who is meant? A name of the policy, or me.", argument="who")
    names = {
        person: {person.casefold(), name, *name.split()[:1], entry.console.casefold()}
        for person, entry in policy.people.items()
        for name in (entry.name.casefold(),)
    }
    found = [person for person, called in names.items() if word in called]
    if len(found) == 1:
        return found[0]
    if found:
        several = ", ".join(f"{policy.name(person)} ({person})" for person in found)
        raise UsageError(f"{shown(text)} may be any of {several}.", argument="who")
    known = [entry.name for entry in policy.people.values()]
    raise NotFound(f"The policy knows nobody called {shown(text)}.", nearest=nearest(word, known), argument="who")
