import pytest

from bot.catalog import Catalog, load
from bot.console.hidden import filled_in
from bot.errors import UsageError


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load()


def never(name: str) -> str:
    raise AssertionError(f"{name} was asked for")


def test_it_is_asked_for_and_put_beside_what_was_typed(catalog: Catalog) -> None:
    asked: list[str] = []

    def read(name: str) -> str:
        asked.append(name)
        return "mongodb://u:hunter2@m/db"

    found = filled_in("/set-env both MONGO_URI", catalog, read)
    assert found == {"deployment": "both", "name": "MONGO_URI", "value": "mongodb://u:hunter2@m/db"}
    assert asked == ["value"]


@pytest.mark.parametrize(
    "line",
    [
        "/queue-stats email",
        "/nonsense",
        "/set-env",
        "/set-env both",
        "/set-env everything MONGO_URI",
        "/set-env both MONGO_URI hunter2",
        "/set-env both MONGO_URI --value hunter2",
    ],
)
def test_what_needs_none_or_is_refused_anyhow_is_not_asked_about(catalog: Catalog, line: str) -> None:
    assert filled_in(line, catalog, never) is None


def test_nothing_and_too_much_are_sentences_without_the_value(catalog: Catalog) -> None:
    with pytest.raises(UsageError, match="No value was given, so nothing was done"):
        filled_in("/set-env both MONGO_URI", catalog, lambda _: "")
    with pytest.raises(UsageError) as caught:
        filled_in("/set-env both MONGO_URI", catalog, lambda _: "hunter2" * 1000)
    assert "hunter2" not in str(caught.value)
