"""The queue on disk, which outlives the process; while the disk cannot be used, a queue in memory takes its place.

`put` waits a few milliseconds at the most; what cannot be written then is in memory, under a negative id, until it can.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence

from helicone_logging.diagnostics import Diagnostics
from helicone_logging.otel import Entry, entry_bytes, entry_size
from helicone_logging.queues import BLOCK, DROP_OLDEST, Account, BoundedQueue, Item
from helicone_logging.spool import forks
from helicone_logging.spool.disk import Disk, inode_of
from helicone_logging.spool.file import SpoolFile
from helicone_logging.spool.upkeep import Upkeep
from helicone_logging.spool.waiting import least, parted

_PATIENCE = 0.005  # seconds for which `put` waits for the lock
_LOOK_EVERY = 5.0  # seconds between two looks for claims of processes that are gone
_LOOK_AGAIN = 0.05  # seconds after which to ask again while something is under way
_CHECKPOINT_BYTES, _LONGEST_LOG = 4 * 1024 * 1024, 64 * 1024 * 1024
_MOVE_RECORDS, _MOVE_BYTES, _MARKS = 256, 1024 * 1024, 1000
_LAST_PATIENCE = _FORK_PATIENCE = 1.0  # seconds that the end, to save what is in memory, and a fork wait for the disk


class Spool:
    """Records in a SQLite file that several processes may share.

    Args:
        path: of the file; its directory is created when the first record comes.
        max_bytes: bytes of the records in it at the most, those of other processes included.
        overflow: what happens when it is full: `"drop_newest"`, `"drop_oldest"` (of this process) or `"block"`.
        memory: takes the records while the disk cannot.
        diagnostics: where trouble is told.
    """

    def __init__(
        self, path: str, max_bytes: int, overflow: str, memory: BoundedQueue, diagnostics: Diagnostics
    ) -> None:
        self._path = os.path.abspath(path)  # noqa: PTH100 - `Path.absolute` leaves `..` in it
        self._max_bytes = max_bytes
        self._overflow = overflow
        self._memory = memory
        self._diagnostics = diagnostics
        self._listener: weakref.WeakMethod[Callable[[], object]] | None = None
        self._is_barred = self._is_held_for_fork = False
        self._begin()
        forks.watch(self)

    def _begin(self) -> None:
        self._lock = threading.RLock()  # reentrant: a signal handler may log while this thread is inside
        self._room = threading.Condition(self._lock)
        self._side = threading.Lock()  # around the connection of the upkeep
        self._disk = Disk(self._path, self._max_bytes, self._diagnostics)
        self._upkeep = Upkeep(self)
        self._emitted = self._delivered = self._rejected = self._dropped = 0
        self._last_id = self._in_flight = 0
        self._has_looked = self._is_closed = False
        self._looked_at = self._tidied_at = 0.0
        self._marks: dict[int, int] = {}

    def after_fork_in_child(self) -> None:
        if self._disk.file is not None:  # `_before_fork` could not close it
            forks.abandon(self._disk.file)
            self._is_barred = True
            self._diagnostics.report("spool-fork", f"{self._path} was in use during a fork; this child does without")
        self._memory.after_fork_in_child()
        self._begin()

    def listen(self, wake: Callable[[], object]) -> None:
        self._listener = weakref.WeakMethod(wake)

    def _wake_sender(self) -> None:
        if wake := self._listener and self._listener():
            wake()

    # In

    def put(self, entry: Entry) -> int:
        entry = entry_bytes(entry)
        if not self._is_barred and self._lock.acquire(timeout=_PATIENCE):
            try:
                dropped = self._put_on_disk(entry)
            finally:
                self._lock.release()
            if dropped is not None:
                return dropped
        if not self._memory.ready_count and self._upkeep.start():
            self._upkeep.wake()
        return self._memory.put(entry, -self._next_id())

    def _put_on_disk(self, entry: bytes) -> int | None:
        """Returns how many records were dropped for it, or None if the disk cannot take it now."""
        disk, size = self._disk, len(entry)
        if disk.use(is_new_allowed=True) is None:
            return None
        self._is_closed = False
        self._upkeep.start()
        dropped = 0
        if not disk.has_room(size):
            dropped = self._make_room(size)
            if disk.pause():
                return None
            if not disk.has_room(size):
                self._emitted += 1
                self._dropped += 1
                return dropped + 1
        record = disk.insert(self._next_id(), entry)
        if not record:
            return None
        self._last_id = max(self._last_id, record)
        self._emitted += 1
        disk.waiting.add(record, entry)
        if disk.written >= _CHECKPOINT_BYTES:
            self._upkeep.wake()
        return dropped

    def _next_id(self) -> int:
        self._last_id = max(self._last_id + 1, time.time_ns())
        return self._last_id

    def _make_room(self, size: int) -> int:
        if size > self._max_bytes:
            return 0
        if self._overflow == BLOCK:
            self._wait_for_room(size)
            return 0
        dropped = 0
        while self._overflow == DROP_OLDEST and not self._disk.has_room(size) and self._disk.drop_oldest():
            self._dropped += 1
            dropped += 1
        return dropped

    def _wait_for_room(self, size: int) -> None:
        deadline = time.monotonic() + self._memory.block_timeout
        while not (self._is_closed or self._disk.pause() or self._disk.has_room(size)) and time.monotonic() < deadline:
            self._room.wait(min(_LOOK_AGAIN, self._memory.block_timeout))  # other processes make room without a word

    # Out

    def take(self, limit: int, max_bytes: int) -> list[Item]:
        with self._lock:
            items = self._disk.take(limit, max_bytes)
            self._in_flight += len(items)
        return items or self._memory.take(limit, max_bytes)

    def give_back(self, items: Sequence[Item]) -> None:
        with self._landing(items, self._memory.give_back) as on_disk:
            self._disk.waiting.give_back(on_disk)

    def retry(self, items: Sequence[Item], delay: float) -> None:
        with self._landing(items, lambda in_memory: self._memory.retry(in_memory, delay)) as on_disk:
            self._disk.waiting.retry(on_disk, delay)

    def delivered(self, items: Sequence[Item]) -> None:
        with self._landing(items, self._memory.delivered) as on_disk:
            self._delivered += len(on_disk)
            self._disk.finish(on_disk)

    def rejected(self, items: Sequence[Item]) -> None:
        with self._landing(items, self._memory.rejected) as on_disk:
            self._rejected += len(on_disk)
            self._disk.finish(on_disk)

    @contextlib.contextmanager
    def _landing(
        self, items: Sequence[Item], in_memory_land: Callable[[Sequence[Item]], None]
    ) -> Iterator[Sequence[Item]]:
        """Around what becomes of those on disk of the records that were handed out; a closed queue stays closed."""
        on_disk, in_memory = parted(items)
        in_memory_land(in_memory)
        with self._lock:
            self._in_flight -= len(on_disk)
            yield on_disk
            if self._overflow == BLOCK:
                self._room.notify_all()
            if self._is_closed and not self._in_flight:
                self._disk.release()

    def drop_waiting(self) -> int:
        self._save()
        return self._memory.drop_waiting()

    def _save(self) -> None:
        """Brings to the disk what it could not take before: records in memory, and that others are done."""
        deadline = time.monotonic() + _LAST_PATIENCE
        self._memory.hurry()
        while (self._memory.due_in() is not None or self._disk.undeleted) and not self._is_barred:
            with self._lock:
                self._disk.delete_finished()
                is_moved, pause = self._move_to_disk(), self._disk.pause()
            if not is_moved and (not pause or time.monotonic() + pause > deadline):
                break
            time.sleep(pause)

    def hurry(self) -> None:
        with self._lock:
            self._disk.waiting.hurry()
        self._memory.hurry()

    # What is there

    @property
    def ready_count(self) -> int:
        return self._disk.waiting.ready_count + self._memory.ready_count

    @property
    def ready_bytes(self) -> int:
        return self._disk.waiting.ready_size + self._memory.ready_bytes

    def ready_age(self) -> float:
        with self._lock:
            return max(self._disk.ready_age(), self._memory.ready_age())

    def due_in(self) -> float | None:
        with self._lock:
            due_in = least(None if self._is_closed else self._disk.due_in(), self._memory.due_in())
        return _LOOK_AGAIN if due_in is None and self._is_looking() else due_in

    def retry_in(self) -> float | None:
        with self._lock:
            return least(None if self._is_closed else self._disk.retry_in(), self._memory.retry_in())

    def is_locked_here(self) -> bool:
        return bool(self._room._is_owned()) or self._memory.is_locked_here()  # type: ignore[attr-defined]  # as there

    def mark(self) -> int:
        with self._lock:
            self._is_closed = False  # what is flushed is to be sent
            self._last_id = max(self._last_id, time.time_ns())
            mark = self._disk.waiting.draw_line(self._last_id + 1)
            self._marks[mark] = self._memory.mark()
            self._marks.pop(mark - _MARKS, None)  # nobody waits for so old a one
            return mark

    def is_done(self, mark: int) -> bool:
        if self._is_looking():
            return False
        with self._lock:
            return self._disk.waiting.is_done(mark) and self._memory.is_done(self._marks.get(mark, 0))

    def account(self) -> Account:
        with self._lock:
            disk, memory = self._disk, self._memory.account()
            return Account(
                emitted=memory.emitted + self._emitted - disk.handed_over,
                delivered=memory.delivered + self._delivered,
                rejected=memory.rejected + self._rejected,
                dropped=memory.dropped + self._dropped + disk.lost,
                queued=memory.queued + disk.waiting.count,
                queued_bytes=memory.queued_bytes + disk.waiting.size,
                oldest_age=max(memory.oldest_age, disk.oldest_age()),
                recovered=disk.recovered,
            )

    # Upkeep

    def _is_looking(self) -> bool:
        """Whether records that others left may be found any moment: the first look is not over yet."""
        if self._has_looked or self._is_barred or inode_of(self._path) is None:
            return False
        if not self._upkeep.start():
            self.upkeep()
        return not self._has_looked

    def upkeep(self) -> float:
        """Does what is due, from a thread of its own, and returns in how many seconds to come again."""
        is_first = not self._has_looked
        try:
            with self._lock:
                self._keep_up()
            self._look_and_tidy()
        except Exception as error:  # noqa: BLE001 - a fault of ours must not end the thread
            self._diagnostics.report("fault", f"looking after {self._path} failed on {type(error).__name__}: {error}")
        self._has_looked = True
        if is_first:
            self._wake_sender()
        with self._lock:
            if self._memory.ready_count or self._disk.undeleted:
                return max(_LOOK_AGAIN, self._disk.pause())
        return _LOOK_EVERY

    def _keep_up(self) -> None:
        disk = self._disk
        if disk.is_replaced:
            self._rescue()
        if self._is_closed or disk.use(is_new_allowed=bool(self._memory.ready_count)) is None:
            return
        disk.delete_finished()
        if disk.is_renewal_due():
            disk.renew()
        disk.drop_empty_claims()
        self._move_to_disk()

    def _move_to_disk(self) -> bool:
        """Moves records from memory to disk, where there is room, and returns whether there may be more."""
        disk = self._disk
        if self._memory.due_in() != 0 or self._is_barred or disk.use(is_new_allowed=True) is None:
            return False
        items = self._memory.take(_MOVE_RECORDS, _MOVE_BYTES)
        for index, item in enumerate(items):
            record = disk.insert(-item.id, entry_bytes(item.entry)) if disk.has_room(entry_size(item.entry)) else 0
            if not record:
                self._memory.give_back(items[index:])
                return False
            self._emitted += 1
            disk.waiting.add_earlier(record, entry_size(item.entry), item.queued_at)
            self._memory.withdraw((item,))
        return bool(items)

    def _rescue(self) -> None:
        """Reads what it can from a file that was removed or replaced while it was open."""
        while self._disk.waiting.due_in() == 0:
            items = self._disk.take(_MOVE_RECORDS, _MOVE_BYTES)
            if not items:
                break
            self._disk.waiting.forget(items)
            self._emitted -= len(items)
            for item in items:
                self._memory.put(item.entry, -item.id)
        self._disk.close()

    def _look_and_tidy(self) -> None:
        now = time.monotonic()
        is_look_due = now >= self._looked_at + _LOOK_EVERY or not self._has_looked
        is_checkpoint_due = self._disk.written >= _CHECKPOINT_BYTES or now >= self._tidied_at + _LOOK_EVERY
        if self._disk.file is None or not (is_look_due or is_checkpoint_due):
            return
        with self._side, contextlib.suppress(sqlite3.Error, OSError, TypeError, ValueError):
            side = SpoolFile(self._path, is_new_allowed=False)  # in the way of nobody who logs
            try:
                if is_look_due:
                    self._looked_at = now
                    self._look(side)
                if is_checkpoint_due and self._disk.written:
                    self._tidied_at = now
                    self._disk.written = 0
                    self._checkpoint(side)
            finally:
                side.close()

    def _look(self, side: SpoolFile) -> None:
        found = 0
        for claim in side.claims():
            if self._disk.is_own(claim) or not claim.is_free():
                continue
            count, size, oldest = side.measure(claim.id)
            with self._lock:
                if self._disk.adopt(claim, count, size, oldest, is_first=not self._has_looked):
                    found += count
        if found:
            self._wake_sender()

    def _checkpoint(self, side: SpoolFile) -> None:
        """Bounds the write-ahead log; readers and writers go on meanwhile, unless it has become far too long."""
        is_complete = side.checkpoint()
        with self._lock:
            if not is_complete and side.log_size() > _LONGEST_LOG:
                is_complete = side.checkpoint()
            if is_complete:
                self._disk.renew()  # the first write to a log that begins anew waits for the disk; not in `put`, then

    # The end

    def close(self) -> None:
        self._upkeep.stop()
        self._save()  # or the next process would send again what has arrived
        with self._lock:
            self._is_closed = True
            self._room.notify_all()
            self._upkeep = Upkeep(self)
            kept = self._disk.waiting.waiting_count
            if not self._in_flight:
                self._disk.release()
        if kept:
            self._diagnostics.report("kept", f"{kept:,} records stay in {self._path} for the next process")
        self._memory.close()

    def before_fork(self) -> None:
        """Closes the file, as a child must not inherit SQLite's state of an open one, and holds everybody off."""
        self._is_held_for_fork = self._side.acquire(timeout=_FORK_PATIENCE)
        if self._is_held_for_fork and not self._lock.acquire(timeout=_FORK_PATIENCE):
            self._side.release()
            self._is_held_for_fork = False
        if self._is_held_for_fork:
            self._disk.close(is_quick=True)

    def after_fork_in_parent(self) -> None:
        """Goes on; the file is opened again when it is needed."""
        if self._is_held_for_fork:
            self._is_held_for_fork = False
            self._lock.release()
            self._side.release()
