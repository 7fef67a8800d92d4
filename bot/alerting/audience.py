"""Whom an alert's card calls."""

from dataclasses import dataclass
from datetime import datetime

from bot.oncall import ONCALL
from bot.policy import Policy
from bot.rota import Rota


@dataclass(frozen=True)
class Audience:
    """Whom a card calls: who is on call at level 1, by id, and the policy that knows their names."""

    policy: Policy
    on_call: tuple[str, ...]


def audience(policy: Policy, rota: Rota, now: datetime) -> Audience:
    """Return whom a card calls now; everybody with the role where it is not known who is on call."""
    return Audience(policy, rota.on_call(1, now).people or policy.members((ONCALL,)))
