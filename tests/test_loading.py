import gc

import pytest

from bot.loading import loading, settled


@pytest.fixture
def collecting() -> None:
    assert gc.isenabled()


@pytest.mark.usefixtures("collecting")
def test_nothing_is_collected_while_it_loads_and_what_was_loaded_is_left_out_later() -> None:
    before = gc.get_freeze_count()
    with loading():
        assert not gc.isenabled()
        loaded: list[list[str]] = [[] for _ in range(1000)]
    assert gc.isenabled()
    try:
        assert gc.get_freeze_count() >= before + len(loaded)
    finally:
        gc.unfreeze()


@pytest.mark.usefixtures("collecting")
def test_a_load_that_fails_leaves_the_collector_on() -> None:
    with pytest.raises(ImportError), loading():
        raise ImportError
    assert gc.isenabled()
    gc.unfreeze()


@pytest.mark.usefixtures("collecting")
def test_once_all_is_there_it_is_left_out_and_little_garbage_is_left_lying() -> None:
    before, kept = gc.get_threshold(), gc.get_freeze_count()
    loaded: list[list[str]] = [[] for _ in range(1000)]
    settled()
    try:
        assert gc.get_freeze_count() >= kept + len(loaded)
        assert gc.get_threshold()[0] > before[0]
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)
