"""A platform's words are its own: no pod is spoken of where there are containers."""

from dataclasses import asdict

from bot.clients.platform_words import COMPOSE, KUBERNETES


def test_they_are_counted() -> None:
    assert [KUBERNETES.pods(number) for number in (0, 1, 2)] == ["0 pods", "1 pod", "2 pods"]
    assert COMPOSE.pods(1) == "1 container"


def test_compose_speaks_of_nothing_that_only_kubernetes_has() -> None:
    said = " ".join(str(value) for value in asdict(COMPOSE).values()).lower()
    assert not [word for word in ("pod", "deployment", "rollout", "namespace", "configmap") if word in said]


def test_both_know_every_word() -> None:
    for words in (KUBERNETES, COMPOSE):
        assert all(value for name, value in asdict(words).items() if isinstance(value, str) and name != "chooser")
