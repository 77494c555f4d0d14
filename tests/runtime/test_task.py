"""Work that is stopped from another thread, and tells how far it is."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import pytest

import xinc
from xinc.canvas.reductions import execute, region_sums, sum_abs
from xinc.contributions.kernels.convolution import Expansion
from xinc.models.storage import build
from xinc.runtime import task
from xinc.runtime.devices import threads
from xinc.runtime.progress import Progress
from xinc.runtime.task import Cancelled, Task, in_threads, patiently


@pytest.fixture(scope="module")
def model():
    return build("nerv", {"fc_dim": 4, "strides": [2, 2]}, (16, 32), range(3), 3)


@pytest.fixture
def layer(model):
    return xinc.dissect(model, layers=["block1"])["block1"].to_dataset()


@pytest.fixture
def blocks(monkeypatch):
    """How many blocks of maps were expanded, with what to call after each; blocks are of five maps."""
    done, after = [], []
    expand = Expansion._expand

    def counted(self, select, *rest):
        expand(self, select, *rest)
        done.append(len(select))
        for call in after:
            call()

    monkeypatch.setattr(Expansion, "_expand", counted)
    monkeypatch.setattr(execute, "BLOCK_BYTES", 5 * 4 * 16 * 32)
    return done, after


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_reduction_stops_and_can_be_asked_for_again(layer, blocks, count):
    """After the third block, at most one more of each thread is expanded."""
    done, after = blocks
    expected = sum_abs(layer)
    whole, work = len(done), Task()
    del done[:]
    after.append(lambda: len(done) >= 3 and work.cancel())
    with threads(count):
        with work, pytest.raises(Cancelled, match="ask for it again"):
            sum_abs(layer)
        assert 3 <= len(done) <= 3 + count < whole
        del after[:]
        np.testing.assert_array_equal(sum_abs(layer), expected)
    assert work.cancelled


@pytest.mark.parametrize(
    "ask",
    [
        lambda layer: xinc.summarise(layer),
        lambda layer: layer["contribution"].values,
        lambda layer: xinc.top_neurons(layer, box=(1, 9, 2, 12)),
        lambda layer: region_sums(layer.isel(y=slice(2, 9)), {"a": np.zeros((7, 32), int)}),
    ],
)
def test_whatever_reads_maps_can_be_stopped(layer, blocks, ask, monkeypatch):
    monkeypatch.setattr("xinc.contributions.expansion.BLOCK_BYTES", 5 * 4 * 16 * 32)
    done, after = blocks
    work = Task()
    after.append(work.cancel)
    with work, pytest.raises(Cancelled):
        ask(layer)
    assert 1 <= len(done) <= 2


def test_only_what_is_in_the_block_is_stopped(layer):
    """Another thread, and what comes after, is not; nor is an outer block by an inner one."""
    outer, inner = Task(), Task()
    with outer:
        inner.cancel()
        with pytest.raises(Cancelled), inner:
            raise AssertionError("the block of what was cancelled is not entered")
        with Task():
            sum_abs(layer)
            outer.cancel()
            with ThreadPoolExecutor(1) as pool:
                pool.submit(sum_abs, layer).result()
            with pytest.raises(Cancelled):
                sum_abs(layer)
    assert task.current() == ()
    sum_abs(layer)


def test_the_newest_of_many_questions_wins(layer):
    """Each stops the one before; every thread's own is what decides, and the last one's numbers are right."""
    expected, running, ended = sum_abs(layer).values, [], []
    lock = threading.Lock()

    def ask(number):
        work = Task()
        with lock:
            for other in running:
                other.cancel()
            running[:] = [work]
        try:
            with work:
                ended.append((number, sum_abs(layer).values))
        except Cancelled:
            ended.append((number, None))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(ask, range(12)))
    assert sorted(number for number, _ in ended) == list(range(12))
    found = [values for _, values in ended if values is not None]
    assert found
    for values in found:
        np.testing.assert_array_equal(values, expected)


def test_progress_is_told_and_ends_at_the_total(layer):
    said = []
    with Task(progress=lambda *words: said.append(words)):
        xinc.summarise(layer)
        sum_abs(layer, [1])
    for label, maps in (("summary, maps", None), ("sum over neurons, maps", 96)):
        done = [(at, total) for text, at, total in said if text == label]
        assert [at for at, _ in done] == sorted(at for at, _ in done)
        assert done[-1][0] == done[-1][1] == (maps or done[-1][1]) > 0


def test_a_step_of_anything_with_progress_ends_it():
    work, progress = Task(), None

    def steps():
        nonlocal progress
        with Progress(100, "steps") as progress:
            for step in range(100):
                if step == 7:
                    work.cancel()
                progress.update()

    with work, pytest.raises(Cancelled):
        steps()
    assert progress.done == 8


def test_an_error_in_one_thread_stops_the_others():
    seen = []

    def work(item, check):
        if item == 0:
            time.sleep(0.05)
            raise KeyError("broken")
        while True:
            check()
            seen.append(item)
            time.sleep(0.005)

    with pytest.raises(KeyError, match="broken"):
        in_threads(work, range(3), 3)
    count = len(seen)
    time.sleep(0.02)
    assert len(seen) == count


def test_results_are_in_order():
    def work(item, _):
        time.sleep(0.002 * (item % 3))
        return item**2

    for count in (1, 4):
        assert in_threads(work, range(20), count) == [item**2 for item in range(20)]


def test_nobody_waits_for_what_is_cancelled():
    work, never = Task(), Future()
    threading.Timer(0.03, work.cancel).start()
    with work, pytest.raises(Cancelled):
        patiently(never)
