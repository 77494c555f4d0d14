"""Networks that are not chains of layers: everything that is asked of a trace, against the module itself."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import xinc
from tests.helpers.skipping import ROUTES, Skipping
from xinc.analyses.faithfulness.measured import norms
from xinc.answers.exact import WindowPasses, output_on
from xinc.canvas.settings import CanvasSettings
from xinc.canvas.writer import write_layer
from xinc.contributions.gains import gains
from xinc.contributions.maps import LayerMaps
from xinc.interventions.criteria import Calibration, scores
from xinc.interventions.effects import Passes
from xinc.interventions.idle import without_effect
from xinc.trace.layers import Convolution


@pytest.fixture(scope="module")
def model() -> Skipping:
    return Skipping().eval()


@pytest.fixture(scope="module")
def canvas(model: Skipping) -> Any:
    return xinc.dissect(model, [0, 2])


def module_of(model: Any, layer: str) -> Any:
    return getattr(model, layer)


@torch.no_grad()
def colours(model: Any, frame: int = 2) -> Tensor:
    found: Tensor = model(torch.tensor([frame]))[0]
    return found


def zeroed(model: Skipping, layer: str, i: int, j: int) -> Skipping:
    """The module without one kernel."""
    found = copy.deepcopy(model)
    weight = module_of(found, layer).weight
    with torch.no_grad():
        weight[j, i % weight.shape[1]] = 0
    return found


def test_the_trace_is_the_network(model: Skipping) -> None:
    model.check_trace()
    trace = model.trace(2)
    assert trace.chain is None
    torch.testing.assert_close(model.colours_of(trace.output()), colours(model))
    assert trace.inputs()["down"].shape == (6, 24, 32)
    torch.testing.assert_close(trace.input_of("head"), trace.inputs()["head"])
    for name in ROUTES:
        z = trace.layers[trace.position(name)].preactivation(trace.input_of(name))
        torch.testing.assert_close(trace.output_from(name, z[None])[0], trace.output())


@pytest.mark.parametrize("layer", ROUTES)
def test_an_ablation_is_the_module_without_the_kernel(model: Skipping, canvas: Any, layer: str) -> None:
    i, j = (canvas[layer][name].values for name in ("in_channel", "out_channel"))
    picked = [0, len(i) // 2, len(i) - 1]
    found = xinc.ablate(model, layer, picked, [2])["change"].values[0]
    for at, n in enumerate(picked):
        expected = colours(model) - colours(zeroed(model, layer, i[n], j[n]))
        np.testing.assert_allclose(found[at], expected, rtol=0, atol=1e-6)
        assert abs(found[at]).max() > 1e-5
    assert not without_effect(model, model.trace(2), layer, "kernel", np.array(picked)).any()


def test_effects_are_of_the_modules_own_gradients(model: Skipping) -> None:
    """⟨g, w_n⟩ of every kernel, from the gradients that PyTorch has of the module's parameters."""
    target = np.full((1, 12, 16, 3), 0.3, np.float32)
    found = xinc.effects(model, [2], target=target, probes=2)
    own = copy.deepcopy(model)
    (own(torch.tensor([2]))[0] - 0.3).square().sum().backward()
    for name in ROUTES:
        part = found.isel(neuron=found["layer"].values == name)
        weight = module_of(own, name).weight
        product = (weight.grad * weight).detach().double().sum((2, 3)).numpy()
        i, j = part["in_channel"].values, part["out_channel"].values
        np.testing.assert_allclose(
            part["alignment"].values[0, 0], product[j, i % weight.shape[1]], rtol=2e-3, atol=1e-6
        )


def test_gains_are_of_the_outputs_own_gradients(model: Skipping) -> None:
    """One probe: (∂(u·f)/∂z)² of each layer, by passes from a changed pre-activation."""
    trace = model.trace(2).double()
    found = gains(trace, model.colours_of, list(ROUTES), None, 1, (5,))
    signs = np.random.default_rng((5,)).integers(0, 2, (3, 12, 16), np.int8)
    for name in ROUTES:
        layer = trace.layers[trace.position(name)]
        z = layer.preactivation(trace.input_of(name)).requires_grad_()
        towards = model.colours_of(trace.output_from(name, z[None])[0])
        [slope] = torch.autograd.grad(towards, [z], torch.from_numpy(signs).double() * 2 - 1)
        torch.testing.assert_close(found[name], slope.square(), rtol=1e-9, atol=1e-15)


