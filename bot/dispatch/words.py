"""Taking typed text apart: what Slack wrote into it, quotes of every kind, and dashes that were two hyphens."""

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from bot.errors import UsageError
from bot.nearest import shown

_ENTITIES: Final = (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&"))
_WRITTEN_BY_SLACK: Final = re.compile(r"<([@#!])([^<>|\s]+)(?:\|([^<>]*))?>|<(\w+:[^<>|\s]+)(?:\|([^<>]*))?>")
# A straight quote is closed by itself; a smart one, which a phone may have put there, by any of its kind.
_DOUBLE: Final = (
    "\N{LEFT DOUBLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}\N{DOUBLE LOW-9 QUOTATION MARK}"
    "\N{LEFT-POINTING DOUBLE ANGLE QUOTATION MARK}\N{RIGHT-POINTING DOUBLE ANGLE QUOTATION MARK}"
)
_SINGLE: Final = "\N{LEFT SINGLE QUOTATION MARK}\N{RIGHT SINGLE QUOTATION MARK}\N{SINGLE LOW-9 QUOTATION MARK}"
_CLOSERS: Final = {'"': '"', "'": "'"} | dict.fromkeys(_DOUBLE, _DOUBLE + '"') | dict.fromkeys(_SINGLE, _SINGLE + "'")
_DASHES: Final = "\N{EN DASH}\N{EM DASH}\N{HORIZONTAL BAR}\N{MINUS SIGN}"
_LONG_DASH: Final = re.compile(rf"[{_DASHES}]+(?=[A-Za-z]|$)")
_MINUS: Final = re.compile(rf"[{_DASHES}](?=[\d.])")
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs"})


@dataclass(frozen=True)
class Word:
    """One word; a ``literal`` one began with a quote (or stood behind ``--``) and is never an option."""

    text: str
    literal: bool = False


def unescape(text: str) -> str:
    """Undo what Slack wrote: ``<@U1|ann>`` is U1, ``<#C1|ops>`` C1, a link what was typed, ``&lt;`` a ``<``.

    Characters nobody can see (controls, joiners, halves of a pair) are dropped; white space stays.
    """
    text = _WRITTEN_BY_SLACK.sub(_typed, text)
    for entity, character in _ENTITIES:
        text = text.replace(entity, character)
    return "".join(char for char in text if char.isspace() or unicodedata.category(char) not in _UNSEEN)


def mentioned(text: str) -> dict[str, str]:
    """Return what people call whom or what Slack wrote an id for: ``<@U1|ann>`` is @ann, ``<#C1|ops>`` #ops."""
    found = (each.groups() for each in _WRITTEN_BY_SLACK.finditer(text))
    return {name: f"{sign}{label}" for sign, name, label, _, _ in found if sign in ("@", "#") and label}


def _typed(found: re.Match[str]) -> str:
    sign, name, label, address, written = found.groups()
    if sign == "!":
        return label or f"@{name}"
    if sign:
        return str(name)
    # Slack makes a link of an address by itself and keeps what was typed as its label.
    return written if written and written in address else str(address)


def words(text: str) -> list[Word]:
    """Split text at white space, keeping quoted parts together; raises UsageError where a quote stays open."""
    found: list[Word] = []
    text, at, only_literal = unescape(text), 0, False
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        word, at = _word(text, at)
        if word == Word("--") and not only_literal:
            only_literal = True
            continue
        found.append(Word(word.text, literal=word.literal or only_literal))
    return found


def _word(text: str, start: int) -> tuple[Word, int]:
    """Read one word; a quote opens at its beginning or after its first ``=``, so that ``don't`` is a word."""
    parts: list[str] = []
    at, opens, named = start, True, False
    while at < len(text) and not text[at].isspace():
        if opens and text[at] in _CLOSERS:
            quoted, at = _quoted(text, at)
            parts.append(quoted)
            opens = False
            continue
        opens = text[at] == "=" and not named
        named = named or opens
        parts.append(text[at])
        at += 1
    literal = text[start] in _CLOSERS
    joined = "".join(parts)
    return Word(joined if literal else _dashes(joined), literal), at


def _quoted(text: str, start: int) -> tuple[str, int]:
    """Read what stands in quotes; in double ones a backslash keeps a quote or a backslash."""
    closers, single = _CLOSERS[text[start]], text[start] in _SINGLE + "'"
    parts: list[str] = []
    at = start + 1
    while at < len(text):
        char, after = text[at], text[at + 1 : at + 2]
        if char == "\\" and not single and after and after in closers + "\\":
            parts.append(after)
            at += 2
            continue
        # 'it's late' ends where a space follows.
        if char in closers and (not single or not after or after.isspace()):
            return "".join(parts), at + 1
        parts.append(char)
        at += 1
    raise UsageError(f"A quote is opened and never closed: {shown(text[start:])}")


def _dashes(word: str) -> str:
    """Give back the two hyphens that a phone made one long dash of, and the minus before a number."""
    return _MINUS.sub("-", _LONG_DASH.sub("--", word, count=1), count=1) if word[0] in _DASHES else word


def quoted(text: str) -> str:
    """Write a text so that ``words`` reads it back as one word."""
    if re.fullmatch(r"[A-Za-z0-9@*][A-Za-z0-9_.:/@+*{}|,-]*|[+-]\d+(\.\d+)?", text):
        return text
    text = text.replace("\\", "\\\\").replace('"', '\\"')
    for entity, character in reversed(_ENTITIES):
        text = text.replace(character, entity)
    return f'"{text}"'
