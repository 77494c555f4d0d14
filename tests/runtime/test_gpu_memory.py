"""Where the memory of a GPU runs out: smaller blocks, then the CPU, one warning, or one sentence."""

from __future__ import annotations

import itertools
import warnings
import weakref

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.small_gpu import MESSAGE, SmallGPU
from tests.helpers.trainings import SMALL, make
from xinc.errors import InputError
from xinc.experiment.job import job_log
from xinc.models.storage import build
from xinc.runtime import gpu_memory
from xinc.runtime.gpu_memory import GPUMemoryError, Room, on_cpu, ran_out, shortage_named


def full(*_):
    raise torch.OutOfMemoryError(MESSAGE)


@given(st.lists(st.integers(0, 70), min_size=1, max_size=4), st.integers(0, 40))
def test_as_many_at_a_time_as_fit(counts, held):
    """Halved only where it did not fit, never tried again what did not, and said once."""
    room, tried = Room("a map", "maps"), []

    def on_gpu(size):
        tried.append(size)
        return full() if size > held else "gpu"

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        found = [room.fit(count, on_gpu, lambda: "cpu") for count in counts]
    failed = [size for size in tried if size > held]
    assert failed == sorted(set(failed), reverse=True)
    assert all(later == size // 2 for size, later in itertools.pairwise(tried) if size > held)
    texts = [str(w.message) for w in said]
    if held == 0:
        assert found == ["cpu"] * len(counts)
        assert texts == ["The GPU's memory does not hold a map: computed on the CPU from here on."]
    else:
        assert found == ["gpu"] * len(counts)
        assert len(texts) == (1 if failed else 0)


def test_what_is_said_of_blocks():
    room = Room("a map of block1", "maps of block1")
    with pytest.warns(
        UserWarning, match=r"^The GPU's memory does not hold 48 maps of block1 at a time: blocks of 6 now"
    ):
        room.fit(48, lambda size: full() if size > 10 else None)


def test_nothing_left_of_a_failed_attempt_when_the_next_begins():
    """Tensors that the failed attempt had made would take the memory that it needs."""
    made = []

    def on_gpu(size):
        assert all(block() is None for block in made)
        block = torch.empty(size)
        made.append(weakref.ref(block))
        if size > 1:
            full(block)

    with pytest.warns(UserWarning, match="blocks of 1 now"):
        Room("a map", "maps").fit(4, on_gpu)


def test_other_errors_are_passed_on():
    def broken(size):
        tried.append(size)
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    tried = []
    with pytest.raises(RuntimeError, match="mat1"):
        Room("a map", "maps").fit(8, broken, lambda: None)
    assert tried == [8]


def test_what_counts_as_out_of_memory():
    for text in ("CUDA error: out of memory", "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"):
        assert ran_out(RuntimeError(text))
    assert not ran_out(RuntimeError("CUDA error: an illegal memory access was encountered"))
    assert not ran_out(ValueError("CUDA error: out of memory"))

    def ended():
        try:
            full()
        finally:
            raise RuntimeError("capture failed")

    with pytest.raises(RuntimeError, match="capture") as told:
        ended()
    assert ran_out(told.value)


@pytest.mark.parametrize("name", [*sorted(SMALL), "hnerv"])
def test_a_copy_on_the_cpu(name):
    """Made without a single new tensor on the way, training state included, and independent of the network."""
    if name == "hnerv":
        settings = {"strides": [2, 2], "encoder_strides": [2, 2], "fc_dim": 4, "encoder_width": 4}
        model = build("hnerv", settings, (8, 12), range(3), 3).train()
        model.before_training(torch.rand(3, 3, 8, 12))
    else:
        model = make(name)
    with SmallGPU(0) as gpu:
        copy = on_cpu(model)
    assert gpu.refused == 0
    assert torch.equal(copy.reconstruct(1), model.reconstruct(1))
    assert [k for k, _ in copy.named_parameters()] == [k for k, _ in model.named_parameters()]
    assert all(a is not b and a.requires_grad for a, b in zip(copy.parameters(), model.parameters(), strict=True))
    assert type(copy) is type(model)


@pytest.mark.parametrize("name", sorted(SMALL))
def test_a_frame_is_reconstructed_on_the_cpu(name, monkeypatch):
    model = make(name)
    expected = model.reconstruct(2)
    gpu = SmallGPU(100)
    gpu.spare_the_cpu(monkeypatch)
    with gpu, pytest.warns(UserWarning, match=f"does not hold a pass through this {name}: computed on the CPU"):
        found = model.reconstruct(2)
    assert gpu.refused == 1
    assert torch.equal(found, expected)


def test_the_sentence(monkeypatch):
    with pytest.raises(GPUMemoryError) as told, shortage_named("Training of nerv seed 0", "take a smaller network"):
        full()
    assert isinstance(told.value, InputError)
    if not torch.cuda.is_available():
        assert str(told.value) == (
            "Training of nerv seed 0 does not fit into the memory of the GPU (2.15 GB more asked for): take a smaller "
            "network."
        )
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (1.2e9, 25.4e9))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "NVIDIA L4")
    text = gpu_memory.shortage(torch.OutOfMemoryError(MESSAGE))
    assert text.startswith(
        "The memory of the GPU is used up (NVIDIA L4, 25.4 GB, 1.2 GB free; 2.15 GB more asked for):"
    )
    monkeypatch.setattr(torch.cuda, "mem_get_info", full)
    assert "used up (2.15 GB more asked for): end" in gpu_memory.shortage(torch.OutOfMemoryError(MESSAGE))


def test_a_job_that_runs_out_ends_in_one_sentence(tmp_path):
    """Whatever it was doing, for instance an analysis of the user's own."""
    with pytest.raises(SystemExit) as ended, job_log(tmp_path / "log"):
        full()
    assert ended.value.code == 1
    text = (tmp_path / "log").read_text()
    assert text.startswith("Error: The memory of the GPU is used up (")
    assert text.endswith("or compute on the CPU, and run again.\n")
    assert text.count("\n") == 1


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="PyTorch finds no CUDA GPU")
def test_a_real_gpu_runs_out():
    """Of 64 MB beside what is in use, blocks of 2^20 floats fit by the dozen and not all at once."""
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + 2**26) / total)
    try:
        numbers, room = torch.arange(64), Room("a block", "blocks")

        def on_gpu(size):
            parts = [torch.ones(len(p), 2**20, device="cuda").sum(1).cpu() for p in numbers.split(size)]
            return torch.cat(parts)

        with pytest.warns(UserWarning, match="does not hold 64 blocks at a time: blocks of (16|8|4|2|1) now"):
            found = room.fit(64, on_gpu)
        assert torch.equal(found, torch.full((64,), 2.0**20))
        with pytest.raises(GPUMemoryError, match=r"GB free; 0\.134 GB more asked for\): take a smaller one"):
            with shortage_named("A block", "take a smaller one"):
                torch.empty(2**25, device="cuda")
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
        torch.cuda.empty_cache()
