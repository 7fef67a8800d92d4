import pytest

from bot.errors import Incomplete, NotFound, UsageError
from bot.queue_choice import chosen_queues

KNOWN = ("email", "webhook", "report")


@pytest.mark.parametrize(
    ("text", "found"),
    [("email", ("email",)), (" Email , report,email", ("email", "report")), ("all", KNOWN), ("ALL", KNOWN)],
)
def test_chosen(text: str, found: tuple[str, ...]) -> None:
    assert chosen_queues(text, KNOWN, "/x") == found


@pytest.mark.parametrize(
    ("text", "nearest"), [("emial", "email"), ("email,weebhook", "webhook"), ("", ""), ("al", "all")]
)
def test_unknown(text: str, nearest: str) -> None:
    with pytest.raises(UsageError, match=r"email, webhook, report, or all") as caught:
        chosen_queues(text, KNOWN, "/x <queue>")
    assert (caught.value.nearest, caught.value.usage, caught.value.argument) == (nearest, "/x <queue>", "queue")
    assert isinstance(caught.value, NotFound if text else Incomplete)


def test_a_queue_that_is_called_all() -> None:
    assert chosen_queues("all", ("all", "email"), "/x") == ("all",)
