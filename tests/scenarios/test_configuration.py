"""Only Slack and Redis are there, and the queues lie otherwise: what is missing is said, and never shown as 0."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.scenarios.world import World, opened, text

pytestmark = pytest.mark.asyncio(loop_scope="package")


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def bare(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """A bot that knows Slack and a Redis with an empty keyspace; nothing listens where its API would be."""
    variables = {"NOVAPULSE_API_URL": "http://127.0.0.1:9/api/v1", "KUBECONFIG": "/nonexistent"}
    directory = tmp_path_factory.mktemp("bare")
    async with opened(directory, parts=["slack", "redis"], variables=variables) as made:
        yield made


async def test_keys_that_are_not_there_are_said_and_not_zero(bare: World) -> None:
    answer = text(await bare.ask("viewer", "/queue-stats", "Some queues could not be read"))
    assert "email: no such keys in Redis (bull:nova-email:meta" in answer
    assert "0 waiting" not in answer
    assert "within their limits" not in answer


async def test_a_system_that_is_not_configured_is_said_with_its_variable(bare: World) -> None:
    answer = text(await bare.ask("viewer", "/health", "MongoDB is not configured: set MONGO_URL."))
    assert "NovaPulse is well" not in answer
    await bare.ask("operator", "/scale-workers 3", "KUBECONFIG")
    await bare.ask("viewer", "/rollout-status", "KUBECONFIG")


async def test_queues_under_another_prefix_are_named(bare: World) -> None:
    await bare.sandbox.load("email", burst=7)
    await bare.restart(QUEUE_PREFIX="wrong")
    answer = text(await bare.ask("viewer", "/queue-stats email", "no such keys in Redis (wrong:nova-email:meta"))
    assert "found instead: bull:nova-email" in answer
    assert "0 waiting" not in answer
    await bare.restart(QUEUE_PREFIX="bull")
    await bare.ask("viewer", "/queue-stats email", "*email* 7 waiting", "no workers connected", "Redis alone")


async def test_the_runbooks_plain_lists_are_read_too(bare: World) -> None:
    async with bare.redis() as redis:
        await redis.flushdb()
        await redis.rpush("nova:email:waiting", *range(612))
        await redis.rpush("nova:email:failed", *range(3))
    await bare.ask("viewer", "/queue-stats email", "*email* 612 waiting (warning: over 500)", "3 failed")
    answer = text(await bare.ask("viewer", "/queue-stats webhook", "webhook: no such keys in Redis"))
    assert "nova:email" in answer or "found instead" not in answer
    assert "0 waiting" not in answer
