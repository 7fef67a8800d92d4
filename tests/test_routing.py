from collections.abc import Iterable
from typing import Any

import pytest

from bot.catalog import Catalog
from bot.errors import InvalidPolicy
from bot.policy_file import read
from bot.routing import Route, receivers_of

HEAD = """\
[people]
[roles]
[limits]
[schedules]
[approvals.default]
approvers = ["a"]
""".replace("[people]", 'alerts = []\n[people]\nU1.name = "ann"\nU2.name = "bob"').replace(
    "[roles]", '[roles.a]\nmembers = ["U1", "U2"]'
)
RECEIVERS = """\
[receivers.room]
slack = true

[receivers.oncall]
slack = "#oncall"
pagerduty = true
mail = ["oncall@example.com"]

"""
START = len((HEAD + RECEIVERS).splitlines())
DEFAULT = '[[routes]]\nreceivers = ["room"]\n'
CRITICAL = '[[routes]]\nmatchers = ["severity=critical"]\nreceivers = ["oncall"]\n'


def routes(*found: dict[str, Any]) -> Iterable[Route]:
    return [Route.model_validate(one) for one in found]


@pytest.mark.parametrize(
    ("labels", "receivers"),
    [
        ({"severity": "critical", "queue": "email"}, ("mailers", "oncall")),
        ({"severity": "critical", "queue": "report"}, ("oncall",)),
        ({"severity": "warning", "queue": "email"}, ("mailers",)),
        ({"severity": "warning", "queue": "report"}, ("room",)),
    ],
)
def test_the_first_route_that_matches_takes_it_and_the_default_what_no_other_took(
    labels: dict[str, str], receivers: tuple[str, ...]
) -> None:
    found = routes(
        {"matchers": ["queue=email"], "receivers": ["mailers"], "continue": True},
        {"matchers": ["severity=critical"], "receivers": ["oncall", "oncall"]},
        {"matchers": ["queue=~.+", "severity=critical"], "receivers": ["nobody"]},
        {"receivers": ["room"]},
    )
    assert receivers_of(found, labels) == receivers


def test_a_policy_with_receivers_and_routes_is_taken() -> None:
    policy = read(HEAD + RECEIVERS + CRITICAL + DEFAULT, Catalog({}, {}))
    assert policy.receivers["oncall"].mail == ("oncall@example.com",)
    assert [route.goes_on for route in policy.routes] == [False, False]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (RECEIVERS + CRITICAL, START + 1, "there is no default route"),
        (RECEIVERS, START - 7, "there is no default route"),
        (RECEIVERS + DEFAULT.replace("room", "rom"), START + 2, "no receiver 'rom'; did you mean 'room'?"),
        (RECEIVERS + DEFAULT + CRITICAL + DEFAULT, START + 1, "has to be the last"),
        (
            RECEIVERS + CRITICAL + CRITICAL.replace('al"]', 'al", "queue=email"]') + DEFAULT,
            START + 4,
            "never reached: route 1 takes all",
        ),
        (RECEIVERS + DEFAULT + "continue = true\n", START + 3, "no other to continue with"),
        (RECEIVERS + DEFAULT + "repeat = 1\n", START + 3, "routes.0.repeat is not a key"),
        (RECEIVERS + "[receivers.none]\n" + DEFAULT, START + 1, "'none' reaches nobody"),
        (RECEIVERS + "[receivers.bad]\nmail = ['nobody']\n" + DEFAULT, START + 2, "mail"),
        (RECEIVERS + "[receivers.bad]\nsms = true\n" + DEFAULT, START + 2, "receivers.bad.sms is not a key"),
    ],
)
def test_what_can_reach_nobody_is_refused_with_its_line(text: str, line: int, words: str) -> None:
    with pytest.raises(InvalidPolicy) as refused:
        read(HEAD + text, Catalog({}, {}))
    assert words in str(refused.value)
    assert refused.value.line == line


@pytest.mark.parametrize(("name", "words"), [("nobody", "no receiver 'nobody'"), ("room", "pagerduty or mail")])
def test_a_second_path_leads_past_slack(name: str, words: str) -> None:
    with pytest.raises(InvalidPolicy, match=words) as refused:
        read(f'second_path = "{name}"\n' + HEAD + RECEIVERS + DEFAULT, Catalog({}, {}))
    assert refused.value.line == 1
