"""Progress of long work, and the log of a job."""

from __future__ import annotations

import io
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from xinc.errors import InputError
from xinc.experiment.job import job_log
from xinc.runtime import progress
from xinc.runtime.progress import Progress


class Clock:
    """Seconds that pass when told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(progress.time, "monotonic", lambda: self.now)


def test_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock(monkeypatch)
    with Progress(10, "train clip", every=5) as bar:
        for step in range(10):
            clock.now += 2
            bar.update(PSNR=f"{step} dB")
    assert capsys.readouterr().err.splitlines() == [
        "train clip: 3/10 (6 s, PSNR 2 dB)",
        "train clip: 6/10 (12 s, PSNR 5 dB)",
        "train clip: 9/10 (18 s, PSNR 8 dB)",
        "train clip: 10/10 (20 s, PSNR 9 dB)",
    ]


def test_quick_work_leaves_its_last_line(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(3, "frames") as bar:
        bar.update(2)
        bar.update()
    assert capsys.readouterr().err == "frames: 3/3 (0 s)\n"


def test_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with Progress(2, "canvas") as bar:
        bar.update(2, PSNR="30 dB")
    said = capsys.readouterr().err
    assert "canvas: 100%" in said
    assert "PSNR=30 dB" in said


def test_a_bar_in_a_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its standard error is no terminal; a log's, which is not its own, gets lines."""
    notebook = type("OutStream", (io.StringIO,), {"__module__": "ipykernel.iostream"})()
    monkeypatch.setattr(sys, "stderr", notebook)
    with Progress(20_000, "maps") as bar:
        bar.update(20_000)
    assert "maps: 100%" in notebook.getvalue()
    assert "20.0k/20.0k" in notebook.getvalue()


def test_brief_work_says_nothing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock(monkeypatch)
    for seconds, said in ((0.9, ""), (1.1, "sum: 2/2 (2 s)\n")):
        with Progress(2, "sum", brief=2) as bar:
            for _ in range(2):
                clock.now += seconds
                bar.update()
        assert capsys.readouterr().err == said


def test_brief_work_draws_no_bar(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with Progress(2, "sum", brief=30) as bar:
        bar.update(2)
    assert "sum" not in capsys.readouterr().err


def test_steps_of_many_threads_are_counted() -> None:
    with Progress(8000, "steps", every=60, brief=60) as bar, ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: [bar.update() for _ in range(1000)], range(8)))
    assert bar.done == 8000


def test_a_log_takes_what_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "logs" / "größe.log"
    with job_log(path):
        print("to standard output: Σ")
        print("to standard error", file=sys.stderr)
    assert path.read_text(encoding="utf-8") == "to standard output: Σ\nto standard error\n"
    captured = capsys.readouterr()
    assert captured.out + captured.err == ""


def test_a_mistake_of_the_user_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as caught, job_log(tmp_path / "a.log"):
        raise InputError("The number is 3, expected 4: write 4.")
    assert caught.value.code == 1
    assert (tmp_path / "a.log").read_text() == "Error: The number is 3, expected 4: write 4.\n"


def test_a_bug_leaves_its_traceback(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as caught, job_log(tmp_path / "a.log"):
        raise KeyError("bug")
    assert caught.value.code == 1
    said = (tmp_path / "a.log").read_text()
    assert said.startswith("Traceback")
    assert said.endswith("KeyError: 'bug'\n")


def test_long_work_is_also_told_to_who_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every third line of the log goes to the original standard error."""
    clock = Clock(monkeypatch)
    monkeypatch.setattr(sys, "__stderr__", sys.stderr)
    with job_log(tmp_path / "a.log"), Progress(100, "train", every=5) as bar:
        for _ in range(7):
            clock.now += 5
            bar.update()
    assert len((tmp_path / "a.log").read_text().splitlines()) == 7
    assert capsys.readouterr().err.splitlines() == ["train: 3/100 (15 s)", "train: 6/100 (30 s)"]
    assert progress.console is None
