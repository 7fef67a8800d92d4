"""The policy file: every refusal names the line, and a bad reload changes nothing."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import pytest
from pydantic import Field

from bot import catalog
from bot.catalog import Catalog
from bot.command import command
from bot.errors import InvalidPolicy
from bot.plan import Plan
from bot.policy_file import PolicyFile, line_of, read
from bot.reply import Reply, say
from bot.schedule import Observation, schedule

ROOT = Path(__file__).parents[1]


@command("/queues", permission="queues:read", section="Testing")
async def queues() -> Reply:
    """Show queues."""
    return say("queues")


@command("/scale", permission="workers:scale", section="Testing")
async def scale(to: Annotated[int, Field(description="How many")]) -> Plan:
    """Scale."""
    return Plan(title=str(to), target="t", changes=(), steps=())


@schedule("morning")
async def morning() -> Reply:
    """Say good morning."""
    return say("good morning")


@schedule("look", metrics={"queue_waiting": {"queue": ()}, "queue_failed": {"queue": ()}})
async def look() -> list[Observation]:
    """Look at the queues."""
    return []


CATALOG = Catalog({"/queues": queues, "/scale": scale}, {"look": look, "morning": morning})
QUEUES = ("email", "report")

GOOD = """\
timezone = "Europe/Berlin"

[people]
U1.name = "ann"
U2 = { name = "bob", console = "bob" }

[people.U3]
name = "cyn"

[roles.viewer]
permissions = ["queues:read"]
members = ["U3"]

[roles.operator]
includes = ["viewer"]
permissions = [
    "workers:scale",
]
members = ["U1"]

[roles."lead"]
includes = ["operator"]
members = ["U2"]

[approvals.default]
approvers = ["lead"]

[approvals."/scale"]
approvers = ["operator"]
needed = 2
ask_next = ["lead"]

[break_glass]
roles = ["lead"]
commands = ["/scale"]

[limits.worker]
maximum = 10
step = 3

[schedules.morning]
cron = "0 8 * * *"

[[alerts]]
name = "first"
metric = "queue_waiting"
warning = 500
summary = "waiting"

[[alerts]]
name = "second"
metric = "queue_failed"
match = { queue = "email" }
critical = 500
summary = "failed"
next_steps = ["/scale 5"]

