"""The queue on disk, which outlives the process; while the disk cannot be used, a queue in memory takes its place.

A record is in memory, under a negative id, and in the journal, until it has left or there are many: then it is moved
into the file. `put` waits a few milliseconds at the most; what cannot be written then is in memory only, until it can.

There are two locks: this queue's, around the file, which `put` waits for no longer than that; and inside it that of the
queue in memory, around what is known of memory and journal, which nobody holds while something is written.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import count

from helicone_logging.delivery.diagnostics import Diagnostics
from helicone_logging.delivery.memory import BLOCK, DROP_OLDEST, Account, BoundedQueue, Item
from helicone_logging.payload.wires.helicone import Entry, entry_bytes
from helicone_logging.spool import forks, moving, rounds
from helicone_logging.spool.at_hand import AtHand
from helicone_logging.spool.disk import Disk
from helicone_logging.spool.names import inode_of
from helicone_logging.spool.upkeep import Upkeep
from helicone_logging.spool.waiting import least, parted

_PATIENCE = 0.005  # seconds for which `put` waits for the lock
_LOOK_AGAIN = 0.05  # seconds after which to ask again while something is under way
_MARKS = 1000
_COUNT = 1023  # the bits of an id that are a count
_LAST_PATIENCE = _FORK_PATIENCE = 1.0  # seconds that the end, for each of its steps, and a fork wait for the disk


class Spool:
    """Records in a SQLite file that several processes may share.

    Args:
        path: of the file; its directory is created when the first record comes.
        max_bytes: bytes of the records in it at the most, those of other processes and of journals included.
        overflow: what happens when it is full: `"drop_newest"`, `"drop_oldest"` (of this process) or `"block"`.
        memory: has the records of the journal at hand, and takes others while the disk cannot.
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
        self._is_held_for_fork = False
        self._begin(is_barred=False)
        forks.watch(self)

    def _begin(self, *, is_barred: bool) -> None:
        self._lock = threading.RLock()  # reentrant: a signal handler may log while this thread is inside
        self._room = threading.Condition(self._lock)
        self._ids = count()
        self._at_hand = AtHand(self._memory, self._path)
        self._disk = Disk(self._path, self._max_bytes, self._at_hand.journal, self._diagnostics, is_barred=is_barred)
        self._rounds = rounds.Rounds(self._disk, self._lock, self._diagnostics)
        self._upkeep = Upkeep(self)
        self._delivered = self._rejected = self._dropped = 0
        self._last_id = self._in_flight = 0
        self._is_closed = False
        self._marks: dict[int, int] = {}

    def after_fork_in_child(self) -> None:
        disk = self._disk
        if disk.file is not None:  # `before_fork` could not close it
            forks.abandon(disk.file)
            self._diagnostics.report("spool-fork", f"{self._path} was in use during a fork; this child does without")
        self._at_hand.journal.abandon()
        self._memory.after_fork_in_child()
        self._begin(is_barred=disk.is_barred or disk.file is not None)

    def listen(self, wake: Callable[[], object]) -> None:
        self._listener = weakref.WeakMethod(wake)

    # In

    def put(self, entry: Entry) -> int:
        entry = entry_bytes(entry)
        if self._at_hand.put(self._next_id(), entry, self._disk.journal_room):
            if self._at_hand.is_much():
                self._upkeep.wake()
            return 0
        dropped = self._put_on_disk(entry)
        return self._put_in_memory(entry) if dropped is None else dropped

    def _put_on_disk(self, entry: bytes) -> int | None:
        """Returns how many records were dropped for it, or None if the disk cannot take it now."""
        was_inside, is_inside = self._is_inside(), False
        try:
            is_inside = self._lock.acquire(timeout=_PATIENCE)
            return self._put_inside(entry) if is_inside else None
        finally:
            if is_inside or (self._is_inside() and not was_inside):  # a signal handler raised right after `acquire`
                self._lock.release()

    def _is_inside(self) -> bool:
        return bool(self._room._is_owned())  # type: ignore[attr-defined]  # as `threading.Condition` asks

    def _put_inside(self, entry: bytes) -> int | None:
        disk, size = self._disk, len(entry)
        if disk.use(is_new_allowed=True) is None:
            return None
        self._is_closed = False
        self._upkeep.start()
        dropped = 0 if disk.has_room(size) else self._make_room(size)
        if disk.pause():
            return None
        if not disk.has_room(size):
            disk.emitted += 1
            self._dropped += 1
            return dropped + 1
        return dropped if self._insert(entry) else None

    def _insert(self, entry: bytes) -> bool:
        """Puts a record in the journal, if there is room, else in the file."""
        self._at_hand.journal.begin()
        if self._at_hand.put(self._next_id(), entry, self._disk.journal_room):
            return True
        if self._rounds.is_checkpoint_due():
            self._upkeep.wake()
        return self._disk.put(self._next_id(), entry)

    def _put_in_memory(self, entry: bytes) -> int:
        dropped = self._at_hand.put_exposed(self._next_id(), entry)
        if self._upkeep.start():
            self._upkeep.wake()
        return dropped

    def _next_id(self) -> int:
        """Returns the time in nanoseconds; its last bits are a count, as two threads may ask at the same moment."""
        self._last_id = time.time_ns() & ~_COUNT | next(self._ids) & _COUNT
        return self._last_id

    def _make_room(self, size: int) -> int:
        if size > self._max_bytes:
            return 0
        if self._overflow == BLOCK:
            self._wait_for_room(size)
            return 0
        dropped = 0
        if self._overflow == DROP_OLDEST:
            while not (self._disk.has_room(size) or self._disk.pause()) and self._drop_oldest():
                dropped += 1
        return dropped

    def _drop_oldest(self) -> bool:
        """Drops the oldest record that is not being sent, and returns whether there was one."""
        if self._disk.drop_oldest():
            self._dropped += 1
            return True
        return self._at_hand.drop_oldest()

    def _wait_for_room(self, size: int) -> None:
        deadline = time.monotonic() + self._memory.block_timeout
        while not (self._is_closed or self._disk.pause() or self._disk.has_room(size)) and time.monotonic() < deadline:
            self._room.wait(min(_LOOK_AGAIN, self._memory.block_timeout))  # other processes make room without a word

    # Out

    def take(self, limit: int, max_bytes: int) -> list[Item]:
        with self._lock:
            items = self._disk.take(limit, max_bytes)
            self._in_flight += len(items)
        return items or self._take_from_memory(limit, max_bytes)

    def _take_from_memory(self, limit: int, max_bytes: int) -> list[Item]:
        self._disk.report_cleared(self._at_hand.drop_cleared())
        items = self._memory.take(limit, max_bytes)
        with self._lock:
            self._in_flight += len(items)
        return items

    def give_back(self, items: Sequence[Item]) -> None:
        with self._landing(items, self._memory.give_back) as on_disk:
            self._disk.waiting.give_back(on_disk)

    def retry(self, items: Sequence[Item], delay: float) -> None:
        with self._landing(items, lambda in_memory: self._memory.retry(in_memory, delay)) as on_disk:
            self._disk.waiting.retry(on_disk, delay)

    def delivered(self, items: Sequence[Item]) -> None:
        with self._landing(items, partial(self._at_hand.leave, land=self._memory.delivered)) as on_disk:
            self._delivered += len(on_disk)
            self._disk.finish(on_disk)

    def rejected(self, items: Sequence[Item]) -> None:
        with self._landing(items, partial(self._at_hand.leave, land=self._memory.rejected)) as on_disk:
            self._rejected += len(on_disk)
            self._disk.finish(on_disk)

    @contextlib.contextmanager
    def _landing(
        self, items: Sequence[Item], in_memory_land: Callable[[Sequence[Item]], None]
    ) -> Iterator[Sequence[Item]]:
        """Around what becomes of those in the file of the records that were handed out; a closed queue stays closed."""
        on_disk, in_memory = parted(items)
        if in_memory:
            in_memory_land(in_memory)
        with self._lock:
            self._in_flight -= len(items)
            yield on_disk
            self._disk.give_room_back()
            if self._overflow == BLOCK:
                self._room.notify_all()
            if self._is_closed:
                self._release()

    def _release(self) -> None:
        """Leaves everything to other processes, once nothing is on its way."""
        if not self._in_flight:
            self._memory.hurry()
            while moving.move(self._disk, self._at_hand):
                pass
            self._disk.release()

    def drop_waiting(self) -> int:
        self._save()
        return self._at_hand.drop_exposed()

    def _save(self) -> None:
        """Brings to the disk what it could not take before: records in memory, and that others are done."""
        deadline = time.monotonic() + _LAST_PATIENCE
        self._memory.hurry()
        while (self._memory.due_in() is not None or self._disk.undeleted) and time.monotonic() <= deadline:
            with self._lock:
                self._disk.delete_finished()
                is_moved, pause = moving.move(self._disk, self._at_hand), self._disk.pause()
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
        return self._memory.ready_count + (0 if self._is_closed else self._disk.waiting.ready_count)

    @property
    def ready_bytes(self) -> int:
        return self._memory.ready_bytes + (0 if self._is_closed else self._disk.waiting.ready_size)

    def ready_age(self) -> float:
        with self._lock:
            return max(self._disk.ages.ready(self._disk.file), self._memory.ready_age())

    def due_in(self) -> float | None:
        with self._lock:
            due_in = least(None if self._is_closed else self._disk.due_in(), self._memory.due_in())
        return _LOOK_AGAIN if due_in is None and self._is_looking() else due_in

    def retry_in(self) -> float | None:
        with self._lock:
            return least(None if self._is_closed else self._disk.retry_in(), self._memory.retry_in())

    def is_locked_here(self) -> bool:
        return self._is_inside() or self._memory.is_locked_here()

    def mark(self) -> int:
        with self._lock:
            self._is_closed = False  # what is flushed is to be sent
            mark = self._disk.waiting.draw_line(max(self._last_id, time.time_ns() | _COUNT) + 1)
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
                emitted=memory.emitted + disk.emitted - disk.handed_over,
                delivered=memory.delivered + self._delivered,
                rejected=memory.rejected + self._rejected,
                dropped=memory.dropped + self._dropped + disk.lost,
                queued=memory.queued + disk.waiting.count,
                queued_bytes=memory.queued_bytes + disk.waiting.size,
                oldest_age=max(memory.oldest_age, disk.ages.oldest(disk.file)),
                recovered=disk.recovered,
            )

    # Upkeep

    def _is_looking(self) -> bool:
        """Whether records that others left may be found any moment: the first look is not over yet."""
        if self._rounds.has_looked or inode_of(self._path) is None:
            return False
        if not self._upkeep.start():
            self.upkeep()
        return not self._rounds.has_looked

    def upkeep(self) -> float:
        """Does what is due, from a thread of its own, and returns in how many seconds to come again."""
        is_first, recovered = not self._rounds.has_looked, self._disk.recovered
        try:
            self._at_hand.journal.look_after()
            with self._lock:
                self._keep_up()
            while self._moves_on():
                pass
            self._rounds.make()
        except Exception as error:  # noqa: BLE001 - a fault of ours must not end the thread
            self._diagnostics.report("fault", f"looking after {self._path} failed on {type(error).__name__}: {error}")
            self._rounds.has_looked = True
        is_news = self._disk.recovered > recovered or (is_first and self._rounds.has_looked)
        if is_news and self._listener and (wake := self._listener()):
            wake()
        with self._lock:
            if moving.is_due(self._disk, self._at_hand) or self._disk.undeleted or not self._rounds.has_looked:
                return max(_LOOK_AGAIN, self._disk.pause())
        return rounds.EVERY

    def _keep_up(self) -> None:
        disk = self._disk
        if disk.is_replaced:
            moving.rescue(disk, self._at_hand)
        if self._is_closed or disk.use(is_new_allowed=bool(self._memory.ready_count)) is None:
            return
        disk.delete_finished()
        if disk.is_renewal_due():
            disk.renew()
        disk.drop_empty_claims()

    def _moves_on(self) -> bool:
        with self._lock:
            is_due = not self._is_closed and moving.is_due(self._disk, self._at_hand)
            return is_due and moving.move(self._disk, self._at_hand)

    # The end

    def close(self) -> None:
        self._upkeep.stop(_LAST_PATIENCE)  # and no connection is open any more
        self._save()  # or the next process would send again what has arrived
        with self._lock:
            self._is_closed = True
            self._room.notify_all()
            self._upkeep = Upkeep(self)
            self._at_hand.journal.close()
            kept = self._disk.waiting.waiting_count + min(self._memory.waiting_count, self._at_hand.journal.count)
            self._release()
        if kept:
            self._diagnostics.report("kept", f"{kept:,} records stay in {self._path} for the next process")
        self._memory.close()

    def before_fork(self) -> None:
        """Closes the file, as a child must not inherit SQLite's state of an open one, and holds everybody off."""
        self._is_held_for_fork = self._disk.side.acquire(timeout=_FORK_PATIENCE)
        if self._is_held_for_fork and not self._lock.acquire(timeout=_FORK_PATIENCE):
            self._disk.side.release()
            self._is_held_for_fork = False
        if self._is_held_for_fork:
            self._disk.close(is_quick=True)

    def after_fork_in_parent(self) -> None:
        """Goes on; the file is opened again when it is needed."""
        if self._is_held_for_fork:
            self._is_held_for_fork = False
            self._lock.release()
            self._disk.side.release()
