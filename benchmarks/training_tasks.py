"""Measurements of training, a function each, run by `benchmarks.process.run` in a process of its own."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor

from benchmarks.process import Job
from benchmarks.roofline import ACTIVATION_FLOP, peak_gflops
from benchmarks.tasks import task
from benchmarks.training_baseline import plain_curve, plain_epochs
from xinc.models.base import INR
from xinc.models.storage import build
from xinc.runtime.malloc import freed_memory_kept
from xinc.trace.layers import Convolution
from xinc.training.history import psnr
from xinc.training.learner import Learner, final_psnr
from xinc.training.loop import fit
from xinc.training.settings import TrainingSettings
from xinc.video.prepare import prepare_video
from xinc.video.settings import VideoSettings
from xinc.video.store import open_video

#: By name of a run and of an architecture: its settings, resolution, frames, and epochs to be measured.
NETWORKS: dict[str, dict[str, dict[str, Any]]] = {
    "paper": {
        "nerv": {"settings": {"size": 1e6}, "resolution": (128, 256), "frames": 30, "epochs": 2},
        "ffn": {"settings": {}, "resolution": (128, 256), "frames": 16, "epochs": 2},
    },
    "quick": {
        "nerv": {"settings": {"fc_dim": 6, "strides": [2, 2]}, "resolution": (16, 32), "frames": 4, "epochs": 2},
        "ffn": {"settings": {"hidden_width": 8}, "resolution": (16, 32), "frames": 2, "epochs": 2},
    },
}


def make(job: Job, frames: list[int] | None = None, seed: int = 0) -> INR:
    chosen = NETWORKS[job.arguments["network"]][job.arguments["model"]]
    count = chosen["frames"]
    kept = range(count) if frames is None else frames
    return build(job.arguments["model"], chosen["settings"], chosen["resolution"], kept, count, seed)


def pictures(model: INR) -> Tensor:
    """Gradients that move, with noise: (frames, 3, H, W)."""
    y, x = torch.meshgrid(*(torch.linspace(0, 1, side) for side in model.resolution), indexing="ij")
    noise = torch.rand(len(model.frames), 3, *model.resolution, generator=torch.Generator().manual_seed(0))
    smooth = torch.stack([torch.stack([y, x, (x + y + f) / (2 + f)]) for f in model.frames])
    return 0.9 * smooth + 0.1 * noise


def settings_of(job: Job, epochs: int) -> TrainingSettings:
    own: dict[str, Any] = {"threads": 1} if job.arguments["network"] == "quick" else {}
    own |= {name: job.arguments[name] for name in ("precision", "threads", "device") if name in job.arguments}
    return TrainingSettings(epochs=epochs, **own)


def synchronise() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def _measured(job: Job, epochs: int, frames: int, epoch: Any) -> None:
    """An epoch to warm up, then the others."""
    epoch()
    synchronise()
    with job.measured():
        for _ in range(epochs):
            epoch()
        synchronise()
    job.found["frames"] = epochs * frames


@task
def train_plain(job: Job) -> None:
    """Epochs of the plain loop; of networks of one frame, of each one after the other."""
    whole = make(job)
    epochs, data = NETWORKS[job.arguments["network"]][whole.name]["epochs"], pictures(whole)
    settings = settings_of(job, epochs + 1)
    torch.set_num_threads(settings.threads)
    groups = [[f] for f in whole.frames] if whole.per_frame else [list(whole.frames)]
    loops = []
    for group in groups:
        model = make(job, group).to(job.arguments.get("device", "cpu"))
        loops.append(plain_epochs(model, data[group], settings, job.arguments.get("kept", False)))
    _measured(job, epochs, len(whole.frames), lambda: [next(loop) for loop in loops])


@task
def train_xinc(job: Job) -> None:
    """Epochs of the library's training; of some frames alone where they are given."""
    model = make(job, job.arguments.get("frames"))
    epochs = job.arguments.get("epochs", NETWORKS[job.arguments["network"]][model.name]["epochs"])
    settings = settings_of(job, epochs + 1)
    torch.set_num_threads(settings.threads)
    with freed_memory_kept():
        learner = Learner(model, pictures(model), settings, "", torch.device(job.arguments.get("device", "cpu")))
        _measured(job, epochs, len(model.frames), lambda: list(learner.epoch()))


