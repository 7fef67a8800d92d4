"""Free ports on loopback."""

import random
import socket

# Below the range systems take the near end of outgoing connections from: a server that was stopped finds its port
# free when it comes back, whatever connected somewhere in between.
OWN = range(12_000, 32_000)


def free_port() -> int:
    """Return a port that nobody listens on right now, and that no outgoing connection will take."""
    while True:
        port = random.choice(OWN)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