def test_maps_sum_to_the_output(model: Skipping, canvas: Any) -> None:
    head, response = canvas["head"], model.trace(2).output()
    maps = head["contribution"].sel(frame=2).values
    for channel in range(3):
        own = maps[head["out_channel"].values == channel].sum(0)
        np.testing.assert_allclose(own, response[channel], rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("gain", [False, True])
def test_a_canvas_on_disk_is_that_in_memory(model: Skipping, tmp_path: Path, gain: bool) -> None:
    """Kernels, groups, strides and the whole route survive the record; windows too."""
    settings = CanvasSettings(gain=gain, probes=4, layout={"head": "dense"})
    for name in ROUTES:
        write_layer(model, tmp_path / "canvas.zarr" / name, name, [2], settings)
    found = xinc.open_canvas(tmp_path / "canvas.zarr", gain=gain)
    expected = xinc.dissect(model, [2], gain=gain, probes=4)
    for name in ROUTES:
        maps = expected[name]["contribution"].values
        assert maps.shape[-2:] == (12, 16)
        np.testing.assert_allclose(found[name]["contribution"].values, maps, rtol=1e-5, atol=1e-7)
        part = found[name]["contribution"][:, :2, 3:7, 2:11].values
        np.testing.assert_allclose(part, maps[:, :2, 3:7, 2:11], rtol=1e-5, atol=1e-7)
        assert found[name]["in_channel"].equals(expected[name]["in_channel"])


def test_windows_of_the_output(model: Skipping) -> None:
    trace, window = model.trace(2), (2, 9, 3, 4)
    torch.testing.assert_close(output_on(trace, window), trace.output()[:, 2:9, 3:4])
    passes, part = Passes(model, trace), WindowPasses(model, trace, window)
    towards = torch.zeros(3, 12, 16)
    towards[:, 2:9, 3:4] = 1
    np.testing.assert_allclose(part.products(torch.ones(3, 7, 1)), passes.products(towards), rtol=1e-5, atol=1e-8)


def test_top_neurons_of_a_region(model: Skipping, canvas: Any) -> None:
    """By effect, listed from passes through a window and then exactly: by ablation."""
    box = (2, 6, 3, 11)
    found = xinc.top_neurons(canvas, box=box, frames=[2], count=3, by="effect", model=model)
    for layer, number, value in zip(found["layer"], found["neuron"], found["effect"], strict=True):
        change = xinc.ablate(model, layer, [int(number)], [2])["change"].values[0, 0]
        assert value == pytest.approx(np.square(change[:, 2:6, 3:11]).sum(), rel=1e-4)


def test_criteria_see_the_kernels_that_there_are(model: Skipping, canvas: Any) -> None:
    """By kernel of the weight (C_out, C_in / groups): totals of maps, and norms of weights and inputs."""
    data = Calibration(model, [2])
    trace = model.trace(2)
    wanda = scores(data, "wanda", "kernel")
    for name in ROUTES:
        total = abs(canvas[name]["contribution"].sel(frame=2)).sum(("y", "x")).values
        layer, v = trace.layers[trace.position(name)], trace.input_of(name)
        assert isinstance(layer, Convolution)
        i, j = layer.edges()
        each = layer.weight.shape[1]
        np.testing.assert_allclose(data.totals[name][j, i % each], total, rtol=1e-5)
        size = layer.weight.norm(dim=(2, 3)).numpy()[j, i % each]
        expected = size * v.norm(dim=(1, 2)).numpy()[i]
        np.testing.assert_allclose(wanda[name][j, i % each], expected, rtol=1e-5)
        own, with_inputs = norms(LayerMaps.of(trace, name), v)
        np.testing.assert_allclose(own, size, rtol=1e-5)
        np.testing.assert_allclose(with_inputs, expected, rtol=1e-5)


def test_pruning_removes_kernels_of_every_layer(model: Skipping) -> None:
    pruned = xinc.prune(model, 0.5, "contribution")
    for name in ROUTES:
        weight = module_of(pruned, name).weight
        assert (weight == 0).flatten(2).all(2).any() or weight.shape[0] * weight.shape[1] < 4
