"""An iterator worked out ahead gives what it gives otherwise, raises what it raises, and leaves no thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from producers.streams.prefetch import ahead


def test_all_items_come_in_their_order() -> None:
    with ahead(iter(range(1_000)), 2) as items:
        assert list(items) == list(range(1_000))


def test_no_more_is_made_than_may_wait() -> None:
    made: list[int] = []
    enough = threading.Event()

    def source() -> Iterator[int]:
        for number in range(100):
            made.append(number)
            # One is in the hands of the thread, and cannot be put.
            if number == 3:
                enough.set()
            yield number

    with ahead(source(), 3) as items:
        assert enough.wait(10)
        assert made == [0, 1, 2, 3]
        assert next(iter(items)) == 0


def test_an_error_of_the_source_is_raised_behind_what_came_before_it() -> None:
    def source() -> Iterator[int]:
        yield 1
        raise ValueError("the source broke")

    taken: list[int] = []
    with pytest.raises(ValueError, match="the source broke"), ahead(source()) as items:
        taken.extend(items)
    assert taken == [1]


def test_leaving_ends_the_thread_however_much_is_left() -> None:
    before = threading.active_count()

    def endless() -> Iterator[int]:
        number = 0
        while True:
            yield number
            number += 1

    with pytest.raises(KeyError), ahead(endless(), 1):
        raise KeyError
    assert threading.active_count() == before
