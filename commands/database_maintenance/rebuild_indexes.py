"""``/rebuild-indexes``: a plan to build a collection's indexes anew while others do their work.

MongoDB refuses ``reIndex`` on a replica set, and refuses a second index of the same key and options beside the
first. So each index gets stand-ins first (``bot.clients.mongo_index.stand_ins``): for reads one with ``_id`` behind
the key, for uniqueness one on its own key with a filter that every document fits. Then it is dropped and built
anew, and only then the stand-ins go. At no moment is a query without an index or a duplicate let in, and a run that
stops in the middle leaves too many indexes, never too few. What can have no stand-in is left alone and said.
"""

from collections.abc import Sequence
from typing import Annotated, Final

from pydantic import Field, JsonValue

from bot.attempt import together
from bot.clients.mongo_index import Index, stand_ins, why_not_rebuilt
from bot.clients.mongo_indexes import BUILD_SECONDS, CollectionState, Indexes
from bot.command import command
from bot.errors import NotFound, Refused
from bot.nearest import nearest
from bot.plan import Change, Plan, Step

_MANY: Final = 1_000_000  # documents from which on a build is felt


@command(
    "/rebuild-indexes",
    permission="mongo:rebuild-indexes",
    section="Database Maintenance",
    runbook=("db.collection.reIndex()",),
    examples=("/rebuild-indexes webhooklogs",),
)
async def rebuild_indexes(
    collection: Annotated[str, Field(description="The collection's name")],
    *,
    indexes: Indexes,
) -> Plan:
    """Build a collection's indexes anew, one by one, with others in their place meanwhile.

    Every option is kept. The index on _id is left alone, and so is what can have no other in its place.
    """
    known = await indexes.collections(collection)
    if collection not in known:
        message = f"There is no such collection; there are {', '.join(known) or 'none'}."
        raise NotFound(message, nearest=nearest(collection, known), argument="collection")
    found, state = await together(indexes.of(collection), indexes.state(collection))
    own = [one for one in found if not one.is_stand_in]
    left_over = _left_over(found, own)
    rebuilt = [one for one in own if not why_not_rebuilt(one)]
    if not rebuilt and not left_over:
        raise Refused(f"{collection} has no index that can be built anew.", hint=" ".join(_left_alone(own)))
    return _plan(state, own, rebuilt, left_over)


def _left_over(found: Sequence[Index], own: Sequence[Index]) -> list[tuple[Index, Index]]:
    """Return stand-ins that an earlier run left, each with the index whose work it did."""
    pairs = []
    for one in found:
        if not one.is_stand_in:
            continue
        owner = next((other for other in own if one.name in {each.name for each in stand_ins(other)}), None)
        if owner is None:
            raise Refused(
                f"{one.name} stands in for an index that is not there: an earlier rebuild did not end.",
                hint="/runs shows it; create the index that its plan names, then ask again.",
            )
        pairs.append((one, owner))
    return pairs


def _plan(
    state: CollectionState, own: Sequence[Index], rebuilt: Sequence[Index], left_over: Sequence[tuple[Index, Index]]
) -> Plan:
    name = state.name
    steps = [_drop(name, one, [owner]) for one, owner in left_over]
    steps += [step for one in rebuilt for step in _rebuild(name, one)]
    steps.append(_verified(name, own))
    facts: dict[str, JsonValue] = {f"index {one.name}": one.describe() for one in own}
    return Plan(
        title=f"Build {len(rebuilt)} {'index' if len(rebuilt) == 1 else 'indexes'} of {name} anew",
        target=f"collection/{name}",
        changes=tuple(
            [Change(what=one.name, before=one.describe(), after="the same, built anew") for one in rebuilt]
            + [Change(what=one.name, before="left by an earlier rebuild", after="dropped") for one, _ in left_over]
        ),
        facts={"collection": name} | facts,
        steps=tuple(steps),
        no_undo="The same indexes stand there afterwards; there is nothing to go back to.",
        blast_radius=(
            f"Every member of the set reads {_documents(state)} {sum(map(_builds, rebuilt))} times to build.",
            "Disk, CPU and cache are taken from NovaPulse meanwhile; reads and writes go on.",
        ),
        warnings=_warnings(state, own, rebuilt),
        notes=_notes(state),
    )


def _rebuild(collection: str, index: Index) -> list[Step]:
    others = stand_ins(index)
    return [
        *(_build(collection, one, "to do its work meanwhile") for one in others),
        _drop(collection, index, others),
        _build(collection, index, "anew"),
        *(_drop(collection, one, [index]) for one in others),
    ]


def _build(collection: str, index: Index, why: str) -> Step:
    return Step(
        title=f"Build {index.name} {why}",
        operation="indexes.build",
        arguments={"collection": collection, "index": index.text},
        timeout=BUILD_SECONDS,
    )


def _drop(collection: str, index: Index, while_there: Sequence[Index]) -> Step:
    return Step(
        title=f"Drop {index.name}",
        operation="indexes.drop",
        arguments={
            "collection": collection,
            "index": index.text,
            "while_there": [one.text for one in while_there],
        },
        timeout=BUILD_SECONDS,  # what does its work meanwhile may still be under way
    )


def _verified(collection: str, own: Sequence[Index]) -> Step:
    return Step(
        title="See that the indexes are as they were",
        kind="wait",
        operation="indexes.are",
        arguments={"collection": collection, "indexes": [one.text for one in own]},
        timeout=60.0,
    )


def _builds(index: Index) -> int:
    return 1 + len(stand_ins(index))


def _left_alone(own: Sequence[Index]) -> list[str]:
    return [f"{one.name} is left alone: {reason}." for one in own if (reason := why_not_rebuilt(one))]


def _warnings(state: CollectionState, own: Sequence[Index], rebuilt: Sequence[Index]) -> tuple[str, ...]:
    warnings = [said for said in _left_alone(own) if not said.startswith("_id_ ")]
    if state.documents is None or state.documents >= _MANY:
        warnings.append(f"That is {_documents(state)}: do it when little is going on.")
    if expiring := [one.name for one in rebuilt if one.expires]:
        warnings.append(f"While {', '.join(expiring)} is built anew, no document expires.")
    if unique := [one.name for one in rebuilt if one.is_unique]:
        warnings.append(f"{', '.join(unique)} stays unique only on MongoDB 5.0 or newer; an older one stops the run.")
    return tuple(warnings)


def _notes(state: CollectionState) -> tuple[str, ...]:
    sizes = f"{sum(state.index_sizes.values()):,} bytes of indexes now"
    return (sizes, "MongoDB seldom needs this: it frees space after many deletions, and mends a damaged index.")


def _documents(state: CollectionState) -> str:
    if state.documents is None:
        return "an unknown number of documents"
    return f"{state.documents:,} {'document' if state.documents == 1 else 'documents'}"
