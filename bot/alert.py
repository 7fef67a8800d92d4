"""An alert: labels that say which, a state that says how it stands."""

import hashlib
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

Severity = Literal["warning", "critical"]


class Alert(BaseModel):
    """What one rule says about one thing at one moment; ``value`` is None where it could not be read."""

    model_config = ConfigDict(frozen=True)

    labels: dict[str, str]
    severity: Severity
    state: Literal["pending", "firing", "resolved"]
    summary: str
    value: float | None
    unit: str = ""
    since: datetime

    @property
    def fingerprint(self) -> str:
        """The name of the incident: the labels without the severity, so that a card lives through its changes."""
        return fingerprint(self.labels)


def fingerprint(labels: dict[str, str]) -> str:
    """Return a short, stable name for a set of labels."""
    text = "\x00".join(f"{name}\x01{labels[name]}" for name in sorted(labels))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
