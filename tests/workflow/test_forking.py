"""A command in a fork is told apart from one that Python starts by nothing that it can see but the packages."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.helpers.workflow.runs import FORKING, FORKS, server

pytestmark = [
    pytest.mark.workflow,
    pytest.mark.slow,
    pytest.mark.skipif(not FORKS, reason="commands are forked on Linux only"),
]

TOLD = """
import atexit, os, sys
atexit.register(print, "at the end")
for what in (__name__, __file__, sys.argv, sys.orig_argv, sys.executable, os.getcwd(), *sys.path, *os.environ.items()):
    print(what)
print(sys.stdin.read(), file=sys.stderr)
"""
ENDS = {
    "sys.exit(3)": (3, ""),
    "sys.exit()": (0, ""),
    "sys.exit('a sentence')": (1, "a sentence\n"),
    "raise SystemExit": (0, ""),
    "os.kill(os.getpid(), 9)": (-9, ""),
    "os._exit(5)": (5, ""),
    "import threading; threading.Thread(target=lambda: (time.sleep(.1), print('late', file=sys.stderr))).start()": (
        0,
        "late\n",
    ),
}


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """Where Snakemake puts the scripts of jobs."""
    path = tmp_path / "run" / ".snakemake" / "scripts" / "job.py"
    path.parent.mkdir(parents=True)
    return path


def start(script: Path, forked: bool, folder: Path) -> subprocess.Popen[str]:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{folder / 'code'}{os.pathsep}{FORKING}", "WORD": "é"}
    environment |= {"XINC_TESTS_SERVER": str(server().args[-1])}
    if not forked:
        environment["PYTHONPATH"] = str(folder / "code")
    kind = subprocess.PIPE
    words = [sys.executable, str(script)]
    return subprocess.Popen(words, cwd=folder, env=environment, stdin=kind, stdout=kind, stderr=kind, text=True)


def test_what_it_is_told(script: Path, tmp_path: Path) -> None:
    script.write_text(TOLD + "print('torch' in sys.modules, any(name.startswith('xinc') for name in sys.modules))")
    plain, forked = (start(script, forked, tmp_path).communicate("the input") for forked in (False, True))
    found = [line for line in forked[0].replace(f"{os.pathsep}{FORKING}", "").splitlines() if line != str(FORKING)]
    assert found == [*plain[0].splitlines()[:-2], "True False", "at the end"]
    assert plain[0].splitlines()[-2:] == ["False False", "at the end"]
    assert forked[1] == plain[1] == "the input\n"


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("forked", [False, True])
def test_how_it_ends(script: Path, tmp_path: Path, end: str, forked: bool) -> None:
    script.write_text(f"import os, sys, time\n{end}")
    started = start(script, forked, tmp_path)
    _, said = started.communicate()
    assert (started.returncode, said) == ENDS[end]


def test_an_error_is_shown(script: Path, tmp_path: Path) -> None:
    script.write_text("1 / 0")
    started = start(script, True, tmp_path)
    _, said = started.communicate()
    assert started.returncode == 1
    assert said.endswith(
        f'File "{script}", line 1, in <module>\n    1 / 0\n    ~~^~~\nZeroDivisionError: division by zero\n'
    )


def test_it_ends_with_who_asked_for_it(script: Path, tmp_path: Path) -> None:
    script.write_text("import os, time\nprint(os.getpid(), flush=True)\ntime.sleep(600)")
    started = start(script, True, tmp_path)
    assert started.stdout is not None
    pid = int(started.stdout.readline())
    os.kill(pid, 0)
    started.send_signal(signal.SIGKILL)
    started.communicate()
    end = time.monotonic() + 60
    while Path(f"/proc/{pid}").exists():
        assert time.monotonic() < end
        time.sleep(0.02)
