"""Bad input to the policy that comes with the bot: refused at the start with its line; on reload the old one stays."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot import catalog
from bot.errors import InvalidPolicy
from bot.policy_file import PolicyFile

DEFAULT = (Path(__file__).parents[1] / "policy.toml").read_text(encoding="utf-8")
CATALOG = catalog.load()
QUEUES = ("email", "webhook", "workflow", "report")
NOW = datetime(2026, 7, 1, 9, tzinfo=UTC)

ROTATION = """
[[oncall.rotations]] # again
level = 1
people = ["U0ONCALL"]
starts = 2026-03-02T09:00:00
zone = "Europe/Berlin"
"""

WHO = "oncall has Vera Viewer at level"
ALWAYS = "the rule 'backup-unknown'"
HARDER = "the next step '/restart worker --hard'"
OF_NO_SUCH_LABEL = "the rule 'email-queue' names the label 'queu', which the metric 'queue_waiting' does not have"
# What is edited, which line is at fault (its text), and the whole sentence.
BAD = {
    "a level that could not acknowledge": (
        'people = ["U0CTO"]',
        'people = ["U0VIEWER"]',
        'people = ["U0VIEWER"]',
        f"{WHO} 4, who has no role with alerts:acknowledge",
    ),
    "a turn of somebody who could not acknowledge": (
        'people = ["U0OPERATOR", "U0ONCALL"]',
        'people = ["U0OPERATOR", "U0VIEWER"]',
        'people = ["U0OPERATOR", "U0VIEWER"]',
        f"{WHO} 1, who has no role with alerts:acknowledge",
    ),
    "a level of the break-glass rule that is not there": (
        "on_call = [1]",
        "on_call = [1, 5]",
        "on_call = [1, 5]",
        "break_glass names level 5; there are 4",
    ),
    "a rule about an unknown queue": (
        'match = { queue = "email" }',
        'match = { queue = "mail" }',
        'match = { queue = "mail" }',
        "the rule 'email-queue' names the queue 'mail', which QUEUES does not name; did you mean 'email'?",
    ),
    "a rule about an unknown system": (
        'match = { system = "redis" }',
        'match = { system = "reddis" }',
        'match = { system = "reddis" }',
        "the rule 'redis-down' names the system 'reddis', which is never observed; did you mean 'redis'?",
    ),
    "a rule about an unknown label": (
        'match = { queue = "email" }',
        'match = { queu = "email" }',
        'match = { queu = "email" }',
        f"{OF_NO_SUCH_LABEL}; did you mean 'queue'?",
    ),
    "a rule of an unknown metric": (
        'metric = "queue_failed"',
        'metric = "queue_faild"',
        'metric = "queue_faild"',
        "no schedule observes the metric 'queue_faild'; did you mean 'queue_failed'?",
    ),
    "a rule in an unknown unit": (
        'unit = "ms"',
        'unit = "msec"',
        'unit = "msec"',
        "alerts.12.unit: 'msec' is no unit; there are jobs, %, s, ms, replicas, workers, rules",
    ),
    "a route to an unknown receiver": (
        'matchers = ["severity=critical"]\nreceivers = ["oncall"]',
        'matchers = ["severity=critical"]\nreceivers = ["onclal"]',
        'receivers = ["onclal"]',
        "there is no receiver 'onclal'; did you mean 'oncall'?",
    ),
    "a second path to an unknown receiver": (
        'second_path = "oncall"',
        'second_path = "pager"',
        'second_path = "pager"',
        "there is no receiver 'pager'; there are room, oncall",
    ),
    "a route that matches no alert": (
        '["alert=~high-.*"]',
        '["alert=~hihg-.*"]',
        'matchers = ["alert=~hihg-.*"]',
        "“alert=~hihg-.*” names the alert “hihg-.*”, which no alert has; did you mean 'high-cpu'?",
    ),
    "an inhibition by no alert": (
        'source = ["alert=no-workers"]',
        'source = ["alert=no-worker"]',
        'source = ["alert=no-worker"]',
        "“alert=no-worker” names the alert “no-worker”, which no alert has; did you mean 'no-workers'?",
    ),
    "an inhibition of a queue that there is not": (
        'target = ["queue=~.+"]',
        'target = ["queue=mail"]',
        'target = ["queue=mail"]',
        "“queue=mail” names the queue “mail”, which QUEUES does not name; did you mean 'email'?",
    ),
    "alerts grouped by no label": (
        'group_by = ["alert"] # all',
        'group_by = ["allert"] # all',
        'group_by = ["allert"] # all pods that are beyond it share one card',
        "group_by names the label “allert”, which no alert has; did you mean 'alert'?",
    ),
    "a backup of an unknown system": (
        "[backups.mongodb]",
        "[backups.mongo]",
        "[backups.mongo]",
        "there is no backup of 'mongo' to watch; did you mean 'mongodb'?",
    ),
    "overlapping rotations": (
        'zone = "Europe/Berlin"\n',
        f'zone = "Europe/Berlin"\n{ROTATION}',
        "[[oncall.rotations]] # again",
        "the rotations 1 and 2 are both of level 1 and overlap from 2026-03-02 08:00 UTC on",
    ),
    "an escalation to nobody": (
        'title = "CTO"\npeople = ["U0CTO"]',
        'title = "CTO"\npeople = []',
        'after = ["10m", "20m", "30m"]',
        "the escalation calls level 4, where oncall names nobody",
    ),
    "an escalation to a level that there is not": (
        'after = ["10m", "20m", "30m"]',
        'after = ["10m", "20m", "30m", "40m"]',
        'after = ["10m", "20m", "30m", "40m"]',
        "the escalation calls level 5, where oncall names nobody",
    ),
    "an escalation to a rotation that ended long ago": (
        'zone = "Europe/Berlin"\n',
        'zone = "Europe/Berlin"\nto = 2026-06-01T09:00:00\n',
        "[[oncall.rotations]]",
        "the escalation calls level 1, where nobody is on call any more",
    ),
    "an escalation to a rotation that begins in some years": (
        'zone = "Europe/Berlin"\n',
        'zone = "Europe/Berlin"\nfrom = 2030-01-07T09:00:00\n',
        "[[oncall.rotations]]",
        "the escalation calls level 1, where nobody is on call before 2030-01-07 08:00 UTC",
    ),
    "an escalation to somebody who had it until last month": (
        '[[oncall.levels]]\ntitle = "CTO"\n',
        '[[oncall.levels]] # once\ntitle = "CTO"\nuntil = 2026-06-01T09:00:00Z\n',
        "[[oncall.levels]] # once",
        "the escalation calls level 4, where nobody is on call any more",
    ),
    "a threshold that is no number": (
        "warning = 500",
        "warning = nan",
        "warning = nan",
        "alerts.0.warning: has to be a number that is not nan or inf",
    ),
    "a threshold beyond every number": (
        "critical = 2000",
        "critical = inf",
        "critical = inf",
        "alerts.1.critical: has to be a number that is not nan or inf",
    ),
    "a threshold that nothing is below": (
        '[[alerts]]\nname = "no-workers"\nmetric = "queue_workers"\nbelow = true\ncritical = 1',
        '[[alerts]] # workers\nname = "no-workers"\nmetric = "queue_workers"\nbelow = true\ncritical = 0',
        "[[alerts]] # workers",
        "alerts.8: nothing that is counted is below 0, so a rule with below needs more than that",
    ),
    "a limit that is no number": (
        "maximum = 10",
        "maximum = inf",
        "maximum = inf",
        "limits.worker.maximum: has to be a number that is not nan or inf",
    ),
    "a runbook that is no link": (
        'runbook = ""',
        'runbook = "the wiki"',
        'runbook = "the wiki"',
        "runbook: 'the wiki' is no link: it begins with https:// (a section's name goes under section)",
    ),
    "a mail address that is none": (
        "\nmail = true",
        '\nmail = ["x"]',
        'mail = ["x"]',
        "receivers.oncall.mail.0: 'x' is no mail address, such as alerts@novapulse.com",
    ),
    "a channel that is a number": (
        "\nslack = true",
        "\nslack = 5",
        "slack = 5",
        'receivers.room.slack: has to be true or false, or text in quotes, such as "email"',
    ),
    "a channel without a name": (
        "\nslack = true",
        '\nslack = ""',
        'slack = ""',
        "receivers.room.slack: may not be empty",
    ),
    "a rotation of nobody": (
        'people = ["U0OPERATOR", "U0ONCALL"]',
        "people = []",
        "people = []",
        "oncall.rotations.0.people: has to name 1 at least",
    ),
    "people who are no list": (
        'people = ["U0OPERATOR", "U0ONCALL"]',
        'people = "U0OPERATOR"',
        'people = "U0OPERATOR"',
        "oncall.rotations.0.people: has to be a list in brackets, such as [...]",
    ),
    "a hand-over with a zone of its own": (
        "starts = 2026-01-05T09:00:00",
        "starts = 2026-01-05T09:00:00Z",
        "starts = 2026-01-05T09:00:00Z",
        "oncall.rotations.0.starts: has to be a local time without a zone, such as 2026-01-05T09:00:00",
    ),
    "an end without a zone": (
        'title = "CTO"\n',
        'title = "CTO"\nuntil = 2026-12-07T09:00:00\n',
        "until = 2026-12-07T09:00:00",
        "oncall.levels.3.until: has to be a moment with its zone, such as 2026-12-07T09:00:00Z",
    ),
    "a moment that is none": (
        'title = "CTO"\n',
        'title = "CTO"\nuntil = "tomorrow"\n',
        'until = "tomorrow"',
        "oncall.levels.3.until: has to be a moment, such as 2026-01-05T09:00:00",
    ),
    "a threshold in words": (
        "warning = 500",
        'warning = "many"',
        'warning = "many"',
        "alerts.0.warning: has to be a number",
    ),
    "a limit with a part": (
        "maximum = 10",
        "maximum = 10.5",
        "maximum = 10.5",
        "limits.worker.maximum: has to be a whole number",
    ),
    "a limit of nothing": (
        "maximum = 10",
        "maximum = 0",
        "maximum = 0",
        "limits.worker.maximum: has to be 1 or more",
    ),
    "a limit of what there is not": (
        "[limits.api]",
        "[limits.apis]",
        "[limits.apis]",
        "limits.apis: there is no such key here, only 'api' or 'worker'",
    ),
    "a time for a severity that there is not": (
        'for = { warning = "10m", critical = "5m" }',
        'for = { warning = "10m", critcal = "5m" }',
        'for = { warning = "10m", critcal = "5m" }',
        "alerts.11.for.critcal: there is no such key here, only 'warning' or 'critical'",
    ),
    "a number that is a list": (
        "[flapping]\nopenings = 3",
        "[flapping]\nopenings = []",
        "openings = []",
        "flapping.openings: has to be a whole number",
    ),
    "a name that is none": (
        'name = "Olga Operator"',
        "name = 5",
        "name = 5",
        'people.U0OPERATOR.name: has to be text in quotes, such as "email"',
    ),
    "a way that is neither on nor off": (
        "\npagerduty = true",
        '\npagerduty = "maybe"',
        'pagerduty = "maybe"',
        "receivers.oncall.pagerduty: has to be true or false",
    ),
    "rules whose readings no schedule makes": (
        '[schedules.threshold-alerts]\nevery = "30s"\n',
        "",
        'metric = "queue_waiting"',
        "the rule 'email-queue' never fires: 'queue_waiting' is read by [schedules.threshold-alerts], which is missing",
    ),
    "rules whose readings are two days apart": (
        '[schedules.threshold-alerts]\nevery = "30s"',
        '[schedules.threshold-alerts]\nevery = "2d"',
        'every = "2d"',
        "alert rules need what threshold-alerts reads: every is 1d at most",
    ),
    "rules whose readings are a week apart": (
        '[schedules.threshold-alerts]\nevery = "30s"',
        '[schedules.threshold-alerts]\ncron = "0 8 * * mon"',
        'cron = "0 8 * * mon"',
        "alert rules need what threshold-alerts reads: its cron has to fire every day, so its last three fields are *",
    ),
    "rules whose readings are a year apart": (
        '[schedules.backup-watch]\nevery = "10m"',
        '[schedules.backup-watch]\ncron = "0 8 1 1 *"',
        'cron = "0 8 1 1 *"',
        "alert rules need what backup-watch reads: its cron has to fire every day, so its last three fields are *",
    ),
    "a system that is down above a threshold": (
        'match = { system = "redis" }\nbelow = true\ncritical = 1',
        'match = { system = "redis" }\ncritical = 1 # up',
        "critical = 1 # up",
        "the rule 'redis-down' needs below = true and critical = 1: 'system_up' is 1 where all is well, else 0",
    ),
    "a system that is always down": (
        'metric = "backup_readable"\nbelow = true\nwarning = 1',
        'metric = "backup_readable"\nbelow = true\nwarning = 2 # of 1',
        "warning = 2 # of 1",
        f"{ALWAYS} needs below = true and warning = 1: 'backup_readable' is 1 where all is well, else 0",
    ),
    "a share of more than all": (
        "warning = 85",
        "warning = 850",
        "warning = 850",
        "the rule 'high-memory' never fires: 'pod_memory_percent' is never above 100 %",
    ),
    "a rule that waits for a month": (
        'for = "2m"',
        'for = "30d"',
        'for = "30d"',
        "the rule 'no-workers' says nothing for too long: for is 1d at most",
    ),
    "a next step with an option that there is not": (
        '"/restart worker"]',
        '"/restart worker --hard"]',
        'next_steps = ["/queue-stats {queue}", "/restart worker --hard"]',
        f"{HARDER} has '--hard', which /restart does not take; it is /restart <api|worker|redis>",
    ),
    "a next step of too many words": (
        'next_steps = ["/top-pods"]',
        'next_steps = ["/top-pods cpu many words"]',
        'next_steps = ["/top-pods cpu many words"]',
        "the next step '/top-pods cpu many words' has 'cpu', which /top-pods does not take; it is /top-pods",
    ),
    "a rule that leaves out all it takes": (
        'match = { queue = "email" }',
        'match = { queue = "email" }\nunless = { queue = "email" }',
        'metric = "queue_waiting"',
        "the rule 'email-queue' never fires: its unless leaves out all that its match takes",
    ),
    "a summary with a label that there is not": (
        'summary = "Queue {queue}: no workers connected"',
        'summary = "Queue {queu}: no workers connected"',
        'summary = "Queue {queu}: no workers connected"',
        "summary of the rule 'no-workers' has {queu}, which stands for nothing; did you mean {queue}?",
    ),
    "an end in words with a label that there is not": (
        'resolved = "Queue {queue} has workers again"',
        'resolved = "Queue {pod} has workers again"',
        'resolved = "Queue {pod} has workers again"',
        "resolved of the rule 'no-workers' has {pod}, which stands for nothing; there are {alert}, {queue}",
    ),
    "a next step with a label that there is not": (
        'next_steps = ["/failed-jobs {queue}", "/queue-stats {queue}"]',
        'next_steps = ["/failed-jobs {queue}", "/queue-stats {queu}"]',
        'next_steps = ["/failed-jobs {queue}", "/queue-stats {queu}"]',
        "next_steps of the rule 'failed-jobs' has {queu}, which stands for nothing; did you mean {queue}?",
    ),
    "a next step about a queue that there is not": (
        'next_steps = ["/scale-workers +2", "/queue-stats email"]',
        'next_steps = ["/scale-workers +2", "/queue-stats emial"]',
        'next_steps = ["/scale-workers +2", "/queue-stats emial"]',
        "the next step '/queue-stats emial' names the queue 'emial', which QUEUES does not name; did you mean 'email'?",
    ),
    "a next step that restarts what there is not": (
        '"/restart worker"]',
        '"/restart wroker"]',
        'next_steps = ["/queue-stats {queue}", "/restart wroker"]',
        "the next step '/restart wroker' names the workload 'wroker', which it does not take; did you mean 'worker'?",
    ),
    "a next step that is no command": (
        'next_steps = ["/top-pods"]',
        'next_steps = ["/top-pod"]',
        'next_steps = ["/top-pod"]',
        "there is no command '/top-pod'; did you mean '/top-pods'?",
    ),
}


@pytest.mark.parametrize(("old", "new", "place", "sentence"), BAD.values(), ids=BAD.keys())
def test_it_is_refused_at_the_start_and_on_reload_the_old_one_stays(
    tmp_path: Path, old: str, new: str, place: str, sentence: str
) -> None:
    assert DEFAULT.count(old) >= 1
    bad = DEFAULT.replace(old, new, 1)
    line = next(number for number, text in enumerate(bad.splitlines(), 1) if text.startswith(place))
    path = tmp_path / "policy.toml"
    path.write_text(bad, encoding="utf-8")
    with pytest.raises(InvalidPolicy) as at_start:
        PolicyFile(path, CATALOG, QUEUES, clock=lambda: NOW)
    assert (str(at_start.value), at_start.value.line) == (f"line {line}: {sentence}", line)

    path.write_text(DEFAULT, encoding="utf-8")
    file = PolicyFile(path, CATALOG, QUEUES, clock=lambda: NOW)
    before = file.current
    path.write_text(bad, encoding="utf-8")
    with pytest.raises(InvalidPolicy) as on_reload:
        file.reload()
    assert str(on_reload.value) == str(at_start.value)
    assert file.current is before


@pytest.mark.parametrize(
    "step",
    [
        "/queue-stats --queue email",
        "/scale-workers +2 --deployment worker",
        "/page 1 the pod {pod} can't keep up",
        "/alerts severity=critical pod={pod}",
        '/clear-failed queue=email --older-than "7d"',
    ],
)
def test_a_next_step_of_any_spelling_is_taken(tmp_path: Path, step: str) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(DEFAULT.replace('next_steps = ["/top-pods"]', f"next_steps = ['''{step}''']"), encoding="utf-8")
    (rule,) = (one for one in PolicyFile(path, CATALOG, QUEUES).current.alerts if one.name == "high-memory")
    assert rule.next_steps == (step,)
