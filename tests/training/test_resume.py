"""A training that was killed goes on from its checkpoint, and ends as if nothing had happened."""

from __future__ import annotations

import csv
import io
import math
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from tests.helpers.stepwise import SMALL as OTHERS
from tests.helpers.tiers import EXHAUSTIVE
from tests.helpers.trainings import OF_VIDEOS, SMALL, make, targets, trained, training
from xinc.errors import InputError
from xinc.experiment.job import job_log
from xinc.training import learner
from xinc.training.checkpoint import Checkpoint
from xinc.training.loop import fit
from xinc.training.steps import FrameSteps
from xinc.video.prepare import prepare_video
from xinc.video.settings import VideoSettings

REPOSITORY = Path(__file__).parents[2]
#: After every epoch.
ALWAYS = 1e-9


class Killed(Exception):
    pass


def interrupted(path, name, epochs, after, **changes):
    """A training that dies in the middle of an epoch after so many; the model it was of."""
    model, data = make(name), targets()
    settings = training(epochs=epochs, checkpoint_minutes=ALWAYS, batch_size=2, **changes)
    step, count = learner.Learner._step, 0
    per_epoch = 2 if name in OF_VIDEOS else 1

    def dying(self, batch):
        nonlocal count
        count += 1
        if count > after * per_epoch + per_epoch // 2:
            raise Killed
        return step(self, batch)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(learner.Learner, "_step", dying)
        with pytest.raises(Killed):
            fit(model, data, settings, checkpoint=Checkpoint(path, model, data, settings))
    return settings


def resumed(path, name, settings, data=None):
    model, data = make(name), targets() if data is None else data
    return model, fit(model, data, settings, checkpoint=Checkpoint(path, model, data, settings))


def without_seconds(history):
    return [{key: value for key, value in row.items() if not key.endswith("seconds")} for row in history.rows]


@pytest.mark.parametrize("name", [*sorted(SMALL), *(pytest.param(n, marks=pytest.mark.slow) for n in OTHERS)])
@pytest.mark.parametrize("after", [1, 7, 11])
def test_the_end_is_that_of_an_undisturbed_run(tmp_path, name, after):
    path = tmp_path / "checkpoint.pt"
    settings = interrupted(path, name, 12, after)
    assert torch.load(io.BytesIO(path.read_bytes().split(b"\n", 1)[1]))["rows"][-1]["epoch"] == after
    model, history = resumed(path, name, settings)
    whole = make(name)
    expected = fit(whole, targets(), settings)
    assert without_seconds(history) == without_seconds(expected)
    assert history.psnr == expected.psnr
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), whole.parameters(), strict=True))
    for name in ("seconds", "cpu_seconds"):
        times = [row[name] for row in history.rows]
        assert times == sorted(times)


def test_it_does_go_on_rather_than_begin_anew(tmp_path, monkeypatch):
    settings = interrupted(tmp_path / "c.pt", "nerv", 12, 9)
    steps, step = [], learner.Learner._step
    monkeypatch.setattr(learner.Learner, "_step", lambda self, batch: steps.append(1) or step(self, batch))
    resumed(tmp_path / "c.pt", "nerv", settings)
    assert len(steps) == 3 * 2


def test_a_short_training_writes_no_checkpoint(tmp_path):
    model = make("nerv")
    fit(model, targets(), training(), checkpoint=Checkpoint(tmp_path / "c.pt", model, targets(), training()))
    assert list(tmp_path.iterdir()) == []


def other_targets():
    changed = targets()
    changed[0, 0, 0, 0] += 1e-6
    return changed


@pytest.mark.parametrize(
    ("what", "data"), [({"epochs": 13}, None), ({"learning_rate": 0.02}, None), ({}, other_targets())]
)
def test_only_its_own_training_takes_it_up(tmp_path, what, data):
    path = tmp_path / "c.pt"
    settings = interrupted(path, "nerv", 12, 5).model_copy(update=what)
    with pytest.warns(UserWarning, match=r"The checkpoint .* was made with other settings, frames or code: training"):
        model, _ = resumed(path, "nerv", settings, data)
    fresh = make("nerv")
    fit(fresh, targets() if data is None else data, settings)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), fresh.parameters(), strict=True))


