"""Kubernetes' way to write amounts: ``512Mi``, ``500m``, ``87000000n``."""

import re
from decimal import Decimal
from typing import Final

_FACTORS: Final = {
    "n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3"), "": Decimal(1),
    "k": Decimal(10**3), "M": Decimal(10**6), "G": Decimal(10**9), "T": Decimal(10**12), "P": Decimal(10**15),
    "E": Decimal(10**18), "Ki": Decimal(2**10), "Mi": Decimal(2**20), "Gi": Decimal(2**30), "Ti": Decimal(2**40),
    "Pi": Decimal(2**50), "Ei": Decimal(2**60),
}  # fmt: skip
_QUANTITY: Final = re.compile(r"([+-]?\d{1,30}(?:\.\d{1,30})?)(?:[eE]([+-]?\d{1,2})|([numkKMGTPE]i?))?")


def amount(text: str) -> float | None:
    """Return a quantity in its plain unit (cores, bytes); None for what is no quantity.

    The grammar is that of ``k8s.io/apimachinery/pkg/api/resource``.
    """
    found = _QUANTITY.fullmatch(text.strip())
    if found is None:
        return None
    number, exponent, suffix = found.groups()
    if exponent is not None:
        return float(Decimal(number).scaleb(int(exponent)))
    factor = _FACTORS.get(suffix or "")
    return None if factor is None else float(Decimal(number) * factor)


def as_memory(number: float | None) -> str:
    """Write bytes as people read them: ``210 Mi``; ``?`` where unknown."""
    if number is None:
        return "?"
    return f"{number / 2**30:.1f} Gi" if number >= 2**30 else f"{number / 2**20:.0f} Mi"


def as_cores(number: float | None) -> str:
    """Write cores in thousandths: ``87m``; ``?`` where unknown."""
    return "?" if number is None else f"{number * 1000:.0f}m"
