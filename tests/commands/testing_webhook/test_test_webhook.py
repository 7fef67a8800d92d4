from typing import Any

import pytest

from bot.clients.webhooks import Webhooks
from bot.errors import PermanentError, Unavailable, UsageError, UserError
from bot.plan import Plan, Progress, kind_of
from commands.testing_webhook import test_webhook as sending
from sandbox.api.accounts import MANAGER
from sandbox.api.webhooks import ACTIVE, INACTIVE, OF_ANOTHER_COMPANY, UNTESTABLE
from tests.commands.novapulse_data import NO_MONGO, Data


async def ask(webhooks: Webhooks, webhook: str = ACTIVE) -> Plan:
    plan = await sending.test_webhook.handler(webhook, webhooks=webhooks)
    assert isinstance(plan, Plan)
    return plan


async def perform(webhooks: Webhooks, plan: Plan, number: int) -> Any:
    step = plan.steps[number]
    method = getattr(webhooks, step.operation.removeprefix("webhooks."))
    assert kind_of(method) == step.kind
    return await method(**step.arguments)


async def test_planning_sends_nothing_and_says_what_will_be(data: Data) -> None:
    plan = await ask(data.webhooks())
    assert data.around.enqueued == []
    assert plan.facts == {"url": "https://hooks.customer.example/novapulse?***", "newest test on record": "none"}
    assert plan.no_undo
    assert "whsec" not in plan.model_dump_json()


@pytest.mark.parametrize("with_mongo", [True, False])
async def test_it_is_sent_once_and_seen_in_the_log(data: Data, with_mongo: bool) -> None:
    webhooks = data.webhooks(mongo=None if with_mongo else NO_MONGO)
    data.server.webhooks.delivered(ACTIVE, "webhook.test")
    plan = await ask(webhooks)
    data.around.are_stopped = True
    assert (await perform(webhooks, plan, 0))["message"] == "201: enqueued for the workers"
    waiting = await perform(webhooks, plan, 1)
    assert waiting == Progress(done=False, message="no new row in the webhook's log yet; do the workers run?")
    data.pass_by(1)
    data.server.webhooks.arrived(ACTIVE, "webhook.test")
    assert await perform(webhooks, plan, 1) == Progress(done=True, message="delivered; attempt 1: 200 after 184 ms")
    assert (await perform(webhooks, plan, 0))["changed"] is False
    assert len(data.around.enqueued) == 1


async def test_another_test_meanwhile_moves_the_plan(data: Data) -> None:
    webhooks = data.webhooks()
    before = await ask(webhooks)
    data.server.webhooks.delivered(ACTIVE, "invoice.paid")
    assert (await ask(webhooks)).digest("/test-webhook", {}) == before.digest("/test-webhook", {})
    data.server.webhooks.delivered(ACTIVE, "webhook.test")
    assert (await ask(webhooks)).digest("/test-webhook", {}) != before.digest("/test-webhook", {})


async def test_a_delivery_that_fails_for_good(data: Data) -> None:
    webhooks = data.webhooks()
    data.server.webhooks.answers[ACTIVE] = 404
    plan = await ask(webhooks)
    await perform(webhooks, plan, 0)
    seen = await perform(webhooks, plan, 1)
    assert (seen.done, seen.failed) == (False, True)
    assert seen.message == "not delivered; attempt 3: 404: no such hook after 184 ms"


async def test_a_first_attempt_that_fails_is_waited_on(data: Data) -> None:
    webhooks = data.webhooks()
    plan = await ask(webhooks)
    data.server.webhooks.delivered(ACTIVE, "webhook.test", status_code=None)
    seen = await perform(webhooks, plan, 1)
    assert (seen.done, seen.failed) == (False, False)
    assert seen.message == "not delivered; attempt 1: timeout of 10000ms exceeded after 10,000 ms"


@pytest.mark.parametrize(
    ("webhook", "words"),
    [(INACTIVE, "is inactive"), (UNTESTABLE, "does not listen to webhook.test"), (OF_ANOTHER_COMPANY, "knows no")],
)
async def test_what_the_api_would_refuse_is_said_before(data: Data, webhook: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        await ask(data.webhooks(), webhook)


async def test_no_id_at_all(data: Data) -> None:
    with pytest.raises(UsageError, match="24 digits"):
        await ask(data.webhooks(), "malformed")


@pytest.mark.parametrize(
    ("webhook", "words"),
    [
        (INACTIVE, "answered 400: .* inactive or does not listen"),
        (OF_ANOTHER_COMPANY, "knows no webhook|another company"),
        ("malformed", "answered 500: Internal server error"),
    ],
)
async def test_what_the_api_refuses_after_all_is_explained(data: Data, webhook: str, words: str) -> None:
    sends = data.webhooks(mongo=data.mongo)
    with pytest.raises((PermanentError, UserError, Unavailable), match=words):
        await sends.send_test(webhook=webhook, after="")


async def test_a_login_without_the_role(data: Data) -> None:
    webhooks = data.webhooks(MANAGER)
    plan = await ask(webhooks)
    with pytest.raises(PermanentError, match=r"403: .* needs the role company_admin"):
        await perform(webhooks, plan, 0)


async def test_no_answer_is_never_sent_again_by_itself(data: Data) -> None:
    webhooks = data.webhooks()
    plan = await ask(webhooks)
    await data.server.down(on=True)
    with pytest.raises(Unavailable, match="connection refused"):
        await perform(webhooks, plan, 0)
    with pytest.raises(Unavailable):
        await ask(webhooks)