def test_other_initial_weights_are_another_training(tmp_path):
    a, b = make("nerv"), make("nerv")
    with torch.no_grad():
        b.head.bias += 1e-6
    keys = [Checkpoint(tmp_path / "c.pt", model, targets(), training()).key for model in (a, b, make("nerv"))]
    assert keys[0] == keys[2] != keys[1]


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["cut", "bit", "empty", "text"])
def test_a_damaged_checkpoint_is_ignored_with_a_warning(tmp_path, damage):
    path = tmp_path / "c.pt"
    settings = interrupted(path, "nerv", 12, 5)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes({"cut": content[:-100], "bit": content, "empty": b"", "text": b"no checkpoint"}[damage])
    with pytest.warns(UserWarning, match="is damaged: training begins anew"):
        model, history = resumed(path, "nerv", settings)
    whole = make("nerv")
    assert without_seconds(history) == without_seconds(fit(whole, targets(), settings))
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), whole.parameters(), strict=True))


def test_a_checkpoint_that_cannot_be_written_does_not_end_the_training(tmp_path):
    (tmp_path / "c.pt").mkdir()
    model, settings = make("nerv"), training(epochs=3, checkpoint_minutes=ALWAYS)
    checkpoint = Checkpoint(tmp_path / "c.pt", model, targets(), settings)
    with pytest.warns(UserWarning, match="checkpoint") as warned:
        history = fit(model, targets(), settings, checkpoint=checkpoint)
    said = [str(warning.message) for warning in warned]
    assert "cannot be read (Is a directory): training begins anew" in said[0]
    assert all(sentence.startswith("No checkpoint was written: ") for sentence in said[1:])
    assert len(history.rows) == 3


def test_time_before_the_interruption_counts(tmp_path):
    path = tmp_path / "c.pt"
    settings = interrupted(path, "nerv", 100_000, 20, time_budget=1e6)
    checkpoint = Checkpoint(path, make("nerv"), targets(), settings)
    state = checkpoint.read()
    checkpoint.write(state | {"seconds": 2e6})
    _, history = resumed(path, "nerv", settings)
    assert (history.stopped, len(history.rows)) == ("time_budget", 21)


def test_checkpoints_of_before_cpu_time_was_noted_go_on(tmp_path):
    path = tmp_path / "c.pt"
    settings = interrupted(path, "nerv", 12, 9)
    checkpoint = Checkpoint(path, make("nerv"), targets(), settings)
    state = checkpoint.read()
    del state["cpu_seconds"]
    for row in state["rows"]:
        del row["cpu_seconds"]
    checkpoint.write(state)
    _, history = resumed(path, "nerv", settings)
    assert len(history.rows) == 12
    assert all(math.isnan(row["cpu_seconds"]) for row in history.rows), "it is not known what it was before"


@pytest.fixture
def video(tmp_path):
    from tests.helpers.small import write_clip

    write_clip(tmp_path)
    prepare_video(
        VideoSettings.model_validate({"name": "clip", "source": str(tmp_path / "clip"), "resolution": [16, 32]}),
        tmp_path / "video.zarr",
    )
    return tmp_path / "video.zarr"


PROGRAM = """
import sys
from pathlib import Path
import torch
torch.set_num_threads(1)
from tests.helpers.trainings import trained
from xinc.training.settings import TrainingSettings
trained(Path(sys.argv[1]), Path(sys.argv[2]), TrainingSettings.model_validate_json(sys.argv[3]))
"""


def state_of(place):
    return torch.load(place / "model.pt", weights_only=True)["state_dict"]


def rows_of(place):
    with open(place / "history.csv", newline="") as file:
        return [
            {key: value for key, value in row.items() if not key.endswith("seconds")} for row in csv.DictReader(file)
        ]


