from datetime import timedelta
from pathlib import Path

import pytest

from bot import catalog
from bot.policy_file import PolicyFile
from sandbox.environment import POLICY
from sandbox.tour.escalation import AFTER, REMIND_AFTER, hurried


def test_the_tours_policy_is_the_sandboxs_with_a_faster_escalation(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(hurried(POLICY.read_text(encoding="utf-8")), encoding="utf-8")
    known = catalog.load()
    usual, fast = PolicyFile(POLICY, known).current, PolicyFile(path, known).current
    assert fast.escalation.after == tuple(timedelta(seconds=seconds) for seconds in AFTER)
    assert fast.escalation.remind_after == timedelta(seconds=REMIND_AFTER)
    clocks = {"after": fast.escalation.after, "remind_after": fast.escalation.remind_after}
    assert fast == usual.model_copy(update={"escalation": usual.escalation.model_copy(update=clocks)})


def test_the_reminder_comes_after_the_time_of_the_level_that_is_not_called_any_more() -> None:
    assert AFTER[1] + REMIND_AFTER > AFTER[2]


def test_a_policy_without_the_clocks_is_refused() -> None:
    with pytest.raises(LookupError, match="0 lines that begin with 'after'"):
        hurried("[escalation]\n")
