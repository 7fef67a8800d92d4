"""A length of time as people write it: ``30s``, ``5m``, ``4h``, ``7d``, ``1w``."""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def read_duration(value: object) -> timedelta:
    """Read a length of time; raises ``ValueError`` with what one looks like, also where it is too long to count."""
    match = re.fullmatch(r"(\d+)\s*([smhdw])", value) if isinstance(value, str) else None
    try:
        if match is not None:
            return timedelta(**{_UNITS[match[2]]: int(match[1])})
    except OverflowError:
        pass
    message = "a duration is a number and a unit, such as 30s, 5m, 4h or 7d"
    raise ValueError(message)


Duration = Annotated[timedelta, BeforeValidator(read_duration)]