[schedules.look]
every = "30s"
"""


def test_a_good_file_is_read() -> None:
    policy = read(GOOD, CATALOG)
    assert policy.members(("lead",)) == ("U2",)
    assert [rule.name for rule in policy.alerts] == ["first", "second"]


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ('metric = "queue_failed"', 'metric = "queue_faild"', 52, "'queue_faild'; did you mean 'queue_failed'?"),
        ('metric = "queue_failed"', 'metric = "zzz"', 52, "'zzz'; there are queue_waiting, queue_failed"),
        ('timezone = "Europe/Berlin"', 'timezone = "Berlin"', 1, "is not a time zone"),
        ('timezone = "Europe/Berlin"', "timezone = ", 1, "Invalid value"),
        ('name = "cyn"', 'nmae = "cyn"', 7, "people.U3.name is missing"),
        ('U1.name = "ann"', "U1.name = 5", 4, "people.U1.name"),
        ('console = "bob"', 'admin = "bob"', 5, "people.U2.admin is not a key"),
        ('name = "cyn"', 'name = "cyn"\nemail = "cyn, bob"', 9, "people.U3.email: email has to be one address"),
        ('name = "cyn"', 'name = "cyn"\nconsole = "bob"', 9, "the same login name 'bob'"),
        ('members = ["U3"]', 'members = ["U3", "U4"]', 12, "'U4', who is not under [people]"),
        ('permissions = ["queues:read"]', 'permissions = ["queues:raed"]', 11, "the permission 'queues:raed'"),
        ('includes = ["viewer"]', 'includes = ["veiwer"]', 15, "includes 'veiwer', which does not exist"),
        ('    "workers:scale",', "    5,", 16, "roles.operator.permissions.0"),
        ("[approvals.default]", "[approvals.standard]", 25, "[approvals.default] is missing"),
        ('[approvals."/scale"]', '[approvals."/scael"]', 28, "no changing command '/scael'"),
        ('[approvals."/scale"]', '[approvals."/queues"]', 28, "no changing command '/queues'"),
        ('approvers = ["lead"]', 'approvers = ["leader"]', 26, "the role 'leader', which does not exist"),
        ('approvers = ["lead"]', "approvers = []", 26, "approvals.default.approvers"),
        ("needed = 2", "needed = 3", 30, "more approvers than there are"),
        ("needed = 2", "needed = 11", 30, "approvals./scale.needed"),
        ("needed = 2", "need = 2", 30, "approvals./scale.need is not a key"),
        ('ask_next = ["lead"]', 'ask_next = ["lead", "x"]', 31, "the role 'x', which does not exist"),
        ('ask_next = ["lead"]', 'ask_next = ["viewer"]', 31, "asks cyn next, who may not approve"),
        ('ask_next = ["lead"]', 'approve_within = "soon"', 31, "a number and a unit"),
        ('roles = ["lead"]', 'roles = ["chief"]', 34, "break_glass names the role 'chief'"),
        ('commands = ["/scale"]', 'commands = ["/queues"]', 35, "'/queues', which is no changing command"),
        ("[limits.worker]", "[limits.wroker]", 37, "limits.wroker"),
        ("step = 3", "step = 0", 39, "limits.worker.step"),
        ("[schedules.morning]", "[schedules.mourning]", 41, "there is no schedule 'mourning'"),
        ('cron = "0 8 * * *"', 'cron = "0 8 * *"', 42, "five fields"),
        ('cron = "0 8 * * *"', 'cron = "0 8 10-5 * *"', 42, "day of month cannot be 10-5"),
        ('name = "first"', 'name = "first"\nseverity = "high"', 46, "alerts.0.severity is not a key"),
        ("warning = 500", 'warning = "many"', 47, "alerts.0.warning"),
        ("warning = 500", "", 44, "a rule needs warning, critical or both"),
        ('summary = "failed"', "", 50, "alerts.1.summary is missing"),
        ('name = "second"', 'name = "first"', 51, "two alert rules are named 'first'"),
        ('match = { queue = "email" }', "match = { queue = 5 }", 53, "alerts.1.match.queue"),
        (
            'summary = "failed"',
            'summary = "failed"\nunit = "jbos"',
            56,
            "alerts.1.unit: 'jbos' is no unit; there are jobs, %",
        ),
        (
            'summary = "failed"',
            'summary = "failed"\nfor = "soon"',
            56,
            "alerts.1.for: a duration is a number and a unit",
        ),
        ('summary = "failed"', 'summary = "failed"\nfor = { high = "5m" }', 56, "alerts.1.for.high"),
        (
            'summary = "failed"',
            'summary = "failed"\nfor = { critical = "soon" }',
            56,
            "a duration is a number and a unit",
        ),
        ('summary = "failed"', 'summary = "failed"\nrunbook = "Redis Outage"', 56, "'Redis Outage' is no link"),
        (
            '{ queue = "email" }',
            '{ queue = "emial" }',
            53,
            "the queue 'emial', which QUEUES does not name; did you mean 'email'?",
        ),
        (
            'match = { queue = "email" }',
            'unless = { queue = "x" }',
            53,
            "the queue 'x', which QUEUES does not name; there are email, report",
        ),
        ('["/scale 5"]', '["/sacle 5"]', 56, "there is no command '/sacle'"),
        ('["/scale 5"]', '[" "]', 56, "there is no command ''"),
        ("next_steps = [", "next_steps = [[", 58, ""),
    ],
)
def test_what_is_wrong_is_said_with_its_line(old: str, new: str, line: int, said: str) -> None:
    assert GOOD.count(old) >= 1
    with pytest.raises(InvalidPolicy) as caught:
        read(GOOD.replace(old, new, 1), CATALOG, QUEUES)
    assert said in str(caught.value)
    assert caught.value.line == line
    assert str(caught.value).startswith(f"line {line}: ")


def test_a_missing_part_is_said_without_a_line() -> None:
    with pytest.raises(InvalidPolicy) as caught:
        read("", CATALOG)
    assert str(caught.value) == "people is missing"


def test_the_line_is_that_of_the_right_table() -> None:
    text = '[a.x]\nk = 1\n[b.x]\nk = 1\n["b"."y.z"]\n"k" = 1\n[[c]]\n[[c]]\nk = 1\n[c.d]\nk = 2\n'
    assert line_of(text, ("b", "x", "k")) == 4
    assert line_of(text, ("b", "y.z", "k")) == 6
    assert line_of(text, ("c", 0, "k")) == 7
    assert line_of(text, ("c", 1, "k")) == 9
    assert line_of(text, ("z",)) == 0


def test_a_reload_that_fails_leaves_the_old_one_in_force(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(GOOD)
    file = PolicyFile(path, CATALOG)
    first = file.current
    assert file.reload() is False
    assert file.current is first

    path.write_text(GOOD.replace("maximum = 10", "maximum = -1"))
    with pytest.raises(InvalidPolicy):
        file.reload()
    assert file.current is first

    for cron in ("0 8 10-5 * *", "jan 8 * * *", "0 mon * * *"):
        path.write_text(GOOD.replace("0 8 * * *", cron))
        with pytest.raises(InvalidPolicy, match="line 42: "):
            file.reload()
        assert file.current is first

    path.write_bytes(b"\xff")
    with pytest.raises(InvalidPolicy, match="cannot be read"):
        file.reload()
    path.unlink()
    with pytest.raises(InvalidPolicy, match="cannot be read"):
        file.reload()
    assert file.current is first

    path.write_text(GOOD.replace("maximum = 10", "maximum = 11"))
    assert file.reload() is True
    assert file.current.limits["worker"].maximum == 11


def test_a_reload_that_names_an_unknown_queue_leaves_the_old_one_in_force(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(GOOD)
    file = PolicyFile(path, CATALOG, QUEUES)
    first = file.current
    path.write_text(GOOD.replace('queue = "email"', 'queue = "mail"'))
    with pytest.raises(InvalidPolicy, match="line 53: the rule 'second' names the queue 'mail'"):
        file.reload()
    assert file.current is first


def test_an_empty_file_stops_the_start(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text("")
    with pytest.raises(InvalidPolicy, match=r"policy\.toml is empty"):
        PolicyFile(path, CATALOG)


@pytest.mark.parametrize("name", ["policy.toml", "sandbox/policy.toml"])
def test_the_policies_that_come_with_the_bot_are_good(name: str) -> None:
    policy = PolicyFile(ROOT / name, catalog.load()).current
    assert set(policy.people) - {"U0CTO"} == {"U0OPERATOR", "U0APPROVER", "U0APPROVER2", "U0VIEWER", "U0ONCALL"}
    alerts = {rule.name: (rule.metric, rule.match, rule.warning, rule.critical) for rule in policy.alerts}
    assert all(rule.section and rule.next_steps and rule.resolved for rule in policy.alerts)
    assert alerts == {
        "email-queue": ("queue_waiting", {"queue": "email"}, 500, 1000),
        "queue-depth": ("queue_waiting", {}, 1000, 2000),
        "failed-jobs": ("queue_failed", {}, 100, 500),
        "redis-down": ("system_up", {"system": "redis"}, None, 1),
        "mongodb-down": ("system_up", {"system": "mongodb"}, None, 1),
        "api-down": ("system_up", {"system": "api"}, None, 1),
        "queue-missing": ("queue_readable", {}, 1, None),
        "not-readable": ("system_readable", {}, 1, None),
        "no-workers": ("queue_workers", {}, None, 1),
        "oldest-job": ("queue_oldest_seconds", {}, 900, 3600),
        "queue-stalled": ("queue_stalled_seconds", {}, 300, 900),
        "api-errors": ("api_error_percent", {}, 1, 5),
        "api-slow": ("api_p95_ms", {}, 2000, 5000),
        "api-metrics-silent": ("api_metrics_readable", {}, 1, None),
        "high-memory": ("pod_memory_percent", {}, 85, None),
        "high-cpu": ("pod_cpu_percent", {}, 80, None),
        "webhook-failures": ("webhook_failed_percent", {}, 20, 50),
        "backup-old": ("backup_overdue_seconds", {}, 3600, 90000),
        "backup-failed": ("backup_ok", {}, 1, None),
        "backup-unknown": ("backup_readable", {}, 1, None),
        "rule-unknown": ("rule_readable", {}, 1, None),
    }
    assert {name: (limit.maximum, limit.step) for name, limit in policy.limits.items()} == {
        "worker": (10, 3),
        "api": (10, 3),
    }


def test_whoever_is_called_has_to_be_known() -> None:
    text = GOOD + '\n[oncall]\n[[oncall.levels]]\ntitle = "On-call engineer"\npeople = ["U3", "U9"]\n'
    with pytest.raises(InvalidPolicy, match="oncall names 'U9', who is not under") as raised:
        read(text, CATALOG)
    assert raised.value.line == len(text.splitlines())


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ('[notifications]\ngroup_by = ["...", "queue"]', "nothing can stand beside it"),
        ('[notifications]\nrepeat_interval = "often"', "a number and a unit"),
        ("[flapping]\nopenings = 1", "flapping.openings"),
        ("[flapping]\nopening = 3", "flapping.opening is not a key"),
    ],
)
def test_how_alerts_are_notified_is_checked_with_its_line(section: str, said: str) -> None:
    text = f"{GOOD}\n{section}\n"
    with pytest.raises(InvalidPolicy, match=said) as raised:
        read(text, CATALOG)
    assert raised.value.line == len(text.splitlines())


ONCALL = """
[oncall]
[[oncall.levels]]
title = "On-call engineer"
[[oncall.levels]]
title = "Team lead"
people = ["U2"]
[[oncall.rotations]]
people = ["U1", "U3"]
starts = 2026-01-05T09:00:00
zone = "Europe/Berlin"
to = 2026-03-02T09:00:00
[[oncall.rotations]]
people = ["U3"]
starts = 2026-03-02T09:00:00
zone = "Europe/Berlin"
[escalation]
after = ["10m"]
"""


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("starts = 2026-03-02T09:00:00", "starts = 2026-03-02T08:00:00", 13, "1 and 2 are both of level 1 and overlap"),
        ('people = ["U1", "U3"]', 'people = ["U1", "U8"]', 9, "oncall names 'U8'"),
        ('people = ["U3"]', 'people = ["U3"]\nlevel = 3', 15, "a rotation is of level 3; there are 2"),
        ('after = ["10m"]', 'after = ["10m", "20m"]', 18, "calls level 3, where oncall names nobody"),
        ('people = ["U2"]', "people = []", 18, "calls level 2, where oncall names nobody"),
        ('after = ["10m"]', 'after = ["10m", "10m"]', 18, "called later than the one before"),
        ('zone = "Europe/Berlin"\nto', 'zone = "Europe/Brelin"\nto', 11, "is not a time zone"),
    ],
)
def test_overlapping_rotations_and_an_escalation_to_nobody_are_refused(
    old: str, new: str, line: int, said: str
) -> None:
    assert read(GOOD + ONCALL, CATALOG).escalation.after
    assert ONCALL.count(old) == 1
    with pytest.raises(InvalidPolicy, match=said) as raised:
        read(GOOD + ONCALL.replace(old, new), CATALOG)
    assert raised.value.line == len(GOOD.splitlines()) + line


def test_a_reload_with_overlapping_rotations_leaves_the_old_policy_in_force(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(GOOD + ONCALL)
    policy = PolicyFile(path, CATALOG)
    path.write_text(GOOD + ONCALL.replace("to = 2026-03-02T09:00:00", "to = 2026-03-09T09:00:00"))
    before = policy.current
    with pytest.raises(InvalidPolicy, match="overlap from 2026-03-02 08:00 UTC on"):
        policy.reload()
    assert policy.current is before


def test_whoever_has_level_one_may_acknowledge_and_accept(tmp_path: Path) -> None:
    text = (ROOT / "policy.toml").read_text(encoding="utf-8")
    people = 'people = ["U0OPERATOR", "U0ONCALL"]'
    path = tmp_path / "policy.toml"
    path.write_text(text.replace(people, 'people = ["U0OPERATOR", "U0VIEWER"]'))
    with pytest.raises(InvalidPolicy, match="level 1, who has no role with alerts:acknowledge") as raised:
        PolicyFile(path, catalog.load())
    assert raised.value.line == text.splitlines().index(people) + 1


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ("[backups.mongo]", "there is no backup of 'mongo' to watch; did you mean 'mongodb'?"),
        ("[backups.postgres]", "there is no backup of 'postgres' to watch; there are mongodb, redis"),
        ('[backups.mongodb]\nevery = "daily"', "backups.mongodb.every: a duration is a number and a unit, such as 30s"),
        ('[backups.mongodb]\nevery = "0s"', "backups.mongodb.every: every has to be longer than 0 s"),
        ('[backups.mongodb]\ncronjob = "Mongo Backup"', "'Mongo Backup' is no name of a CronJob: small letters"),
        ('[backups.mongodb]\ncron = "mongo-backup"', "backups.mongodb.cron is not a key that the policy knows"),
        ('[backups.redis]\nwatched = "no thanks"', "backups.redis.watched"),
    ],
)
def test_what_is_wrong_with_a_backup_is_said_with_its_line(section: str, said: str) -> None:
    text = f"{GOOD}\n{section}\n"
    with pytest.raises(InvalidPolicy) as raised:
        read(text, CATALOG)
    assert said in str(raised.value)
    assert raised.value.line == len(text.splitlines())


def test_a_backup_is_expected_every_day_where_nothing_else_is_said() -> None:
    policy = read(f'{GOOD}\n[backups.mongodb]\ncronjob = "mongo-backup"\n', CATALOG)
    backup = policy.backups["mongodb"]
    assert (backup.cronjob, backup.every.days, backup.watched) == ("mongo-backup", 1, True)


def test_the_self_test_is_sent_every_minute_unless_the_policy_says_otherwise() -> None:
    assert read(GOOD, CATALOG, QUEUES).self_test_every == timedelta(minutes=1)
    assert not read('self_test_every = "0s"\n' + GOOD, CATALOG, QUEUES).self_test_every
    for wrong in ("1h", "1s"):
        with pytest.raises(
            InvalidPolicy, match="line 1: self_test_every: self_test_every is 2s at least and 10m at most"
        ):
            read(f'self_test_every = "{wrong}"\n' + GOOD, CATALOG, QUEUES)
