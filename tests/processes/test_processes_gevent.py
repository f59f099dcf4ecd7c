"""Greenlets instead of threads: nothing is lost, whenever gevent takes the threads' place (pitfall 17)."""

from __future__ import annotations

from collections import Counter

import pytest

pytest.importorskip("gevent", reason="gevent is not installed: it has no wheel for this interpreter")

BODY = """
names = []

def produce(worker):
    for number in range(20):
        log.info(f"{worker} {number}", extra=TRACE)
        gevent.sleep(0)

gevent.joinall([gevent.spawn(produce, worker) for worker in range(10)])
assert handler.flush(30)
stats = handler.stats()
assert stats.delivered == stats.emitted and stats.skipped == 0, stats
log.info("last", extra=TRACE)
"""

PATCHED_FIRST = "from gevent import monkey; monkey.patch_all()\nimport gevent\nhandler, log = set_up({options})\n"
PATCHED_LATER = "handler, log = set_up({options})\nfrom gevent import monkey; monkey.patch_all()\nimport gevent\n"


@pytest.mark.parametrize("options", ["", "batch_size='auto'", "queue_size=5, overflow='block', block_timeout=30"])
@pytest.mark.parametrize("head", [PATCHED_FIRST, PATCHED_LATER], ids=["patched first", "patched later"])
def test_records_of_greenlets_arrive_once_each(head, options, server, run_script) -> None:
    done = run_script(head.format(options=options) + BODY, PYTHONWARNINGS="ignore")
    assert (done.returncode, done.stderr) == (0, "")
    assert Counter(server.names()) == Counter(["last", *(f"{w} {n}" for w in range(10) for n in range(20))])
