"""The field's video networks: their traces, routes and ablations, against the networks themselves and other readers."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import xinc
from tests.helpers.stepwise import FRAMES, RESOLUTION, SMALL, network
from xinc.canvas.settings import CanvasSettings
from xinc.canvas.writer import write_layer
from xinc.models.storage import save_model
from xinc.modules.network import ModuleNetwork
from xinc.trace.lookup import Lookup
from xinc.trace.route import Route, Stage, Sum
from xinc.training.loop import fit
from xinc.training.settings import TrainingSettings

NAMES = ["hinerv", "enerv", pytest.param("hnerv_boost", marks=pytest.mark.slow)]


@pytest.fixture(scope="module", params=NAMES)
def model(request: pytest.FixtureRequest) -> Any:
    return network(request.param)


@torch.no_grad()
def colours(model: Any, frame: int = 2) -> Tensor:
    found: Tensor = model(torch.tensor([frame]))[0]
    return found


def weight_of(model: Any, layer: str) -> Tensor:
    part = model.parts()[layer]
    found: Tensor = getattr(part, "module", part).weight
    return found


def test_the_trace_is_the_network(model: Any) -> None:
    for frame in FRAMES:
        model.check_trace(frame)
    trace = model.trace(2)
    torch.testing.assert_close(model.colours_of(trace.output()), colours(model))
    exact = trace.double().output()
    assert exact.dtype == torch.float64
    torch.testing.assert_close(exact.float(), trace.output(), rtol=1e-4, atol=1e-5)
    inputs = trace.inputs()
    for layer in trace.layers:
        responses = layer.preactivation(inputs[layer.name])[None]
        torch.testing.assert_close(trace.output_from(layer.name, responses)[0], trace.output(), rtol=1e-4, atol=1e-6)


def test_the_last_layer_is_complete(model: Any) -> None:
    maps = xinc.dissect(model, [2], "head")["head"]["contribution"].sel(frame=2)
    summed = torch.from_numpy(maps.groupby("out_channel").sum().transpose("out_channel", "y", "x").values)
    torch.testing.assert_close(model.colours_of(summed), colours(model), rtol=0, atol=1e-5)


def test_an_ablation_is_the_network_without_the_weights(model: Any) -> None:
    """One neuron of every layer: the one whose weights are largest."""
    trace = model.trace(2)
    for layer in trace.layers:
        without, weight = copy.deepcopy(model), weight_of(model, layer.name).detach()
        flat = weight if isinstance(layer, Lookup) else weight.flatten(2).norm(dim=2)
        if isinstance(layer, Lookup):  # of the numbers that this frame reads
            flat = flat * (layer.energies(trace.input_of(layer.name))[torch.from_numpy(layer.edges()[0])] > 0)
        at = np.unravel_index(int(flat.abs().argmax()), tuple(flat.shape))
        with torch.no_grad():
            weight_of(without, layer.name)[at] = 0
        i, j = layer.edges()
        if isinstance(layer, Lookup):
            number = int(at[0])
        else:
            [number] = np.flatnonzero((layer.reads()[at] == i) & (at[0] == j))
        found = xinc.ablate(model, layer.name, [int(number)], [2])["change"].values[0, 0]
        expected = (colours(model) - colours(without)).numpy()
        np.testing.assert_allclose(found, expected, rtol=0, atol=2e-6)
        assert abs(found).max() > 1e-6


def test_effects_are_of_the_networks_own_gradients(model: Any) -> None:
    """⟨g, w_n⟩ of every neuron, from the gradients that PyTorch has of the parameters."""
    target = np.full((1, *RESOLUTION, 3), 0.3, np.float32)
    found = xinc.effects(model, [2], target=target, probes=2)
    own = copy.deepcopy(model)
    (own(torch.tensor([2]))[0] - 0.3).square().sum().backward()
    for layer in model.trace(2).layers:
        part = found.isel(neuron=found["layer"].values == layer.name)["alignment"].values[0, 0]
        weight = weight_of(own, layer.name)
        assert weight.grad is not None
        product = (weight.grad * weight).detach().double()
        expected = layer.neuron_sums("kernel", {"weight": product}).numpy()
        np.testing.assert_allclose(part, expected, rtol=2e-3, atol=1e-6)


class Rendered(nn.Module):
    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(self, inputs: Tensor) -> Tensor:
        found: Tensor = self.network.render(inputs)
        return found


def ordered(route: Route) -> Route:
    """The same with the branches of sums in one order."""
    found: list[Stage | Sum] = []
    for step in route:
        branches = sorted((ordered(one) for one in step.routes), key=str) if isinstance(step, Sum) else ()
        found.append(Sum(tuple(branches)) if isinstance(step, Sum) else step)
    return tuple(found)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(SMALL))
def test_layers_and_routes_are_those_that_the_front_door_reads(name: str) -> None:
    """From the network's operations, without its steps. HiNeRV's encodings it cannot follow through their tiles."""
    model = network(name)
    through = xinc.network(Rendered(model), model.inputs(torch.tensor([2])), RESOLUTION)
    assert isinstance(through, ModuleNetwork)
    parts = {id(getattr(part, "module", part)): layer for layer, part in model.parts().items()}
    names = {path: parts[id(one)] for path, one in through.module.named_modules() if id(one) in parts}
    mine, theirs = model.trace(2), through.trace(0)
    read = [layer.name for layer in theirs.layers if layer.name in names]
    left = {layer for layer in model.layer_names() if layer not in {names[one] for one in read}}
    assert all(layer.endswith(("grid", "encoding")) for layer in left)
    for one in read:
        layer = names[one]
        assert ordered(mine.route(layer)) == ordered(theirs.route(one))
        assert mine.layers[mine.position(layer)].activation == theirs.layers[theirs.position(one)].activation
        torch.testing.assert_close(mine.input_of(layer), theirs.input_of(one), rtol=1e-4, atol=1e-5)


def test_entries_that_a_frame_does_not_read_have_no_map() -> None:
    """Nor have others none: what is read goes the way of the encoding."""
    model = network("hinerv")
    trace = model.trace(2)
    for name in ("grid", "stage1.grid", "stage2.grid"):
        maps = xinc.dissect(model, [2], name)[name]["contribution"].values[0]
        layer = trace.layers[trace.position(name)]
        read = layer.energies(trace.input_of(name))[torch.from_numpy(layer.edges()[0])].numpy() > 0
        assert 0 < read.sum() < len(read)
        assert not abs(maps[~read]).any()
        assert abs(maps[read]).max((1, 2)).all()
    assert trace.route("stage2.grid") == trace.route("stage2.encoding")
    assert trace.route("grid")[:2] == (Stage(3), Stage(upscale=2, interpolation="bilinear"))


@pytest.mark.parametrize("name", sorted(SMALL))
def test_gradients_are_the_same_in_channels_last_order(name: str) -> None:
    """Training has it, one frame at a time."""
    target = torch.rand(1, 3, *RESOLUTION, generator=torch.Generator().manual_seed(0))
    found = []
    for order in (torch.contiguous_format, torch.channels_last):
        model: Any = network(name).to(memory_format=order)  # type: ignore[call-overload]
        (model.render(model.inputs(torch.tensor([2]))) - target.to(memory_format=order)).square().mean().backward()
        found.append(torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None]))
    torch.testing.assert_close(*found, rtol=1e-3, atol=1e-7)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(SMALL))
def test_training_is_that_of_a_plain_loop(name: str) -> None:
    """Adam with the same order of frames and the same schedule, written out; and better than each frame's colour."""
    y, x = torch.meshgrid(torch.linspace(0, 1, 16), torch.linspace(0, 1, 24), indexing="ij")
    video = torch.stack([torch.stack([y, x, (x + y + frame) / (2 + frame)]) for frame in FRAMES])
    epochs, rate = 25, 1e-2
    wider = {"hinerv": {"channels": 16}, "enerv": {"fc_dim": 24, "lower_width": 8}}.get(name, {})
    own, plain = (network(name, **wider).train() for _ in range(2))
    settings = TrainingSettings(epochs=epochs, batch_size=1, learning_rate=rate, threads=1, device="cpu", warmup=0)
    found = fit(own, video, settings).outcome()["mean_psnr"]
    plain.before_training(video)
    optimiser = torch.optim.Adam(plain.parameters(), rate)
    generator = torch.Generator().manual_seed(plain.seed)
    order = torch.cat([torch.randperm(len(FRAMES), generator=generator) for _ in range(epochs)])
    for step, at in enumerate(order.tolist()):
        optimiser.param_groups[0]["lr"] = rate / 2 * (1 + np.cos(np.pi * step / len(order)))
        optimiser.zero_grad()
        (plain(torch.tensor(FRAMES[at : at + 1])) - video[at : at + 1]).square().mean().backward()
        optimiser.step()
    plain.eval()
    plain.after_training()
    with torch.no_grad():
        errors = (plain(torch.tensor(FRAMES)).clamp(0, 1) - video).square().mean((1, 2, 3))
    expected = float((-10 * torch.log10(errors)).mean())
    mean = (video - video.mean((2, 3), keepdim=True)).square().mean((1, 2, 3))
    assert found == pytest.approx(expected, abs=0.3)  # rounding grows from step to step
    assert found > float((-10 * torch.log10(mean)).mean()) + 2


