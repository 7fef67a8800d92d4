"""Another client of Redis: sends PING after PING until its input ends, and prints how long each took, in seconds."""

import json
import sys
import threading
import time

from redis import Redis

PAUSE = 0.002


def main(url: str) -> None:
    """Ping until the input ends."""
    ended = threading.Event()

    def until_the_end() -> None:
        sys.stdin.read()
        ended.set()

    threading.Thread(target=until_the_end, daemon=True).start()
    taken = []
    with Redis.from_url(url) as redis:
        redis.ping()
        print("ready", flush=True)
        while not ended.wait(PAUSE):
            began = time.perf_counter()
            redis.ping()
            taken.append(time.perf_counter() - began)
    print(json.dumps(taken))


if __name__ == "__main__":
    main(sys.argv[1])
