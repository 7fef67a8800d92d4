import pytest

from bot.clients.cluster_quantities import amount, as_cores, as_memory


@pytest.mark.parametrize(
    ("written", "meant"),
    [("512Mi", 512 * 2**20), ("500m", 0.5), ("87000000n", 0.087), ("1", 1), ("1.5Gi", 1.5 * 2**30), ("2e3", 2000),
     ("12k", 12_000), ("1u", 1e-6)],
)  # fmt: skip
def test_reads_what_kubernetes_writes(written: str, meant: float) -> None:
    assert amount(written) == pytest.approx(meant)


@pytest.mark.parametrize("written", ["", "Mi", "1 Mi", "1mi", "1ni", "a lot", "1e", "--1"])
def test_what_is_no_quantity_is_unknown(written: str) -> None:
    assert amount(written) is None


def test_writes_them_for_people() -> None:
    assert [as_memory(210 * 2**20), as_memory(1.5 * 2**30), as_memory(None)] == ["210 Mi", "1.5 Gi", "?"]
    assert [as_cores(0.0874), as_cores(None)] == ["87m", "?"]
