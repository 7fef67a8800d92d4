from typing import Annotated

import pytest
from pydantic import Field

from bot.catalog import Catalog
from bot.command import command
from bot.next_steps import next_steps
from bot.plan import Plan
from bot.reply import Reply, say


@command("/scale-workers", permission="workers:scale", section="Tasks")
async def scale_workers(replicas: Annotated[int, Field(description="How many")]) -> Plan:
    """Scale the workers."""
    raise NotImplementedError(replicas)


@command("/queue-stats", permission="queues:read", section="Daily")
async def queue_stats(queue: Annotated[str, Field(description="Which")] = "") -> Reply:
    """Show the queues."""
    return say(queue)


CATALOG = Catalog({"/scale-workers": scale_workers, "/queue-stats": queue_stats}, {})


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ("/scale-workers", ("Scale workers…", "form", "/scale-workers")),
        ("/scale-workers 4", ("Scale workers 4…", "form", "/scale-workers 4")),
        ("/queue-stats {queue}", ("Queue stats email", "run", "/queue-stats email")),
    ],
)
def test_a_changing_step_opens_its_form_and_a_reading_one_runs(step: str, expected: tuple[str, str, str]) -> None:
    (button,) = next_steps([step], {"queue": "email"}, CATALOG)
    assert (button.label, button.action, button.value) == expected


def test_a_command_that_is_not_there_is_left_out() -> None:
    assert next_steps(["/gone", "/queue-stats"], {}, CATALOG) == next_steps(["/queue-stats"], {}, CATALOG)


def test_a_label_fits_into_a_button() -> None:
    (button,) = next_steps(["/queue-stats " + "x" * 100], {}, CATALOG)
    assert len(button.label) <= 75
