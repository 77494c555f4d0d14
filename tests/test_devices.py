"""Where to compute, and how precisely."""

from __future__ import annotations

import contextlib

import pytest
import torch

import xinc
from xinc.canvas.writer import write_layer
from xinc.devices import full_precision, pick_device, tensor_float, threads
from xinc.errors import InputError
from xinc.memory import freed_memory_kept


def test_no_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert pick_device().type == pick_device("cpu").type == "cpu"
    with pytest.raises(InputError, match="finds no CUDA GPU"):
        pick_device("cuda")


def test_a_gpu_is_taken_unless_told_otherwise(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert pick_device().type == pick_device("cuda").type == "cuda"
    assert pick_device("cpu").type == "cpu"


@pytest.mark.parametrize("before", [True, False])
def test_full_precision_ends_with_its_block(monkeypatch, before):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", before)
    with contextlib.suppress(KeyError), full_precision():
        assert not torch.backends.cudnn.allow_tf32
        raise KeyError
    assert torch.backends.cudnn.allow_tf32 is before


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
