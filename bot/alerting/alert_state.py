"""How what is remembered of an alert between two ticks is found again by what is observed."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from bot.alert import fingerprint
from bot.alert_rule import AlertRule
from bot.alert_state import AlertState


class Names:
    """The fingerprints of what is remembered or shown; of ten thousand quiet things none is worked out."""

    def __init__(self, states: Mapping[str, AlertState], shown: AbstractSet[str]) -> None:
        # What a card is open about is nearly always remembered; where it is not, nothing but its fingerprint is known.
        self._all = not shown <= states.keys()
        self._known: dict[str, dict[tuple[tuple[str, str], ...], str]] = {}
        for name, state in states.items():
            self._known.setdefault(state.rule, {})[_sorted(state.labels)] = name

    def any_of(self, rule: AlertRule) -> bool:
        """Whether anything of this rule may be known."""
        return self._all or rule.name in self._known

    def of(self, rule: AlertRule, labels: dict[str, str]) -> str:
        """Return the fingerprint of these labels, or an empty text where nothing is known of them."""
        if self._all:
            return fingerprint(labels)
        known = self._known.get(rule.name)
        return known.get(_sorted(labels), "") if known else ""


def _sorted(labels: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(labels.items()))


def by_rule(states: Mapping[str, AlertState]) -> dict[str, list[AlertState]]:
    """Sort what is remembered by the rule that it is about."""
    found: dict[str, list[AlertState]] = {}
    for state in states.values():
        found.setdefault(state.rule, []).append(state)
    return found
