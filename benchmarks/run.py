"""Measures this package beside what one would use instead: `python benchmarks/run.py [--quick]`."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from bench import report, targets
from bench.campaign import Campaign, chosen, say
from bench.environments import BENCHMARKS
from bench.machine import machine
from bench.sink import Sink

_QUICK_PEERS = ["ours-one", "ours-auto", "floor-null"]
_QUICK_RECORDS = 10
_COMPARISONS: dict[str, int | None] = {"shapes": None, "paced": None, "sdk_calls": None}
_QUICK_COMPARISONS: dict[str, int | None] = {"shapes": 1, "paced": 1, "sdk_calls": 1}


def main() -> int:
    options = _options()
    begin = time.monotonic()
    described = machine()
    with Sink() as sink:
        if options.quick:
            campaign = Campaign(sink, min(options.records, _QUICK_RECORDS), Path(sys.executable))
            peers = chosen(options.only or _QUICK_PEERS)
            repetitions = 1
        else:
            campaign = Campaign(sink, options.records)
            peers = campaign.prepare(chosen(options.only))
            repetitions = options.repeat
        campaign.repeat(peers, repetitions, begin + options.seconds)
        campaign.extras(peers)
        if not options.only:
            campaign.compare(_QUICK_COMPARISONS if options.quick else _COMPARISONS)
    results = campaign.results
    results.seconds = time.monotonic() - begin
    reached = targets.judge(results)
    print(report.table(results))
    print(report.comparisons(results))
    print(report.targets_table(reached))
    if options.quick:
        return 1 if results.left_out else 0
    if options.only and not options.write:
        say("nothing is written, as only some were measured; --write does")
        return 0
    found = {"machine": described, "results": results.as_dict(), "targets": [target._asdict() for target in reached]}
    (BENCHMARKS / "results.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    report.write(described, results, reached)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="prove in seconds that it runs; measures nothing")
    parser.add_argument("--only", nargs="+", metavar="PEER", help="names of peers, or how they begin")
    parser.add_argument("--repeat", type=int, default=3, metavar="N", help="repetitions (3)")
    parser.add_argument("--records", type=int, default=20_000, metavar="N", help="of the tight loop (20,000)")
    parser.add_argument("--seconds", type=float, default=480.0, help="begin no repetition that ends later (480)")
    parser.add_argument("--write", action="store_true", help="write the results also of some peers")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
