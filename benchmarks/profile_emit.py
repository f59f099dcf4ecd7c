"""Where `emit` spends its time: `python benchmarks/profile_emit.py [--records N] [--lines N]`.

cProfile makes small functions look dearer than they are; the shares tell where to look, `run.py` what it costs.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import time

from bench import records
from bench.peers.loggers import logger_of
from bench.sink import Sink

from helicone_logging import HeliconeHandler

_RUN = "0f11"
_PATIENCE = 120.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=20_000, help="(20,000)")
    parser.add_argument("--lines", type=int, default=40, help="functions to show (40)")
    options = parser.parse_args()
    extras = [records.fields(_RUN, number) for number in range(options.records)]
    with Sink() as sink:
        sink.set(hold=True)  # the sender threads have nothing to do meanwhile
        handler = HeliconeHandler(endpoint=sink.url, batch_size=512, queue_size=10**6, queue_bytes=2**31)
        info = logger_of(handler).info
        for number in range(3_000):
            info(records.MESSAGE, extra=records.fields("0000", number))
        time.sleep(0.5)
        begin = time.perf_counter()
        for extra in extras:
            info(records.MESSAGE, extra=extra)
        print(f"without the profiler: {(time.perf_counter() - begin) / options.records * 1e6:.1f} µs a record")
        profiler = cProfile.Profile()
        profiler.enable()
        for extra in extras:
            info(records.MESSAGE, extra=extra)
        profiler.disable()
        sink.set(hold=False)
        handler.flush(_PATIENCE)
        pstats.Stats(profiler).sort_stats("tottime").print_stats(options.lines)


if __name__ == "__main__":
    main()
