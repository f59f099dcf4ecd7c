from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from traced import Traced

from helicone_logging.context import open_spans
from helicone_logging.receiver import Receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver(port=0) as started:
        yield started


@pytest.fixture
def make_traced(receiver: Receiver) -> Callable[..., Traced]:
    return lambda **options: Traced(receiver, **{"service_name": "tests", **options})


@pytest.fixture
def traced(make_traced: Callable[..., Traced]) -> Traced:
    return make_traced()


@pytest.fixture(autouse=True)
def _no_open_spans() -> Iterator[None]:
    yield
    open_spans._open.clear()