@task
def train_stacked(job: Job) -> None:
    """Five seeds as one batched computation: every layer's weights stacked, a grouped convolution each."""
    from torch.func import functional_call, stack_module_state, vmap

    models = [make(job, seed=seed) for seed in range(5)]
    epochs, data = NETWORKS[job.arguments["network"]]["nerv"]["epochs"], pictures(models[0])
    settings = settings_of(job, epochs)
    torch.set_num_threads(settings.threads)
    parameters, _ = stack_module_state(models)  # type: ignore[arg-type]
    shell, inputs = _Render(copy.deepcopy(models[0])), models[0].inputs(torch.tensor(models[0].frames))
    optimiser = torch.optim.Adam(parameters.values(), lr=1e-3, fused=True)

    def render(one: dict[str, Tensor], batch: Tensor) -> Any:
        return functional_call(shell, {f"model.{name}": value for name, value in one.items()}, (batch,))

    def epoch() -> None:
        for batch in torch.arange(len(data)).split(settings.batch_size):
            optimiser.zero_grad()
            errors = vmap(render, in_dims=(0, None))(parameters, inputs[batch]) - data[batch]
            errors.square().mean(dim=(1, 2, 3, 4)).sum().backward()
            optimiser.step()

    with freed_memory_kept():
        _measured(job, epochs, 5 * len(data), epoch)


class _Render(torch.nn.Module):
    def __init__(self, model: INR) -> None:
        super().__init__()
        self.model = model

    def forward(self, inputs: Tensor) -> Tensor:
        return self.model.render(inputs)


def operations(model: INR) -> int:
    """Floating-point operations that a step needs for one frame, counted from the definition.

    Of every layer the products forward, for the gradient of its weights, and, but for the first, of its input; and an
    activation's, as many backward as forward. The optimiser's are left out, a thousandth of the rest.
    """
    trace, count = model.trace(model.frames[0]), 0
    inputs = trace.inputs()
    layers = list(trace.layers)
    if layers and isinstance(layers[0], Convolution):  # the stem, whose input is the encoded time
        stem = sum(p.numel() for name, p in model.named_parameters() if name.startswith("stem."))
        count += 2 * 2 * stem + 2 * ACTIVATION_FLOP["gelu"] * inputs[layers[0].name].numel()
    for number, layer in enumerate(layers):
        pixels = inputs[layer.name][0].numel()
        first = number == 0 and not isinstance(layer, Convolution)
        count += (2 if first else 3) * 2 * pixels * layer.weight.numel()
        count += 2 * ACTIVATION_FLOP.get(layer.activation, 20) * pixels * layer.weight.shape[0]
    return count


@task
def training_limit(job: Job) -> None:
    """Operations a frame and step, and the peak of one and two cores."""
    with job.measured():
        job.found["operations"] = operations(make(job))
        job.found["gflops"] = [peak_gflops(1), peak_gflops(2)]


def example(job: Job, name: str, resolution: tuple[int, int], count: int | None = None) -> Tensor:
    """The first frames (count, 3, H, W) of an example video, or all of them."""
    store = job.folder / f"{name}-{resolution[0]}-{count or 'all'}.zarr"
    if not store.exists():
        values = {"name": name, "source": f"example:{name}", "resolution": list(resolution), "count": count}
        prepare_video(VideoSettings.model_validate(values), store)
    with open_video(store) as stored:
        return torch.from_numpy(stored["frames"].transpose("frame", "channel", "y", "x").values)


@task
def training_curve(job: Job) -> None:
    """PSNR against seconds on every frame of the example, by the plain loop or by the library."""
    chosen = NETWORKS[job.arguments["network"]]["nerv"]
    data = example(job, "bunny", chosen["resolution"])
    settings = settings_of(job, job.arguments["epochs"])
    torch.set_num_threads(settings.threads)
    model = build("nerv", chosen["settings"], chosen["resolution"], range(len(data)), len(data))
    with job.measured():
        if job.arguments["how"] == "plain":
            job.found["rows"] = plain_curve(model, data, settings)
        else:
            rows = fit(model, data, settings).rows
            job.found["rows"] = [
                {"seconds": row["seconds"], "psnr": float(psnr(torch.tensor(row["loss"])))} for row in rows
            ]


@task
def training_quality(job: Job) -> None:
    """Mean PSNR of the finished network by the plain loop and by the library, from the same initial weights."""
    a = job.arguments
    data = example(job, a["video"], tuple(a["resolution"]), 16)
    frames = list(range(len(data))) if a["model"] == "nerv" else [0, 8]
    settings = settings_of(job, a["epochs"])
    torch.set_num_threads(settings.threads)

    def new(chosen: list[int]) -> INR:
        return build(a["model"], a["settings"], a["resolution"], chosen, len(data), a["seed"])

    with job.measured():
        if a["how"] == "plain":
            found = []
            for group in [frames] if a["model"] == "nerv" else [[f] for f in frames]:
                model = new(group)
                for _ in plain_epochs(model, data[group], settings, kept=True):
                    pass
                found += final_psnr(model, data[group])
        else:
            found = fit(new(frames), data[frames], settings).psnr
    job.found["psnr"] = sum(found) / len(found)
