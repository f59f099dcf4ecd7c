"""How long the application waits at the worst: for `logger.info` during reloads, and in an event loop.

python benchmarks/waits.py [--seconds 10]

Each figure stands beside the same measurement without the handler, as the machine has hiccups of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import logging.config
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

THREADS = 4
RELOAD_EVERY = 0.05  # seconds
TICK = 0.001

logger = logging.getLogger("waits")


@contextmanager
def endpoint(*, hangs: bool) -> Iterator[str]:
    """An endpoint that refuses connections, or that takes them and never answers."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        if hangs:
            taken.listen(128)
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


def configure(url: str | None) -> None:
    ours = {"class": "helicone_logging.HeliconeHandler", "endpoint": url, "shutdown_timeout": 5}
    handler = {"class": "logging.NullHandler"} if url is None else ours
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "handlers": {"h": handler},
            "loggers": {"waits": {"handlers": ["h"], "level": "INFO", "propagate": False}},
        }
    )


def log_one() -> None:
    logger.info("a record", extra={"trace_id": "t", "model": "gpt-4o", "prompt": "x" * 1000, "completion": "y" * 1000})


def longest_during_reloads(url: str | None, seconds: float) -> float:
    """Seconds of the longest `logger.info` or `dictConfig` of several threads while one of them reloads."""
    configure(url)
    longest = [0.0] * (THREADS + 1)
    ends = time.monotonic() + seconds

    def repeat(index: int, work: Callable[[], None], pause: float) -> None:
        while time.monotonic() < ends:
            began = time.perf_counter()
            work()
            longest[index] = max(longest[index], time.perf_counter() - began)
            time.sleep(pause)

    threads = [threading.Thread(target=repeat, args=(index, log_one, TICK)) for index in range(THREADS)]
    threads.append(threading.Thread(target=repeat, args=(THREADS, lambda: configure(url), RELOAD_EVERY)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return max(longest)


async def longest_in_loop(url: str | None, seconds: float) -> float:
    """Seconds by which a tick of the event loop comes late at the worst, while a task logs all the time."""
    configure(url)
    ends = time.monotonic() + seconds

    async def log() -> None:
        while time.monotonic() < ends:
            log_one()
            await asyncio.sleep(0)

    task, longest = asyncio.create_task(log()), 0.0
    while time.monotonic() < ends:
        began = time.perf_counter()
        await asyncio.sleep(TICK)
        longest = max(longest, time.perf_counter() - began - TICK)
    await task
    return longest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=10.0, help="of each measurement")
    seconds = parser.parse_args().seconds
    logging.raiseExceptions = False  # the endpoints are out of order on purpose
    print("longest wait in ms                          NullHandler  refusing  hanging")
    for name, measure in (
        ("logger.info and dictConfig, while reloading", longest_during_reloads),
        ("a tick of the event loop", lambda url, time_: asyncio.run(longest_in_loop(url, time_))),
    ):
        figures = [measure(None, seconds)]
        for hangs in (False, True):
            with endpoint(hangs=hangs) as url:
                figures.append(measure(url, seconds))
                configure(None)
        print(f"{name:<44}" + "".join(f"{1000 * figure:>10.1f}" for figure in figures))


if __name__ == "__main__":
    main()
