"""Commands in forks of one process that has imported packages, which takes most of the two seconds of a small job."""

from __future__ import annotations

import atexit
import gc
import importlib.util
import json
import os
import runpy
import select
import shutil
import signal
import socket
import sys
import threading
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

#: What Snakemake and the jobs import. Nothing of the library, which tests edit.
PACKAGES = (
    "snakemake.cli", "snakemake.script", "boto3", "grimp", "nbformat", "requests", "smart_open",
    "torch", "torch._dynamo", "numba", "xarray", "zarr.storage", "dask.array", "pandas", "pydantic", "yaml", "jinja2",
    "scipy.fftpack", "scipy.ndimage", "scipy.sparse", "scipy.stats", "skimage.metrics",
    "matplotlib.pyplot", "matplotlib.backends.backend_agg", "PIL.Image",
)  # fmt: skip


def serve(address: str) -> NoReturn:
    """Until standard input ends, as it does with the process that started this one."""
    paths = list(sys.path)  # before Snakemake adds to them
    for name in PACKAGES:
        importlib.import_module(name)
    gc.freeze()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(address)
        listening.listen(64)
        print("ready", flush=True)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # those that wait for a command are not waited for
        while True:
            ready, _, _ = select.select([listening, sys.stdin], [], [])
            if sys.stdin in ready:
                shutil.rmtree(Path(address).parent)
                os._exit(0)
            connection, _ = listening.accept()
            if os.fork() == 0:
                listening.close()
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                wait(connection, paths)
            connection.close()


def wait(connection: socket.socket, paths: list[str]) -> NoReturn:
    """Start a command and tell how it ended; it is killed where who asked for it has gone."""
    _, files, _, _ = socket.recv_fds(connection, 5, 3)
    stream = connection.makefile("rw", encoding="utf-8")
    told = json.loads(stream.readline())
    started = os.fork()
    if started == 0:
        stream.close()
        connection.close()
        os._exit(run(told, files, paths))
    for file in files:
        os.close(file)
    ended = os.pidfd_open(started)
    ready, _, _ = select.select([ended, connection], [], [])
    if ended not in ready:
        os.kill(started, signal.SIGKILL)
    _, status = os.waitpid(started, 0)
    if ended in ready:
        stream.write(f"{os.waitstatus_to_exitcode(status)}\n")
        stream.flush()
    os._exit(0)


def run(told: dict[str, Any], files: list[int], paths: list[str]) -> int:
    """Do what a new process with this command line does, in its folder, with its files and environment.

    Returns
    -------
    int
        Its exit status. Python is not taken apart: that would copy every page of memory that forks share.
    """
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.chdir(told["folder"])
    os.environ.clear()
    os.environ.update(told["environment"])
    words = told["words"]
    module = words[1] if words[0] == "-m" else None
    sys.executable, sys.orig_argv = told["executable"], [told["executable"], *words]
    sys.argv = words[1:] if module else words
    first = os.getcwd() if module else str(Path(words[0]).parent)
    given = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    sys.path[:] = [first, *given, *(sys.path if module else paths)]
    sys.path_importer_cache.clear()
    try:
        if importlib.util.find_spec("watching"):
            importlib.import_module("watching")
        if module:
            runpy.run_module(module, run_name="__main__", alter_sys=True)
        else:
            main = sys.modules["__main__"] = ModuleType("__main__")
            main.__file__ = words[0]
            exec(compile(Path(words[0]).read_bytes(), words[0], "exec"), main.__dict__)
        status: Any = 0
    except SystemExit as ended:
        status = ended.code or 0
    except BaseException:
        traceback.print_exc()
        status = 1
    if not isinstance(status, int):
        print(status, file=sys.stderr)
        status = 1
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    return status


if __name__ == "__main__":
    serve(sys.argv[1])