@pytest.mark.parametrize("name", NAMES)
def test_pruning_keeps_what_it_removed_at_zero(name: str, tmp_path: Path) -> None:
    """Half of each layer's kernels, of HiNeRV's grids half of their numbers; in a file and in training as well."""
    pruned = xinc.prune(network(name), 0.5, "magnitude", budget="layer")
    pruned.check_trace()
    save_model(pruned, tmp_path / "model.pt")
    found = xinc.load_model(tmp_path / "model.pt").train()
    fit(found, torch.rand(2, 3, *RESOLUTION), TrainingSettings(epochs=1, threads=1, device="cpu"))
    for layer in pruned.layer_names():
        weight = weight_of(found, layer)
        units = weight.flatten(2).norm(dim=2) if weight.ndim > 1 else weight
        assert int((units == 0).sum()) == (units.numel() + 1) // 2


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(SMALL))
def test_a_canvas_on_disk_is_that_in_memory(name: str, tmp_path: Path) -> None:
    model = network(name)
    expected = xinc.dissect(model, [2])
    for layer in model.layer_names():
        write_layer(model, tmp_path / "canvas.zarr" / layer, layer, [2], CanvasSettings())
    found = xinc.open_canvas(tmp_path / "canvas.zarr")
    assert list(found.children) == model.layer_names()
    for layer in model.layer_names():
        part = {"neuron": slice(0, 64)}
        one, other = (canvas[layer]["contribution"].isel(part).values for canvas in (found, expected))
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)
