"""Whatever is done with a queue in whatever order, it does as its model, and its account adds up."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from spool_fixtures import MANY, disappear, failing, file_rows, is_balanced, rows, spool, take_all

from helicone_logging.delivery.memory import Item
from helicone_logging.spool import Spool
from helicone_logging.spool.process import ProcessId

MOST = 2000
WRITE = os.write


class SpoolMachine(RuleBasedStateMachine):
    """One queue under test; its model is the records that wait, those taken, and the counts."""

    def __init__(self) -> None:
        super().__init__()
        self.patched = pytest.MonkeyPatch()
        self.writes = pytest.MonkeyPatch()
        self.generation = 0
        for module in ("disk", "segment"):
            self.patched.setattr(f"helicone_logging.spool.{module}.this_process", self.process)
        for module in ("file", "leftovers"):
            self.patched.setattr(f"helicone_logging.spool.{module}.is_gone", lambda process: process != self.process())
        self.directory = Path(tempfile.mkdtemp())
        self.path = self.directory / "spool.db"
        self.number = 0
        self.waiting: list[bytes] = []
        self.taken: list[Item] = []
        self.counts = dict.fromkeys(("emitted", "delivered", "rejected", "dropped"), 0)

    def process(self) -> ProcessId:
        return ProcessId("here", 1, str(self.generation))

    @initialize(
        overflow=st.sampled_from(["drop_newest", "drop_oldest"]),
        journal=st.sampled_from([1, 700, MOST]),
        records=st.sampled_from([2, 7, MANY]),
    )
    def begin(self, overflow: str, journal: int, records: int) -> None:
        self.overflow, self.journal, self.records = overflow, journal, records
        self.queue = self.new_queue()

    def new_queue(self) -> Spool:
        return spool(
            self.path,
            max_bytes=MOST,
            overflow=self.overflow,
            memory_bytes=2 * self.journal,
            memory_records=self.records,
        )

    def size(self) -> int:
        return sum(map(len, self.waiting)) + sum(len(item.entry) for item in self.taken)

    @rule(size=st.integers(10, 700))
    def put(self, size: int) -> None:
        self.number += 1
        entry = b"%09d" % self.number + b"." * (size - 9)
        dropped = self.queue.put(entry)
        self.counts["emitted"] += 1
        self.counts["dropped"] += dropped
        self.waiting.append(entry)
        if self.overflow == "drop_newest":
            assert dropped == (self.size() > MOST)
            self.waiting = self.waiting[: len(self.waiting) - dropped]
        else:
            self.waiting = self.kept_after(dropped)

    def kept_after(self, dropped: int) -> list[bytes]:
        """Which records go is looked up, as it depends on delays; never one more than is needed."""
        memory = self.queue._memory
        with self.queue._lock:  # or the queue's own thread has some in its hand
            kept = {item[0] for item in (*memory._ready, *(item for _, _, item in memory._delayed))}
            kept |= {entry for _, _, entry in file_rows(self.path)} - {item.entry for item in self.taken}
        waiting = [entry for entry in self.waiting if entry in kept]
        gone = [entry for entry in self.waiting if entry not in kept]
        assert len(gone) == dropped
        kept_size = self.size() - sum(map(len, gone))
        assert not gone or gone[-1] == self.waiting[-1] or any(kept_size + len(last) > MOST for last in gone)
        return waiting

    @rule(limit=st.integers(1, 8), max_bytes=st.integers(1, MOST))
    def take(self, limit: int, max_bytes: int) -> None:
        items = self.queue.take(limit, max_bytes)
        assert len(items) <= limit
        assert len(items) <= 1 or sum(len(item.entry) for item in items) <= max_bytes
        for item in items:
            self.waiting.remove(item.entry)
        self.taken += items

    @precondition(lambda self: self.taken)
    @rule(data=st.data(), what=st.sampled_from(["delivered", "rejected", "give_back", "retry_now", "retry_later"]))
    def settle(self, data: st.DataObject, what: str) -> None:
        count = data.draw(st.integers(1, len(self.taken)))
        items, self.taken = self.taken[:count], self.taken[count:]
        if what in self.counts:
            getattr(self.queue, what)(items)
            self.counts[what] += len(items)
            return
        self.waiting += [item.entry for item in items]
        if what == "give_back":
            self.queue.give_back(items)
        else:
            self.queue.retry(items, 0.0 if what == "retry_now" else 1000.0)

    @rule()
    def disk_takes_no_journal_any_more(self) -> None:
        self.writes.setattr(os, "write", failing(errno.ENOSPC))

    @rule()
    def disk_takes_journals_again(self) -> None:
        self.writes.undo()
        self.queue._at_hand.journal._retry_at = 0.0
        self.queue.upkeep()

    @rule()
    def hurry(self) -> None:
        self.queue.hurry()

    @rule()
    def upkeep(self) -> None:
        self.queue.upkeep()

    @rule()
    def flush(self) -> None:
        mark = self.queue.mark()
        if self.queue._rounds.has_looked or not self.path.exists():
            assert self.queue.is_done(mark) == (not self.waiting and not self.taken)

    @rule()
    def close(self) -> None:
        self.queue.close()
        assert self.queue.drop_waiting() == 0

    @precondition(lambda self: not self.taken)
    @rule()
    def hand_over_to_the_next_process(self) -> None:
        self.queue.close()
        self.queue = self.new_queue()
        self.queue.upkeep()
        assert self.queue.account().recovered == len(self.waiting)
        self.counts = dict.fromkeys(self.counts, 0)

    @rule()
    def die(self) -> None:
        """As if the process were killed; what was on its way is sent again."""
        self.disk_takes_journals_again()  # or what it sent may be, too
        disappear(self.queue)
        self.waiting += [item.entry for item in self.taken]
        self.taken = []
        self.generation += 1
        self.queue = self.new_queue()
        self.queue.upkeep()
        assert self.queue.account().recovered == len(self.waiting)
        self.counts = dict.fromkeys(self.counts, 0)

    @invariant()
    def account_is_exact(self) -> None:
        if not hasattr(self, "queue"):
            return
        account = self.queue.account()
        assert is_balanced(account)
        assert {name: getattr(account, name) for name in self.counts} == self.counts
        assert (account.queued, account.queued_bytes) == (len(self.waiting) + len(self.taken), self.size())
        assert account.queued_bytes <= MOST

    @invariant()
    def disk_holds_what_is_queued(self) -> None:
        held = sorted(entry for _, _, entry in rows(self.path))
        queued = sorted([*self.waiting, *(item.entry for item in self.taken)])
        # While nothing can be written to a journal, what left it cannot be written either, and is there once more.
        assert held == queued or (os.write is not WRITE and set(queued) <= set(held))

    @invariant()
    def what_is_in_the_journal_is_at_hand(self) -> None:
        if hasattr(self, "queue"):
            at_hand = self.queue._at_hand
            with self.queue._lock:  # or the queue's own thread has some in its hand, as above
                assert at_hand.journal.count <= at_hand.memory.account().queued
                assert at_hand.journal.size <= at_hand.memory.account().queued_bytes

    def teardown(self) -> None:
        try:
            self.writes.undo()
            if hasattr(self, "queue"):
                self.queue.delivered(self.taken)
                self.queue.mark()  # opens a closed queue again
                self.queue.hurry()
                self.queue.upkeep()
                assert sorted(item.entry for item in take_all(self.queue)) == sorted(self.waiting)
                self.queue.close()
        finally:
            shutil.rmtree(self.directory)
            self.writes.undo()
            self.patched.undo()


TestSpoolModel = SpoolMachine.TestCase
TestSpoolModel.settings = settings(
    max_examples=40, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
