"""How much is read of values that are no containers of Python's own, and what stands for the rest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import count

from helicone_logging.core import bounded
from helicone_logging.core.bounded import CUT, MAX_ITEMS, MAX_OF_RECORD


class Endless(Mapping[int, int]):
    """As a table of a database."""

    def __iter__(self) -> Iterator[int]:
        return count()

    def __len__(self) -> int:
        return 2**62

    def __getitem__(self, key: int) -> int:
        return key


def test_of_what_has_no_end_the_beginning_is_read_and_a_mark_stands_for_the_rest() -> None:
    assert list(bounded.items(Endless()))[-2:] == [(MAX_ITEMS - 1, MAX_ITEMS - 1), (CUT, CUT)]
    assert bounded.listed(count())[MAX_ITEMS - 1 :] == [MAX_ITEMS - 1, CUT]
    assert list(bounded.copied(Endless()).items())[MAX_ITEMS:] == [(CUT, CUT)]
    assert bounded.listed(count(), 2) == [0, 1, CUT]
    assert bounded.copied(Endless(), 2) == {0: 0, 1: 1, CUT: CUT}


def test_all_values_of_one_record_together_have_a_bound_and_each_its_first_few() -> None:
    with bounded.RecordBudget():
        sizes = [len(bounded.listed(count())) - 1 for _ in range(8)]
    assert sum(sizes[:5]) <= MAX_OF_RECORD
    assert sizes[:4] == [MAX_ITEMS] * 4
    assert sizes[5:] == [100] * 3
    assert len(bounded.listed(count())) - 1 == MAX_ITEMS