@pytest.mark.slow
def test_killed_again_and_again(video, tmp_path):
    """SIGKILL while training or writing a checkpoint, each after more epochs than before; one where time is short."""
    settings = training(epochs=200, checkpoint_minutes=ALWAYS, batch_size=2)
    place, undisturbed = tmp_path / "killed", tmp_path / "undisturbed"
    words = [sys.executable, "-c", PROGRAM, str(video), str(place), settings.model_dump_json()]
    kept = place / ".training" / "checkpoint.pt"
    reached = []
    for wait in (0.0, 0.2, 0.05) if EXHAUSTIVE else (0.2,):
        before = kept.stat().st_mtime_ns if kept.exists() else 0
        process = subprocess.Popen(words, cwd=REPOSITORY, env=os.environ | {"PYTHONPATH": str(REPOSITORY)})
        while not (kept.exists() and kept.stat().st_mtime_ns > before):
            assert process.poll() is None
            time.sleep(0.001)
        time.sleep(wait)
        process.send_signal(signal.SIGKILL)
        process.wait()
        reached.append(len(torch.load(io.BytesIO(kept.read_bytes().split(b"\n", 1)[1]))["rows"]))
        assert not (place / "model.pt").exists()
        assert not (place / "history.csv").exists()
    assert reached == sorted(set(reached))
    assert 0 < reached[-1] < 200
    subprocess.run(words, cwd=REPOSITORY, env=os.environ | {"PYTHONPATH": str(REPOSITORY)}, check=True)
    trained(video, undisturbed, settings)
    assert {name: t.tolist() for name, t in state_of(place).items()} == {
        name: t.tolist() for name, t in state_of(undisturbed).items()
    }
    assert rows_of(place) == rows_of(undisturbed)
    assert sorted(path.name for path in place.iterdir()) == ["history.csv", "model.pt"]


def test_a_training_for_which_a_gpu_has_no_memory_keeps_its_checkpoint(video, tmp_path, monkeypatch):
    """One sentence and nothing else beside the checkpoint; with memory again it ends as if nothing had happened."""
    settings, place = training(epochs=12, checkpoint_minutes=ALWAYS, batch_size=2), tmp_path / "run"
    plain, steps = FrameSteps.gradients, []

    def gradients(self, batch):
        steps.append(self.at_once)
        if len(steps) > 20:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return plain(self, batch)

    with monkeypatch.context() as patch:
        patch.setattr(FrameSteps, "gradients", gradients)
        with pytest.raises(SystemExit) as ended, job_log(tmp_path / "log"):
            trained(video, place, settings)
    assert ended.value.code == 1
    assert steps[-1] == 1
    assert re.fullmatch(
        r"Error: nerv seed 3: training [\d,]+ parameters on \d+ frames of 16x32 does not fit into the memory of the "
        r"GPU \(.*2\.15 GB more asked for\): end what else uses it and run again, which goes on from .*\.\n",
        (tmp_path / "log").read_text(),
    )
    assert [path.name for path in place.iterdir()] == [".training"]
    kept = (place / ".training" / "checkpoint.pt").read_bytes()
    assert 0 < len(torch.load(io.BytesIO(kept.split(b"\n", 1)[1]))["rows"]) < 12
    trained(video, place, settings)
    trained(video, tmp_path / "undisturbed", settings)
    assert rows_of(place) == rows_of(tmp_path / "undisturbed")
    undisturbed = state_of(tmp_path / "undisturbed")
    assert all(torch.equal(tensor, undisturbed[name]) for name, tensor in state_of(place).items())


def test_a_training_that_fails_leaves_no_checkpoint(video, tmp_path):
    settings = training(epochs=5, checkpoint_minutes=ALWAYS, min_psnr=99)
    with pytest.raises(InputError, match="below min_psnr"):
        trained(video, tmp_path / "run", settings)
    assert not (tmp_path / "run" / ".training").exists()
