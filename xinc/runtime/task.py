"""Work that can be stopped from another thread, and that tells how far it is."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextvars import ContextVar
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

#: Seconds between two looks at whether what is waited for has been cancelled.
PATIENCE = 0.02


class Cancelled(Exception):
    """Work was stopped through its `Task`; nothing of it is kept, and it may be asked for again."""


class Task:
    """What runs inside the block can be stopped from any thread, and reports its progress.

    ``with task:`` concerns the thread (or the asynchronous task of Python) that enters the block, whatever threads its
    work uses; other threads are not affected. Long work looks between blocks of maps, passes through the network and
    reads whether it has been cancelled, many times in 50 ms except within a single pass of a large network. A block
    within another one ends with either.

    Parameters
    ----------
    progress : called as ``progress(label, done, total)`` from the threads that work: what is being done, and how many
        of how many steps are. It should return at once.

    Examples
    --------
    >>> import xinc
    >>> task = xinc.Task()
    >>> task.cancel()  # from another thread, say
    >>> with task:
    ...     xinc.summarise(xinc.open_canvas("results/bunny/nerv/seed0/canvas.zarr")["head"])
    Traceback (most recent call last):
    xinc.runtime.task.Cancelled: ...
    """

    def __init__(self, progress: Callable[[str, int, int], None] | None = None) -> None:
        self.progress = progress
        self._cancelled = threading.Event()

    def cancel(self) -> None:
        """Stop the work, which raises `Cancelled` where it is, and whatever is begun in the block afterwards."""
        self._cancelled.set()

    @property
    def cancelled(self) -> bool:
        """Whether it has been cancelled."""
        return self._cancelled.is_set()

    def __enter__(self) -> Task:
        check((*_current.get(), self))
        _current.set((*_current.get(), self))
        return self

    def __exit__(self, *_: object) -> None:
        _current.set(_current.get()[:-1])


#: The tasks whose blocks surround what runs here, the outermost first: each thread has its own.
_current: ContextVar[tuple[Task, ...]] = ContextVar("xinc tasks", default=())


def current() -> tuple[Task, ...]:
    """The tasks whose blocks surround this, for `check` in other threads."""
    return _current.get()


def check(tasks: tuple[Task, ...] | None = None) -> None:
    """Raise `Cancelled` where one of these tasks (default: those around this) has been cancelled."""
    for task in _current.get() if tasks is None else tasks:
        if task.cancelled:
            raise Cancelled("This work was cancelled before it was done; ask for it again to have all of it.")


def report(tasks: tuple[Task, ...], label: str, done: int, total: int) -> None:
    """Tell tasks how far their work is."""
    for task in tasks:
        if task.progress is not None:
            task.progress(label, done, total)


class Stopped(Exception):
    """Another thread of the same work has failed, or nobody waits for it any more."""


def in_threads(work: Callable[[T, Callable[[], None]], R], items: Iterable[T], threads: int) -> list[R]:
    """``[work(item, check) for item in items]`` on several threads.

    Parameters
    ----------
    work : is given an item, and what to call now and then: it raises where the tasks around the call of this function
        are cancelled, another item has failed or the user interrupts. None is running any more when this returns.
    threads : how many; with one, work is done by the calling thread.
    """
    tasks, todo, stop = current(), list(items), threading.Event()

    def look() -> None:
        if stop.is_set():
            raise Stopped
        check(tasks)

    def one(item: T) -> R:
        look()
        return work(item, look)

    if threads <= 1 or len(todo) <= 1:
        return [one(item) for item in todo]
    with ThreadPoolExecutor(min(threads, len(todo))) as pool:
        futures = [pool.submit(one, item) for item in todo]
        try:
            wait(futures, return_when=FIRST_EXCEPTION)
            failed = (future.exception() for future in futures if future.done())
            error = next((found for found in failed if found is not None and not isinstance(found, Stopped)), None)
            if error is not None:
                raise error
            return [future.result() for future in futures]
        finally:  # also where the user interrupts
            stop.set()


def patiently(future: Future[R]) -> R:
    """The result of a future; `Cancelled` as soon as the tasks around this are, whatever becomes of the future."""
    tasks = current()
    while tasks and not wait([future], PATIENCE, FIRST_COMPLETED).done:
        check(tasks)
    return future.result()
