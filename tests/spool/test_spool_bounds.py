"""`spool_bytes` bounds the records of all processes together, and `overflow` says what happens then."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from spool_fixtures import MIB, entries, file_rows, is_balanced, rows, spool, stand_still, take_all, wait_until

from helicone_logging.delivery.diagnostics import Diagnostics
from helicone_logging.delivery.memory import BoundedQueue, Item
from helicone_logging.spool import Spool

pytestmark = pytest.mark.usefixtures("way")


def size(path: Path) -> int:
    return sum(len(entry) for _, _, entry in rows(path))


def test_drop_newest_keeps_what_came_first(path: Path) -> None:
    queue = spool(path, max_bytes=1000)
    dropped = [queue.put(b"%03d" % number + b"x" * 97) for number in range(12)]
    assert dropped == [0] * 10 + [1] * 2
    assert size(path) == 1000
    assert [entry[:3] for entry in entries(take_all(queue))] == [b"%03d" % number for number in range(10)]
    account = queue.account()
    assert (account.emitted, account.dropped, account.queued, account.queued_bytes) == (12, 2, 10, 1000)
    queue.close()


def test_drop_oldest_keeps_what_came_last(path: Path) -> None:
    queue = spool(path, max_bytes=1000, overflow="drop_oldest")
    dropped = [queue.put(b"%03d" % number + b"x" * 97) for number in range(12)]
    assert dropped == [0] * 10 + [1] * 2
    assert queue.put(b"y" * 250) == 3
    assert size(path) == 950
    assert [entry[:3] for entry in entries(take_all(queue))] == [b"%03d" % number for number in range(5, 12)] + [b"yyy"]
    assert queue.account().dropped == 5
    assert is_balanced(queue.account())
    queue.close()


def test_drop_oldest_drops_nothing_that_is_being_sent(path: Path) -> None:
    queue = spool(path, max_bytes=200, overflow="drop_oldest")
    queue.put(b"1" * 100)
    queue.put(b"2" * 100)
    items = queue.take(2, MIB)
    assert queue.put(b"3" * 100) == 1
    assert queue.account().dropped == 1
    queue.give_back(items[1:])
    assert queue.put(b"4" * 100) == 1
    assert len(rows(path)) == 2
    queue.delivered(items[:1])
    assert entries(take_all(queue)) == [b"4" * 100]
    assert is_balanced(queue.account())
    queue.close()


def test_block_waits_until_the_senders_make_room(path: Path) -> None:
    queue = spool(path, max_bytes=100, overflow="block", block_timeout=60)
    queue.put(b"1" * 100)
    thread = threading.Thread(target=queue.put, args=(b"2" * 100,))
    thread.start()
    queue.delivered(queue.take(1, MIB))
    thread.join(60)
    assert entries(take_all(queue)) == [b"2" * 100]
    assert queue.account().dropped == 0
    queue.close()


def test_block_waits_for_other_processes_too(path: Path) -> None:
    queue, other = (spool(path, max_bytes=100, overflow="block", block_timeout=60) for _ in range(2))
    other.put(b"1" * 100)
    thread = threading.Thread(target=queue.put, args=(b"2" * 100,))
    thread.start()
    other.delivered(other.take(1, MIB))
    thread.join(60)
    assert queue.account().dropped == 0
    assert queue.account().queued == 1
    queue.close()
    other.close()


def test_block_gives_up_in_time(path: Path) -> None:
    queue = spool(path, max_bytes=100, overflow="block", block_timeout=0.01)
    queue.put(b"1" * 100)
    assert queue.put(b"2" * 100) == 1
    assert is_balanced(queue.account())
    queue.close()


def test_close_ends_a_wait_for_room(path: Path) -> None:
    queue = spool(path, max_bytes=100, overflow="block", block_timeout=600)
    queue.put(b"1" * 100)
    thread = threading.Thread(target=queue.put, args=(b"2" * 100,))
    thread.start()
    while thread.is_alive():
        queue.close()
        thread.join(0.05)
    assert is_balanced(queue.account())
    queue.close()


@pytest.mark.parametrize("overflow", ["drop_newest", "drop_oldest", "block"])
def test_a_record_larger_than_the_whole_queue_is_dropped_alone(path: Path, overflow: str) -> None:
    queue = spool(path, max_bytes=100, overflow=overflow, block_timeout=600)
    queue.put(b"1" * 50)
    assert queue.put(b"2" * 101) == 1
    assert entries(take_all(queue)) == [b"1" * 50]
    assert is_balanced(queue.account())
    queue.close()


def test_several_queues_on_one_file_stay_below_the_bound_together(path: Path) -> None:
    queues = [spool(path, max_bytes=10_000) for _ in range(3)]
    for _ in range(80):
        for queue in queues:
            queue.put(b"x" * 100)
    assert 9_000 <= size(path) <= 10_000  # each may hold back a 64th of the room for its next records
    # where one got into the way of another
    in_memory = sum(queue._memory.account().queued - queue._at_hand.journal.count for queue in queues)
    assert sum(queue.account().dropped for queue in queues) == 240 - len(rows(path)) - in_memory
    for queue in queues:
        queue.close()


def test_room_that_one_process_made_is_there_for_another(path: Path) -> None:
    first, second = spool(path, max_bytes=10_000), spool(path, max_bytes=10_000)
    for _ in range(100):
        first.put(b"x" * 100)
    assert second.put(b"y" * 100) == 1
    first.delivered(take_all(first))
    assert second.put(b"y" * 100) == 0
    first.close()
    second.close()


def test_what_others_left_counts_against_the_bound(path: Path) -> None:
    first = spool(path, max_bytes=1000)
    for _ in range(10):
        first.put(b"x" * 100)
    first.close()
    second = spool(path, max_bytes=1000)
    assert second.put(b"y" * 100) == 1
    wait_until(lambda: second.account().recovered == 10)
    second.delivered(second.take(1, MIB))
    assert second.put(b"y" * 100) == 0
    assert size(path) <= 1000
    second.close()


def test_what_piles_up_in_the_journal_is_moved_into_the_file_and_handed_out_in_order(
    path: Path,
) -> None:
    queue = spool(path, memory_bytes=2000)
    queue.put(b"0" * 100)
    stand_still(queue)
    numbers = [b"%0100d" % number for number in range(1, 50)]
    found: list[Item] = []
    for index, number in enumerate(numbers):
        queue.put(number)
        queue.upkeep()
        assert queue._at_hand.journal.size <= 500
        assert len(rows(path)) == index + 2
        if index % 7 == 6:
            found += queue.take(3, MIB)
    found += take_all(queue)
    assert entries(found) == [b"0" * 100, *numbers]
    queue.delivered(found)
    assert rows(path) == []
    assert is_balanced(queue.account())
    queue.close()


def test_a_full_journal_lets_records_into_the_file(path: Path) -> None:
    queue = spool(path, memory_bytes=2000)
    queue.put(b"first")
    stand_still(queue)
    for number in range(50):
        queue.put(b"%0100d" % number)
    assert queue._at_hand.journal.size <= 1100
    assert len(file_rows(path)) >= 40
    assert len(rows(path)) == 51
    found = take_all(queue)
    assert len(set(entries(found))) == 51
    queue.delivered(found)
    assert rows(path) == []
    queue.close()


def test_a_queue_in_memory_that_is_small_does_not_bound_what_is_on_disk(path: Path) -> None:
    queue = Spool(str(path), MIB, "drop_newest", BoundedQueue(10, 1000, "drop_newest", 1.0), Diagnostics())
    assert sum(queue.put(b"%0100d" % number) for number in range(100)) == 0
    assert len(rows(path)) == 100
    assert sorted(entries(take_all(queue))) == [b"%0100d" % number for number in range(100)]
    queue.close()
