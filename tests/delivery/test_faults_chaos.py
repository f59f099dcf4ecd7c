"""Faults drawn by chance: at the end the account adds up, and what was delivered is what the server stored.

`HELICONE_LOGGING_CHAOS_SEED` repeats the faults of a run; the seed is printed when a test fails.
"""

from __future__ import annotations

import os
import random
import threading

import fault_server as fault
import pytest
from recording_server import PATIENCE

SEED = int(os.environ.get("HELICONE_LOGGING_CHAOS_SEED") or random.SystemRandom().randrange(2**32))
THREADS, RECORDS = 6, 50  # of each

PASSING = [
    fault.reset_before_reading(),
    fault.reset_before_answer(),
    fault.reset_before_answer(stores=True),
    fault.reset_during_answer(),
    fault.reset_after_answer(),
    fault.close_after_answer(),
    fault.half_line(),
    fault.half_body(200),
    fault.half_body(500),
    fault.garbage(),
    fault.endless_body(200),
    fault.endless_headers(),
    fault.gzip_bomb(4),
    *[fault.answer(status) for status in (202, 204, 401, 403, 408, 425, 429, 500, 502, 503, 504)],
    fault.answer(400, "Invalid token."),
    fault.answer(429, headers={"Retry-After": "0"}),
    fault.answer(503, headers={"Retry-After": "9999"}),
]
REFUSING = [fault.answer(status) for status in (302, 400, 404, 413, 422)]
SLOW = [fault.silence(), fault.drip()]


def draws(chance: random.Random):
    """Makes the server draw a fault for half the requests."""

    def draw() -> fault.Behaviour:
        kind = chance.random()
        if kind < 0.5:
            return fault.refuse(lambda exchange: any(name.startswith("bad") for name in exchange.names))
        return chance.choice(REFUSING if kind < 0.55 else PASSING)

    return draw


def log_at_once(client, chance: random.Random) -> set[str]:
    """Logs from several threads; returns the names of all records."""
    names = [
        [f"{'bad' if chance.random() < 0.05 else 'good'} {thread}.{number}" for number in range(RECORDS)]
        for thread in range(THREADS)
    ]
    threads = [threading.Thread(target=client.log, args=some) for some in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    return {name for some in names for name in some}


@pytest.mark.parametrize("options", [{}, {"batch_size": 8, "compression": "gzip"}, {"batch_size": "auto"}], ids=str)
def test_after_any_faults_the_account_adds_up_to_what_the_server_stored(options, faulty, hastened, client_of) -> None:
    print(f"HELICONE_LOGGING_CHAOS_SEED={SEED}")
    chance = random.Random(SEED)
    rejected: list[str] = []
    client = client_of(
        faulty.url,
        **{"flush_interval": 0.01, "max_connections": 4, "max_backoff": 0.02, **options},
        on_reject=lambda payload, reason: rejected.append(_name(payload)),
    )
    faulty.script(*chance.sample(SLOW, len(SLOW)))
    faulty.usual = draws(chance)
    emitted = log_at_once(client, chance)
    with faulty.refusing():
        client.handler.flush(0.05)
    client.handler.flush(3)
    faulty.always(fault.refuse(lambda exchange: any(name.startswith("bad") for name in exchange.names)))
    client.settle()

    stored, unsure, delivered = faulty.stored, faulty.unsure, emitted - set(rejected)
    assert len(rejected) == len(set(rejected))
    assert client.counts() == (THREADS * RECORDS, len(delivered), len(rejected), 0, 0)
    assert delivered <= set(stored)
    assert set(stored) - delivered <= unsure
    assert {name for name, times in stored.items() if times > 1} <= unsure


@pytest.mark.parametrize("overflow", ["drop_newest", "drop_oldest", "block"])
def test_after_any_faults_the_account_of_a_full_queue_adds_up(overflow, faulty, client_of) -> None:
    print(f"HELICONE_LOGGING_CHAOS_SEED={SEED}")
    chance = random.Random(SEED)
    client = client_of(faulty.url, queue_size=20, overflow=overflow, block_timeout=0.01, max_backoff=0.02)
    faulty.usual = draws(chance)
    emitted = log_at_once(client, chance)
    faulty.always(fault.OK)
    client.settle()
    stored = faulty.stored
    _, delivered, rejected, dropped, _ = client.counts()
    assert delivered + rejected + dropped == len(emitted)
    assert len(set(stored) - faulty.unsure) <= delivered <= len(stored)
    assert {name for name, times in stored.items() if times > 1} <= faulty.unsure


def _name(payload) -> str:
    return payload["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["name"]
