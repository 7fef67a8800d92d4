"""kill -9 of the real bot on the sandbox while somebody scales the workers; then it is started again.

By default one moment of each kind; ``make test-kill`` takes them all and writes the table of ``docs/durability.md``.
"""

import ast
import os
import re
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from sandbox.slack_page import buttons, shown_text
from tests.faults.killing import ROOT, Ended, Stage, stage

STEPS = (1, 2, 3, 4)
ASKING = ("accepted", "taken up", "plan stored")
APPROVED = (
    "click accepted",
    "click taken up",
    "approved",
    "run row written",
    *(name for step in STEPS for name in (f"before step {step}", f"step {step} operated", f"after step {step}")),
    "before the end",
    "after the end",
)
# What Slack is asked when the process is killed, and whether Slack has done it by then.
HANGING = {
    "card on its way, Slack has not got it": ("hang", "chat.postMessage", True),
    "card in Slack, its place not recorded": ("lose-reply", "chat.postMessage", True),
    "edit in Slack, not recorded": ("lose-reply", "chat.update", False),
}
MOMENTS = (*ASKING, *APPROVED, *HANGING)
BY_DEFAULT = frozenset(
    {
        *("plan stored", "click accepted", "run row written", "step 1 operated", "after step 2", "after the end"),
        "card in Slack, its place not recorded",
    }
)
TABLE = ROOT / "docs" / "durability.md"
BETWEEN = re.compile(r"(?<=<!-- table -->\n).*?(?=<!-- end of table -->)", re.DOTALL)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    async with stage(tmp_path_factory.mktemp("kill")) as opened:
        yield opened


@pytest.fixture(scope="module")
def table() -> Iterator[list[Ended]]:
    """What was found, a row for each moment; written down where ``KEEP_TABLE`` is set and no moment is missing."""
    found: list[Ended] = []
    yield found
    if os.environ.get("KEEP_TABLE") and len(found) == len(MOMENTS):
        TABLE.write_text(BETWEEN.sub(written(found), TABLE.read_text(encoding="utf-8")), encoding="utf-8")


def written(found: list[Ended]) -> str:
    head = (
        "| killed at | on record then | cluster changed | steps begun | cards | how it ended | after |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    )
    return "\n".join([*head, *(row(ended) for ended in found), ""])


def row(ended: Ended) -> str:
    cells = (
        ended.moment,
        ended.survived,
        f"{len(ended.scaled)}x",
        " ".join(str(step.attempts) for step in ended.run.steps),
        f"{len(ended.cards)}",
        f"{ended.run.status}, {ended.ready} of {ended.wanted} pods ready",
        f"{ended.seconds:.1f} s",
    )
    return f"| {' | '.join(cells)} |"


async def played(scene: Stage, moment: str) -> Ended:
    if moment in HANGING:
        kind, method, asking = HANGING[moment]
        return await scene.die_while(moment, (kind, method), asking=asking)
    return await scene.die_at(moment, asking=moment in ASKING)


def begun_again(moment: str, step: int) -> bool:
    """Whether the step was begun and not recorded as ended when the process died."""
    return moment in (f"before step {step}", f"step {step} operated")


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    "moment", [pytest.param(name, marks=() if name in BY_DEFAULT else pytest.mark.slow) for name in MOMENTS]
)
async def test_what_was_begun_is_ended_once(scene: Stage, table: list[Ended], moment: str) -> None:
    ended = await played(scene, moment)
    [change] = ended.scaled
    assert (change["verb"], change["subresource"]) == ("patch", "scale")
    assert change["body"]["spec"]["replicas"] == ended.wanted == ended.ready
    assert ended.run.status == "succeeded"
    if moment not in HANGING:
        assert [step.attempts for step in ended.run.steps] == [
            2 if begun_again(moment, step) else 1 for step in range(1, len(ended.run.steps) + 1)
        ]
    the_card_is_right(ended)
    assert ended.locks == 0
    assert sorted((entry.kind, entry.status) for entry in ended.attempts) == [("command", "done"), ("decision", "done")]
    table.append(ended)


def the_card_is_right(ended: Ended) -> None:
    [card] = ended.cards
    labels = [(element.get("text") or {}).get("text") for element in buttons(card)]
    assert labels == ["Undo"]
    assert "Done after" in shown_text(card)
    assert "approver" in shown_text(card)


def test_every_checkpoint_of_the_source_is_in_the_table() -> None:
    names = {row.split("|")[1].strip() for row in TABLE.read_text(encoding="utf-8").splitlines() if row.startswith("|")}
    assert set(checkpoints()) <= names
    assert set(MOMENTS) <= names


def checkpoints() -> Iterator[str]:
    """Every name that is given to ``reached`` in the source, for each step of the plan where it has a number."""
    for path in (ROOT / "bot" / "dispatch").rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "reached":
                yield from names_of(call.args[0])


def names_of(argument: ast.expr) -> Iterator[str]:
    if isinstance(argument, ast.IfExp):
        yield from (*names_of(argument.body), *names_of(argument.orelse))
    elif isinstance(argument, ast.JoinedStr):
        for step in STEPS:
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else str(step) for part in argument.values)
    else:
        yield str(ast.literal_eval(argument))
