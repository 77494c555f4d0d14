"""Values kept within a number of bytes."""

from __future__ import annotations

import os
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xinc.errors import InputError
from xinc.runtime.kept import Kept, kept_mb
from xinc.runtime.task import Cancelled, Task


@given(
    st.integers(0, 30),
    st.lists(st.tuples(st.sampled_from(["get", "put", "peek"]), st.integers(0, 8), st.integers(0, 12)), max_size=60),
)
def test_never_more_bytes_and_the_least_recently_used_go_first(limit, steps):
    """As a list does, in which a use brings to the end, and from whose start is taken what does not fit."""
    kept, plain = Kept(limit), {}
    for what, key, size in steps:
        if what == "peek":
            assert kept.peek(key) == plain.get(key)
        elif what == "get":
            value = kept.get(key, lambda size=size: (size,), lambda value: value[0])
            assert value == plain.get(key, (size,))
        else:
            kept.put(key, (size,), size)
            plain.pop(key, None)
        if what == "peek" and key not in plain:
            continue
        (used,) = plain.pop(key, (size,))
        if used <= limit:
            while sum(held for (held,) in plain.values()) + used > limit:
                del plain[next(iter(plain))]
            plain[key] = (used,)
        assert kept.size == sum(held for (held,) in plain.values()) <= limit
    for key in range(9):
        assert kept.peek(key) == plain.get(key)


def test_one_thread_makes_what_many_ask_for():
    kept, made = Kept(100), []

    def make():
        made.append(threading.get_ident())
        threading.Event().wait(0.05)
        return "value"

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: kept.get("key", make, len), range(16)))
    assert found == ["value"] * 16
    assert len(made) == 1


def test_whoever_waits_tries_itself_where_the_other_failed():
    kept, fail = Kept(100), threading.Event()

    def broken():
        fail.wait()
        raise KeyError("broken")

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(kept.get, "key", broken, len)
        while not kept._turns:
            pass
        second = pool.submit(kept.get, "key", lambda: "mine", len)
        fail.set()
        with pytest.raises(KeyError):
            first.result()
        assert second.result() == "mine"


def test_who_waits_can_be_cancelled():
    kept, work, end = Kept(100), Task(), threading.Event()
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(kept.get, "key", lambda: str(end.wait()), len)
        while not kept._turns:
            pass
        threading.Timer(0.03, work.cancel).start()
        with work, pytest.raises(Cancelled):
            kept.get("key", lambda: "mine", len)
        end.set()
        assert slow.result() == "True"


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_has_locks_of_its_own():
    """Also where a thread of the parent held them."""
    kept = Kept(100)
    kept.put("key", "value", 5)
    with kept._lock:
        child = os.fork()
        if not child:
            os._exit(0 if kept.get("key", str, len) == "value" and kept.get("new", lambda: "ab", len) == "ab" else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_a_pickled_one_is_empty():
    kept = Kept(7)
    kept.put("key", "value", 5)
    again = pickle.loads(pickle.dumps(kept))
    assert (again.limit, again.size, again.peek("key")) == (7, 0, None)


@pytest.mark.parametrize("wrong", [-1, float("nan"), "64", None, True])
def test_megabytes(wrong):
    assert kept_mb(1.5).limit == 1_500_000
    assert kept_mb(float("inf")).limit > 2**60
    with pytest.raises(InputError, match=r"cache_mb is .*: a number of megabytes"):
        kept_mb(wrong)
