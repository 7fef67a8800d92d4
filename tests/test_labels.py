"""What names a label that no alert has, or a value that its label never has, is refused with its line."""

from pathlib import Path

import pytest

from bot.catalog import Catalog
from bot.errors import InvalidPolicy
from bot.labels import KnownLabels
from bot.matchers import Matcher
from bot.policy_file import PolicyFile, read
from bot.schedule import Observation, schedule

QUEUES = ("email", "report", "webhook")


@schedule("look", metrics={"queue_waiting": {"queue": ()}, "system_up": {"system": ("redis", "mongodb")}, "p95": {}})
async def look() -> list[Observation]:
    """Look."""
    return []


CATALOG = Catalog({}, {"look": look})
POLICY = """\
[people]
U1.name = "ann"
[roles.a]
members = ["U1"]
[approvals.default]
approvers = ["a"]
[limits]
[schedules]
look.every = "30s"

[[alerts]]
name = "waiting"
metric = "queue_waiting"
match = { queue = "email" }
labels = { team = "mail" }
warning = 500
summary = "waiting"

[[alerts]]
name = "redis-down"
metric = "system_up"
unless = { system = "mongodb" }
below = true
critical = 1
summary = "down"

[[alerts]]
name = "unread"
metric = "rule_readable"
match = { rule = "waiting" }
below = true
warning = 1
summary = "unread"

[receivers.room]
slack = true

[[routes]]
matchers = ["queue=~em.*|report", "severity=critical", "team!=mail"]
receivers = ["room"]
group_by = ["alert"]

[[routes]]
receivers = ["room"]

[[inhibitions]]
source = ["alert=redis-down", "system!~redis|mongodb"]
target = ["rule=waiting", "queue="]
equal = ["queue"]

[notifications]
group_by = ["..."]
"""

REFUSED = [
    ('"severity=critical"', '"severty=critical"', 'matchers = ["queue=~em.*', "the label “severty”", "severity"),
    ('"severity=critical"', '"severity=high"', 'matchers = ["queue=~em.*', "the severity “high”", ""),
    ('"queue=~em.*|report"', '"queue=~em.*|reprot"', "matchers = [", "the queue “reprot”", "report"),
    ('"queue=~em.*|report"', '"queue=~mail.*"', "matchers = [", "the queue “mail.*”", "email"),
    ('"queue=~em.*|report"', '"queue=emial"', "matchers = [", "the queue “emial”", "email"),
    ('"team!=mail"', '"team!=mial"', "matchers = [", "the team “mial”", "mail"),
    ('group_by = ["alert"]', 'group_by = ["alrt"]', "group_by = ", "group_by names the label “alrt”", "alert"),
    ('"alert=redis-down"', '"alert=redis-dwon"', "source = ", "the alert “redis-dwon”", "redis-down"),
    ('"system!~redis|mongodb"', '"system!~redis|mongo"', "source = ", "the system “mongo”", "mongodb"),
    ('"rule=waiting"', '"rule=wating"', "target = ", "the rule “wating”", "waiting"),
    ('"queue="', '"queu="', "target = ", "the label “queu”", "queue"),
    ('equal = ["queue"]', 'equal = ["queu"]', "equal = ", "equal names the label “queu”", "queue"),
    ('["..."]', '["quue"]', 'group_by = ["quue"]', "group_by names the label “quue”", "queue"),
    ('{ queue = "email" }', '{ queue = "emial" }', "match = ", "'waiting' names the queue 'emial'", "email"),
    ('{ queue = "email" }', '{ system = "redis" }', "match = ", "the label 'system', which the metric", ""),
    ('{ system = "mongodb" }', '{ system = "mongo" }', "unless = ", "names the system 'mongo'", "mongodb"),
    ('{ rule = "waiting" }', '{ rule = "wating" }', "match = ", "names the rule 'wating'", "waiting"),
    ('{ system = "mongodb" }', '{ sytem = "redis" }', "unless = ", "names the label 'sytem'", "system"),
]


def test_what_every_alert_may_have_is_good() -> None:
    assert len(read(POLICY, CATALOG, QUEUES).alerts) == 3


@pytest.mark.parametrize(("old", "new", "begins", "said", "meant"), REFUSED)
def test_what_no_alert_can_have_is_refused_with_its_line_and_the_nearest_name(
    old: str, new: str, begins: str, said: str, meant: str
) -> None:
    assert POLICY.count(old) == 1
    text = POLICY.replace(old, new)
    with pytest.raises(InvalidPolicy) as refused:
        read(text, CATALOG, QUEUES)
    line = text.splitlines()[refused.value.line - 1]
    assert (new in line, line.startswith(begins.partition(" = ")[0])) == (True, True)
    assert str(refused.value).startswith(f"line {refused.value.line}: ")
    assert said in str(refused.value)
    assert str(refused.value).endswith(f"; did you mean {meant!r}?") if meant else "; there are " in str(refused.value)


def test_a_reload_that_names_no_label_leaves_the_old_policy_in_force(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(POLICY)
    file = PolicyFile(path, CATALOG, QUEUES)
    before = file.current
    for old, new, *_ in REFUSED:
        path.write_text(POLICY.replace(old, new))
        with pytest.raises(InvalidPolicy, match=r"^line "):
            file.reload()
        assert file.current is before


def test_without_queues_any_queue_may_be_named() -> None:
    assert read(POLICY.replace('"queue=~em.*|report"', '"queue=other"'), CATALOG).routes


def test_the_labels_are_those_of_the_rules(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(POLICY)
    values = PolicyFile(path, CATALOG, QUEUES).labels.values
    assert values == {
        "alert": ("waiting", "redis-down", "unread"),
        "queue": QUEUES,
        "rule": ("waiting", "redis-down", "unread"),
        "severity": ("warning", "critical"),
        "system": ("redis", "mongodb"),
        "team": ("mail",),
    }


def test_of_a_thousand_names_some_are_listed() -> None:
    known = KnownLabels({"queue": [f"q{number}" for number in range(1000)]})
    assert known.problem(Matcher("queue=~zzz")).endswith("q18, q19 and 980 more")


def test_what_was_typed_is_said_back_short_and_masked() -> None:
    said = KnownLabels({"queue": ("email",)}).problem(Matcher("queue=mongodb://nova:hunter2@db/x"))
    assert "hunter2" not in said
