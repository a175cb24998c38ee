"""Work ahead of whoever uses it."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from moda.renderer.ahead import cores, in_turns


@pytest.mark.parametrize("count", [1, 2, 3])
def test_results_come_in_order_and_each_work_is_alone_with_its_buffers(count: int) -> None:
    asked: list[int] = []
    busy = [threading.Lock() for _ in range(count)]

    def work(number: int) -> tuple[int, int]:
        assert busy[number % count].acquire(blocking=False), "one piece at a time"
        threading.Event().wait(0.002 * (3 - number % 3))
        busy[number % count].release()
        return number, number**2

    def pieces() -> Iterator[int]:
        for number in range(12):
            asked.append(number)
            yield number

    for place, (number, square) in enumerate(in_turns([work] * count, pieces())):
        assert (number, square) == (place, place**2)
        assert len(asked) <= place + count + 2, "no farther ahead than there is memory for"
    assert len(asked) == 12


@pytest.mark.parametrize("count", [1, 2])
def test_what_goes_wrong_is_told_in_its_place_and_leaving_early_ends_the_threads(count: int) -> None:
    before = threading.active_count()
    results = in_turns([lambda number: 12 // number] * count, [3, 2, 0, 1])
    assert [next(results), next(results)] == [4, 6]
    with pytest.raises(ZeroDivisionError):
        next(results)
    left = in_turns([lambda number: number] * count, range(100))
    assert next(left) == 0
    left.close()
    assert threading.active_count() == before


def test_workers_that_share_a_machine_keep_to_their_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert cores() == 1
    monkeypatch.setenv("OMP_NUM_THREADS", "not a number")
    most = cores()
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert cores() == most >= 1
