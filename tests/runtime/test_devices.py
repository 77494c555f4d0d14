"""Where to compute, and how precisely."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading

import pytest
import torch

import xinc
from xinc.canvas.writer import CanvasSettings, write_layer
from xinc.errors import InputError
from xinc.runtime import devices
from xinc.runtime.devices import cpu_threads, full_precision, has_gpu, pick_device, tensor_float, threads
from xinc.runtime.malloc import freed_memory_kept


def test_no_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert pick_device().type == pick_device("cpu").type == "cpu"
    with pytest.raises(InputError, match="finds no CUDA GPU"):
        pick_device("cuda")


def test_a_gpu_is_taken_unless_told_otherwise(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert pick_device().type == pick_device("cuda").type == "cuda"
    assert pick_device("cpu").type == "cpu"


def run_apart(code, **environment):
    """What a process of its own prints; it must not have imported PyTorch."""
    words = [sys.executable, "-c", f"import sys\n{code}\nassert 'torch' not in sys.modules"]
    return subprocess.run(words, capture_output=True, text=True, check=True, env=os.environ | environment).stdout


def test_without_a_driver_there_is_no_gpu_and_pytorch_is_not_imported(monkeypatch):
    run_apart("from xinc.runtime import devices; devices._has_driver = lambda: False; assert not devices.has_gpu()")
    for there in (True, False):
        monkeypatch.setattr(torch.cuda, "is_available", lambda there=there: there)
        assert has_gpu() is there
    monkeypatch.setattr(devices.ctypes, "CDLL", lambda name: name)
    assert devices._has_driver()

    def absent(name):
        raise OSError(name)

    monkeypatch.setattr(devices.ctypes, "CDLL", absent)
    monkeypatch.setattr(devices.os.path, "exists", lambda path: False)
    assert not devices._has_driver()


def test_threads_before_pytorch_is_imported():
    code = "from xinc.runtime.devices import cpu_threads; print(cpu_threads())"
    assert int(run_apart(code, OMP_NUM_THREADS="3")) == 3
    assert int(run_apart(code, OMP_NUM_THREADS="")) == len(os.sched_getaffinity(0))
    with threads(5):
        assert cpu_threads() == 5


@pytest.mark.skipif(devices._has_driver(), reason="where there is a GPU, reductions run on it, in PyTorch")
@pytest.mark.slow
def test_canvases_are_read_without_pytorch(nerv, ffn, tmp_path):
    """Importing it takes longer than most reading: in a process of its own, networks of both kinds in each layout."""
    written, expected = [], []
    for model in (nerv, ffn):
        layer = model.layer_names()[-1]
        maps = xinc.dissect(model)[layer]["contribution"].load()
        for layout in ("factored", "dense"):
            canvas = tmp_path / f"{model.name}-{layout}.zarr"
            write_layer(model, canvas / layer, layer, settings=CanvasSettings(layout=layout))
            written.append((str(canvas), layer, layout))
            expected += [float(maps[0, 1].sum()), float(abs(maps).sum())]
    code = f"""
import xinc
for canvas, name, layout in {written}:
    layer = xinc.open_canvas(canvas)[name].to_dataset()
    assert layer.attrs["xinc"]["layout"] == layout
    print(float(layer["contribution"].isel(frame=0, neuron=1).sum()), float(xinc.summarise(layer).sum_abs.sum()))
"""
    assert [float(word) for word in run_apart(code).split()] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("before", [True, False])
def test_full_precision_ends_with_its_block(monkeypatch, before):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", before)
    with contextlib.suppress(KeyError), full_precision():
        assert not torch.backends.cudnn.allow_tf32
        raise KeyError
    assert torch.backends.cudnn.allow_tf32 is before


def test_full_precision_ends_with_the_last_block_of_all_threads(monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    first, second = full_precision(), full_precision()
    first.__enter__()
    thread = threading.Thread(target=second.__enter__)
    thread.start()
    thread.join()
    first.__exit__(None, None, None)
    assert not torch.backends.cudnn.allow_tf32
    second.__exit__(None, None, None)
    assert torch.backends.cudnn.allow_tf32


def test_layer_inputs_are_computed_in_full_precision(nerv, tmp_path, monkeypatch):
    """On a GPU PyTorch convolves in TF32 unless told otherwise, and maps would differ in the third digit."""
    seen = []
    plain = type(nerv).trace
    monkeypatch.setattr(
        type(nerv), "trace", lambda self, *args: seen.append(torch.backends.cudnn.allow_tf32) or plain(self, *args)
    )
    write_layer(nerv, tmp_path / "canvas.zarr" / "head", "head")
    xinc.dissect(nerv, [0], ["head"])["head"]["contribution"].load()
    assert seen
    assert not any(seen)


def test_threads_are_put_back():
    before = torch.get_num_threads()
    with contextlib.suppress(KeyError), threads(before + 1):
        assert torch.get_num_threads() == before + 1
        raise KeyError
    assert torch.get_num_threads() == before


@pytest.mark.parametrize("allowed", [True, False])
def test_tensor_float_ends_with_its_block(allowed):
    before = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    with contextlib.suppress(KeyError), tensor_float(allowed):
        assert (torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32) == (allowed, allowed)
        raise KeyError
    assert (torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32) == before


def test_freed_memory_is_kept_in_its_block_only():
    """Page faults: pages that the system has to hand out, zeroed."""
    import resource

    def faults():
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        for _ in range(20):
            torch.ones(3_000_000)  # 12 MB
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

    with freed_memory_kept():
        faults()
        inside = faults()
    assert inside < 3000
    size = 20 * 12e6 / resource.getpagesize()
    assert inside < size / 10
