"""The words of Kubernetes, which nothing that a person reads about Docker Compose may have."""

import re

# The commands' own names, arguments and permissions are the same on both.
_FOREIGN = re.compile(
    r"(?<![/:\w-])(pods?|deployments?|rollouts?|ConfigMap|kubectl|namespace|replicaset)\b(?!:)", re.IGNORECASE
)


def speaks_of_containers(text: str) -> None:
    """Raise AssertionError where a text has a word that only Kubernetes has."""
    assert not (found := _FOREIGN.findall(text)), (found, text)
