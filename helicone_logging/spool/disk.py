"""What a process does with its records on disk, and what it does when the disk lets it down.

Nothing here raises: a method says whether it could do its work. All of it needs the lock of the queue around it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

from helicone_logging.delivery.diagnostics import Diagnostics
from helicone_logging.delivery.memory import Item
from helicone_logging.payload.wires.helicone import entry_bytes, entry_size
from helicone_logging.spool.ages import Ages
from helicone_logging.spool.file import TROUBLE, Claim, SpoolFile, UnusableFileError, passing_trouble
from helicone_logging.spool.journal import Journal
from helicone_logging.spool.names import inode_of, set_aside
from helicone_logging.spool.process import LEASE, this_process
from helicone_logging.spool.waiting import Fresh, Slip, Waiting, within

RENEW_EVERY = 15.0

_CHUNKS = 64  # in how many parts room is set apart, so that not every record asks how much the others have taken
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 10.0
_LOCKED_IS_TOLD_FROM = 2  # in a row: processes that share a file get into each other's way now and then


class Disk:
    """The file, as long as it can be used, and the account of the records in it that are this process's.

    Args:
        path: absolute.
        max_bytes: of the records of all processes together.
        journal: what this process has on disk besides.
        diagnostics: where trouble is told.
        is_barred: whether the file must not be opened in this process.
    """

    def __init__(
        self, path: str, max_bytes: int, journal: Journal, diagnostics: Diagnostics, *, is_barred: bool = False
    ) -> None:
        self.waiting = Waiting()
        self.emitted = 0  # records that came to the file from here
        self.recovered = self.lost = self.handed_over = 0
        self.written = 0  # bytes since the last checkpoint
        self.undeleted: list[int] = []
        self.file: SpoolFile | None = None
        self.side = threading.Lock()  # around another connection, of the thread that looks after the file
        self.is_barred = is_barred
        self._journal = journal
        self.path = path
        self._max_bytes = max_bytes
        self._diagnostics = diagnostics
        self._holder = 0
        self._inode: int | None = None
        self._reserved = 0
        self.ages = Ages(self.waiting)
        self._failures = 0
        self._retry_at = self._renewed_at = 0.0

    # The file

    def use(self, *, is_new_allowed: bool = False) -> SpoolFile | None:
        """Returns the file, opened if need be, or None while it cannot be used."""
        if self.is_barred or (self._failures and time.monotonic() < self._retry_at):
            return None
        if self.file is None:
            self._open(is_new_allowed=is_new_allowed)
            if self.file is None and not self._failures:  # what was there has been set aside
                self._open(is_new_allowed=is_new_allowed)
        elif time.monotonic() > self._renewed_at + LEASE / 2:  # nobody could do it from the background
            self.renew()
        return self.file

    def _open(self, *, is_new_allowed: bool) -> None:
        self._inode = inode_of(self.path)
        if self._inode is None and not is_new_allowed:
            return
        try:
            self.file = SpoolFile(self.path, is_new_allowed=is_new_allowed)
            self._inode = inode_of(self.path)
            self._take_hold(self.file)
        except TROUBLE as error:
            self.trouble(error)
            self.close()

    def _take_hold(self, file: SpoolFile) -> None:
        """Makes a claim, or goes on with those from before the file was closed."""
        self._reserved = 0
        process, lease = this_process(), time.time() + LEASE
        mine = {fresh.claim for fresh in self.waiting.fresh}
        if mine:
            known = [claim for claim in file.claims() if claim.id in mine]
            for claim in known:
                if claim.holder == 0:
                    file.take_over(claim, self._holder, process, lease)
            if file.held(self._holder) >= mine:
                file.renew(self._holder, lease)
                self._renewed_at = time.monotonic()
                return
            file.release(self._holder, self.used)
            self._forget_all(are_there=bool(known))
        self._holder = file.claim(process, lease)
        self._renewed_at = time.monotonic()
        self.waiting.fresh = [Fresh(self._holder, 0, None)]

    def _forget_all(self, *, are_there: bool) -> None:
        gone = self.waiting.forget_all()
        if are_there:
            found = min(gone, self.recovered)
            self.recovered -= found
            self.handed_over += gone - found
        elif gone:
            self.lost += gone
            self._diagnostics.report("spool-gone", f"{gone:,} records are lost, as {self.path} was cleared or removed")

    def trouble(self, error: Exception) -> None:
        """Does what an error asks for: tries again later, or puts the file out of the way."""
        word = passing_trouble(error)
        if word is None:
            word = self._set_aside(error)
        if word is None:
            return
        self._failures += 1
        self._retry_at = time.monotonic() + min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** min(self._failures - 1, 16))
        if word in {"read-only", "unavailable"}:
            self.close()
        if word != "locked" or self._failures >= _LOCKED_IS_TOLD_FROM:
            self._diagnostics.report(
                f"spool-{word}",
                f"the queue on disk is {word}, so records are kept in memory until it can be used again:"
                f" {self.path}: {error}",
            )

    def _set_aside(self, error: Exception) -> str | None:
        """Renames a file that is broken, unless another process has done so; returns a word if that is impossible."""
        self.close()
        inode = inode_of(self.path)
        if inode is None or inode != self._inode:
            return None
        if not self.side.acquire(blocking=False):
            return "locked"  # that connection would take the log of the next file for its own
        try:
            target = set_aside(self.path)
        except OSError:
            return "unavailable"
        finally:
            self.side.release()
        gone = self.waiting.forget_all()
        self.lost += gone
        self._holder = 0
        what = error if isinstance(error, UnusableFileError) else f"it is corrupt: {error}"
        self._diagnostics.report(
            "spool-unusable",
            f"{self.path} cannot be used, as {what}; it was set aside as {target}, with {gone:,} records of this"
            " process in it that are lost",
        )
        return None

    def worked(self) -> None:
        """Notes that the disk can be used."""
        if self._failures:
            self._failures = 0
            self._retry_at = 0.0

    def close(self, *, is_quick: bool = False) -> None:
        """Closes the file; claims stay."""
        if self.file is not None:
            self.file.close(is_quick=is_quick)
            self.file = None

    def pause(self) -> float:
        """Returns in how many seconds the disk is tried again; 0.0 for now."""
        return max(0.0, self._retry_at - time.monotonic()) if self._failures else 0.0

    def due_in(self) -> float | None:
        """Returns in how many seconds a record is due that can be read then; None for none that waits."""
        due_in = self.waiting.due_in()
        return None if due_in is None else max(due_in, self.pause())

    def retry_in(self) -> float | None:
        """Returns in how many seconds a record can be tried again; None for none."""
        retry_in = self.waiting.retry_in()
        return None if retry_in is None else max(retry_in, self.pause())

    @property
    def is_replaced(self) -> bool:
        """Whether the open file is not the one at the path any more."""
        return self.file is not None and inode_of(self.path) != self._inode

    # Records

    @property
    def used(self) -> int:
        """Bytes of the records of this process, in the file and in the journal."""
        return self.waiting.size + self._journal.size

    @property
    def journal_room(self) -> int:
        """Bytes that the journal may have, of the room that has been set apart."""
        return self._reserved - self.waiting.size

    def has_room(self, size: int) -> bool:
        """Returns whether a record fits, and sets room apart for it."""
        used = self.used + size
        if used > self._reserved and used <= self._max_bytes:
            self._reserve(used + self._max_bytes // _CHUNKS)
        return used <= self._reserved

    def give_room_back(self) -> None:
        """Leaves room to other processes that was set apart and is not needed."""
        if self._reserved - self.used > 2 * (self._max_bytes // _CHUNKS) + 1:
            self._reserve(self.used + self._max_bytes // _CHUNKS if self.used else 0)

    def _reserve(self, wanted: int) -> None:
        try:
            if self.file is not None:
                self._reserved = self.file.reserve(self._holder, self.used, wanted, self._max_bytes)
        except TROUBLE as error:
            self.trouble(error)

    def put(self, record: int, entry: bytes) -> bool:
        """Puts a record that comes now into the file, and returns whether that worked."""
        after = self.waiting.fresh[-1].cursor if self.waiting.fresh else 0  # though the clock may have been set back
        is_put = bool(self._insert([(max(record, after + 1), entry)]))
        if is_put:
            self.emitted += 1
            self.waiting.add(len(entry))
        return is_put

    def put_earlier(self, items: Sequence[Item]) -> bool:
        """Puts records that came earlier into the file, and returns whether that worked."""
        records = self._insert([(-item.id, entry_bytes(item.entry)) for item in items])
        for record, item in zip(records, items, strict=False):
            self.emitted += 1
            self.waiting.add_earlier(record, entry_size(item.entry), item.queued_at, item.attempts)
        return bool(records)

    def _insert(self, rows: Sequence[tuple[int, bytes]]) -> list[int]:
        try:
            if self.file is not None and rows:
                records = self.file.insert(self._holder, rows)
                self.written += sum(len(entry) for _, entry in rows)
                self.worked()
                return records
        except TROUBLE as error:
            self.trouble(error)
        return []

    def take(self, limit: int, max_bytes: int) -> list[Item]:
        """Hands out records that are due."""
        if self.waiting.due_in() != 0 or self.use() is None:
            return []
        slips = self.waiting.pop_slips(limit, max_bytes)
        try:
            return self._read(slips) if slips else self._read_fresh(limit, max_bytes)
        except TROUBLE as error:
            self.waiting.put_back(slips)
            self.trouble(error)
            return []

    def _read(self, slips: Sequence[Slip]) -> list[Item]:
        assert self.file is not None  # noqa: S101 - `take` has opened it; for the types
        entries = self.file.read((slip.id for slip in slips), (fresh.claim for fresh in self.waiting.fresh))
        missing = [slip for slip in slips if slip.id not in entries]
        self.waiting.forget(missing)
        self._lose(len(missing))
        return [slip.item(entries[slip.id]) for slip in slips if slip.id in entries]

    def _read_fresh(self, limit: int, max_bytes: int) -> list[Item]:
        assert self.file is not None  # noqa: S101 - `take` has opened it; for the types
        fresh = self.waiting.next_fresh()
        if fresh is None:
            return []
        found = self.file.read_after(fresh.claim, fresh.cursor, min(limit, fresh.count))
        try:
            rows, is_end = within(found, max_bytes)
        finally:
            found.close()
        items = self.waiting.take_fresh(fresh, rows) if rows else []
        if is_end and len(rows) < limit:
            self._lose(self.waiting.forget_missing(fresh))
        return items

    def _lose(self, count: int) -> None:
        self.lost += count
        self.report_cleared(count)

    def report_cleared(self, count: int) -> None:
        """Tells of records that another process has deleted."""
        if count:
            self._diagnostics.report("spool-gone", f"{count:,} records are lost, as {self.path} was cleared")

    def drop_oldest(self) -> bool:
        """Deletes the oldest record that is not being sent, and returns whether there was one."""
        try:
            slip = self.waiting.pop_oldest_slip()
            if slip is not None:
                self.finish((slip,))
                return True
            return self._drop_fresh()
        except TROUBLE as error:
            self.trouble(error)
            return False

    def _drop_fresh(self) -> bool:
        fresh = self.waiting.next_fresh()
        if fresh is None or self.file is None:
            return False
        oldest = self.file.oldest(fresh.claim, fresh.cursor)
        if oldest is None:
            self._lose(self.waiting.forget_missing(fresh))
            return False
        self.file.delete((oldest[0],))
        self.waiting.forget_fresh(fresh, *oldest)
        return True

    def finish(self, items: Sequence[Item | Slip]) -> None:
        """Deletes records for good; those that cannot be deleted now are deleted later, and never sent again."""
        self.waiting.forget(items)
        self.undeleted.extend(item.id for item in items)
        self.delete_finished()

    def delete_finished(self) -> None:
        """Deletes what could not be deleted before."""
        file = self.use() if self.undeleted else None
        if file is None:
            return
        try:
            file.delete(self.undeleted)
            self.written += 64 * len(self.undeleted)
            self.undeleted = []
            self.worked()
        except TROUBLE as error:
            self.trouble(error)

    # Claims

    def renew(self) -> None:
        """Renews the claims, unless others have taken them meanwhile."""
        if self.file is None:
            return
        try:
            if self.file.renew(self._holder, time.time() + LEASE) >= len(self.waiting.fresh):
                self._renewed_at = time.monotonic()
                self.worked()
                return
            self.close()
            self._open(is_new_allowed=False)
        except TROUBLE as error:
            self.trouble(error)

    def is_renewal_due(self) -> bool:
        """Returns whether it is time to renew the claims."""
        return self.file is not None and time.monotonic() >= self._renewed_at + RENEW_EVERY

    def adopt(self, claim: Claim, count: int, size: int, oldest: int, *, is_first: bool) -> bool:
        """Takes over a claim whose holder is gone, and returns whether nobody was faster."""
        if self.file is None:
            return False
        try:
            if not self.file.take_over(claim, self._holder, this_process(), time.time() + LEASE):
                return False
        except TROUBLE as error:
            self.trouble(error)
            return False
        self.recovered += count
        self.waiting.add_claim(claim.id, count, size, oldest, is_first=is_first)
        return True

    def is_own(self, claim: Claim) -> bool:
        """Returns whether a claim is held here."""
        return claim.holder == self._holder

    def drop_empty_claims(self) -> None:
        """Lets go of the claims taken over, once they are empty."""
        if self.file is None or self.waiting.count or self.undeleted or len(self.waiting.fresh) <= 1:
            return
        try:
            self.file.forget_empty(self._holder, self._holder)
            del self.waiting.fresh[:-1]
        except TROUBLE as error:
            self.trouble(error)

    def release(self) -> None:
        """Leaves everything to other processes, and closes the file."""
        self.delete_finished()
        try:
            if self.file is not None:
                self.file.release(self._holder, self.used)
                if not self.waiting.count:
                    self.file.shrink()
        except TROUBLE as error:
            self.trouble(error)
        self.close()
