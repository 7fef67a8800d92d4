from bot.dispatch.change_list import change_list
from bot.plan import Change, Plan
from bot.reply import Bold, Code, Reply, Table, Text
from bot.slack.blocks import render

IMAGE = "registry.novapulse.example/team/worker:2.14."


def plan(*changes: Change) -> Plan:
    return Plan(title="t", target="t", changes=changes, steps=())


def test_short_values_are_a_table() -> None:
    (part,) = change_list(plan(Change(what="pods", before="2", after="5")))
    assert isinstance(part, Table)
    assert part.rows == (("pods", "2", "→", "5"),)


def test_long_values_stand_under_each_other_and_none_is_cut() -> None:
    (part,) = change_list(plan(Change(what="image", before=f"{IMAGE}1", after=f"{IMAGE}0")))
    assert isinstance(part, Text)
    assert part.spans[:5] == (Bold(text="image"), "\n", Code(text=f"{IMAGE}1"), "\n→ ", Code(text=f"{IMAGE}0"))
    shown = str(render(Reply(title="t", parts=(part,))).blocks)
    assert f"{IMAGE}0" in shown
    assert "…" not in shown


def test_what_was_empty_before_is_said_to_be_nothing() -> None:
    (part,) = change_list(plan(Change(what="annotation", before="", after="x" * 60)))
    assert isinstance(part, Text)
    assert part.spans[2] == "nothing"


def test_a_plan_that_changes_nothing_lists_nothing() -> None:
    assert list(change_list(plan())) == []
