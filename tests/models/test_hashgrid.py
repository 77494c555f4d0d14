"""Hash grids: sizes, initial numbers, the encoding, and training against its plain loop."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from torch import Tensor

import xinc
from tests.helpers import foreign
from xinc.errors import InputError
from xinc.models.base import INR
from xinc.models.hashgrid import HashGrid, grid_levels
from xinc.models.storage import build
from xinc.trace.layers import Lookup
from xinc.training.learner import learning_rate
from xinc.training.loop import fit
from xinc.training.settings import TrainingSettings

SMALL = {"levels": 4, "log2_entries": 6, "base_resolution": 4, "hidden_width": 9}


@pytest.fixture(scope="module")
def published() -> INR:
    """tiny-cuda-nn's configuration of images, for 128×256 pixels."""
    return build("hashgrid", {}, (128, 256), [0], 1, seed=3)


def plain(model: INR, tables: Tensor, matrices: list[Tensor]) -> Tensor:
    """(H·W, 3) by gathering from the tables, as PyTorch does it without a matrix; differentiable."""
    (height, width), s = model.resolution, model.settings
    y, x = torch.meshgrid((torch.arange(height) + 0.5) / height, (torch.arange(width) + 0.5) / width, indexing="ij")
    found, start = [], 0
    for number in range(s.levels):
        scale = 2 ** (number * math.log2(s.level_scale)) * s.base_resolution - 1
        side = math.ceil(scale) + 1
        entries = min(-(-(side**2) // 8) * 8, 2**s.log2_entries)
        table = tables[start : start + entries * s.features].view(entries, s.features)
        start += entries * s.features
        places = [(one.flatten() * scale + 0.5) for one in (x, y)]
        (i, j), (f, g) = ([one.floor().long() for one in places], [one % 1 for one in places])
        total = torch.zeros(height * width, s.features)
        for a, b in itertools.product((0, 1), (0, 1)):
            at = ((i + a) ^ ((j + b) * 2654435761 % 2**32)) if side**2 > entries else i + a + (j + b) * side
            share = (f if a else 1 - f) * (g if b else 1 - g)
            total = total + share[:, None] * table[at % entries]
        found.append(total)
    v = torch.cat(found, 1)
    for matrix in matrices[:-1]:
        v = (v @ matrix.T).relu()
    return v @ matrices[-1].T


def test_sizes_of_the_published_configuration(published: INR) -> None:
    levels = grid_levels(HashGrid.Settings())
    sides = [16, 24, 36, 55, 81, 122, 183]
    assert [level.axes[0].size for level in levels[:7]] == sides
    assert levels[-1].axes[0].size == 7007
    assert [level.entries for level in levels] == [256, 576, 1296, 3032, 6568, 14888, *[32768] * 10]
    assert [level.hashed for level in levels] == [False] * 6 + [True] * 10
    assert sum(level.entries for level in levels) == 354_296
    assert published.tables.shape == (1, 708_592)  # type: ignore[union-attr]
    # Its network has 7,168 numbers: an output of 16 channels, of which 3 are colours.
    network = 32 * 64 + 64 * 64 + 64 * 16
    assert network == 7_168
    assert published.parameter_count() == 708_592 + network - 13 * 64
    assert published.layer_names() == ["grid", "layer1", "layer2", "layer3"]


def test_what_pixels_of_a_frame_read(published: INR) -> None:
    """At 128×256: 344,388 entries; 512 pixels an entry at level 0, 5.0 at level 6, 4.1 at level 15."""
    trace = published.trace(0)
    grid, v = trace.layers[0], trace.input.flatten(1)
    assert isinstance(grid, Lookup)
    touched, pixels = [], []
    for level in grid.levels:
        numbers = torch.stack([entries for entries, _ in level.at(v)])
        pairs = torch.unique(numbers * v.shape[1] + torch.arange(v.shape[1]))
        touched.append(len(torch.unique(numbers)))
        pixels.append(len(pairs) / touched[-1])
    assert sum(touched) == 344_388
    assert [round(pixels[n], 1) for n in (0, 6, 15)] == [512, 5.0, 4.1]


def test_complete_at_the_published_size(published: INR) -> None:
    """Σ over all maps of a level is its features, to 1e-12 in float64, at some pixels."""
    trace = published.trace(0).double()
    grid, v = trace.layers[0], trace.input_of("grid").flatten(1)[:, None, ::500]
    assert isinstance(grid, Lookup)
    for number in (0, 6, 15):
        level, table = grid.levels[number], grid.tables()[number]
        z = Lookup("level", table.flatten(), (level,)).preactivation(v)[:, 0].numpy()
        shares = np.zeros((level.entries, v.shape[-1]))
        for entries, share in level.at(v.flatten(1).numpy()):
            np.add.at(shares, (entries, np.arange(v.shape[-1])), share)
        maps = shares[:, None] * table.numpy()[:, :, None]
        np.testing.assert_allclose(maps.sum(0), z, rtol=0, atol=1e-12)


def test_initial_numbers(published: INR) -> None:
    """Tables U(±1e-4), matrices U(±√(6/(in + out)))."""
    tables = published.tables.detach()  # type: ignore[operator, union-attr]
    assert float(tables.abs().max()) <= 1e-4
    assert float(tables.std()) == pytest.approx(1e-4 / math.sqrt(3), rel=0.01)
    assert abs(float(tables.mean())) < 1e-6
    for weight in published.weights:  # type: ignore[union-attr]
        bound = math.sqrt(6 / sum(weight.shape[1:]))
        assert 0.9 * bound < float(weight.detach().abs().max()) <= bound
        assert float(weight.detach().std()) == pytest.approx(bound / math.sqrt(3), rel=0.1)


@pytest.mark.parametrize("more", [{}, {"features": 3, "level_scale": 1.7}, {"log2_entries": 3}])
def test_the_image_is_that_of_the_plain_formulation(more: dict[str, object]) -> None:
    model = build("hashgrid", SMALL | more, (10, 14), [0, 2], 3, seed=1)
    model.tables.data.mul_(1e4)  # type: ignore[operator, union-attr]
    matrices = [weight[1] for weight in model.weights]  # type: ignore[union-attr]
    expected = plain(model, model.tables[1], matrices).T.reshape(3, 10, 14)  # type: ignore[index]
    torch.testing.assert_close(model(torch.tensor([2]))[0], expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(model.reconstruct(2), expected.detach(), rtol=1e-4, atol=1e-5)


def targets(frames: int = 2) -> Tensor:
    """(frames, 3, 16, 24) of shapes with edges."""
    y, x = torch.meshgrid(torch.linspace(0, 1, 16), torch.linspace(0, 1, 24), indexing="ij")
    each = [
        torch.stack([(x + k / 5) % 1, (y > 0.4).float(), torch.sin(9 * x * y + k) / 2 + 0.5]) for k in range(frames)
    ]
    return torch.stack(each)


def test_training_is_its_plain_loop() -> None:
    """As good as gathering, autograd and PyTorch's Adam with tiny-cuda-nn's numbers; the first steps are the same."""
    epochs = 60
    settings = TrainingSettings(epochs=epochs, learning_rate=1e-2, warmup=0.1, threads=1, device="cpu")
    model = build("hashgrid", SMALL | {"hidden_width": 24}, (16, 24), [0, 3], 4, seed=2)
    model.tables.data.mul_(1e3)  # type: ignore[operator, union-attr]
    goal = targets()
    own = [model.tables.detach()[0].clone(), *(w.detach()[0].clone() for w in model.weights)]  # type: ignore[index, union-attr]
    for tensor in own:
        tensor.requires_grad_()
    optimiser = torch.optim.Adam(own, betas=(0.9, 0.99), eps=1e-15)
    losses = []
    for step in range(epochs):
        optimiser.param_groups[0]["lr"] = learning_rate(step, epochs, settings)
        optimiser.zero_grad()
        loss = (plain(model, own[0], own[1:]).T.reshape(3, 16, 24) - goal[0]).square().mean()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    alone = build("hashgrid", SMALL | {"hidden_width": 24}, (16, 24), [0], 4, seed=2)
    alone.tables.data.mul_(1e3)  # type: ignore[operator, union-attr]
    rows = fit(alone, goal[:1], settings).rows
    np.testing.assert_allclose([row["loss"] for row in rows[:8]], losses[:8], rtol=1e-4)
    assert rows[-1]["psnr"] > -10 * math.log10(losses[-1]) - 0.5
    assert losses[-1] < 0.1 * losses[0]
    assert fit(model, goal, settings).psnr[0] == pytest.approx(alone.outcome["psnr"][0], abs=0.5)


def test_entries_that_few_pixels_read_are_trained() -> None:
    """With PyTorch's ε, which is larger than their gradients, the finest tables would stay where they start."""
    model = build("hashgrid", SMALL, (16, 24), [0, 3], 4, seed=2)
    before = model.tables.detach().clone()  # type: ignore[operator, union-attr]
    fit(model, targets() * 1e-6, TrainingSettings(epochs=3, learning_rate=1e-2, threads=1, device="cpu"))
    moved = (model.tables.detach() - before).abs()  # type: ignore[operator, union-attr]
    read = moved > 0
    assert float(read.float().mean()) > 0.8
    assert float(moved[read].median()) > 1e-3


def test_too_many_entries_are_refused() -> None:
    settings = HashGrid.Settings(log2_entries=24, level_scale=2)
    with pytest.raises(InputError, match="entries: at most 16,777,216 are possible; lower levels or log2_entries"):
        HashGrid.check(settings, (8, 8))
    with pytest.raises(InputError, match="354,296 entries of 1,000 features: at most 67,108,864 numbers are possible"):
        HashGrid.check(HashGrid.Settings(features=1000), (8, 8))


@pytest.mark.parametrize("given", [{"levels": 2000}, {"levels": 2, "level_scale": 1e300}])
def test_too_many_vertices_are_refused(given: dict[str, float]) -> None:
    with pytest.raises(InputError, match=r"vertices along a side: at most 2,147,483,648 are possible"):
        HashGrid.check(HashGrid.Settings(log2_entries=3, **given), (8, 8))


def test_the_two_precisions_of_tiny_cuda_nn_differ() -> None:
    """Where base · s^l is whole: 55 vertices at level 3 or 54; files of either are read."""
    double, single = (grid_levels(HashGrid.Settings(rules=rules)) for rules in ("tiny-cuda-nn", "tiny-cuda-nn-float32"))
    assert [a.axes[0].size - b.axes[0].size for a, b in zip(double, single, strict=True)] == [0, 0, 0, 1, *[0] * 12]
    assert len(foreign.tiny_cuda_nn().content["params"]) != len(foreign.tiny_cuda_nn(single=True).content["params"])


def test_what_cannot_be_imported_is_one_sentence(tmp_path: object) -> None:
    path = f"{tmp_path}/foreign.pth"
    network = foreign.tiny_cuda_nn()
    torch.save(network.content, path)
    for changed, message in (
        ({"encoding": None}, "needs the hint 'encoding', the section 'encoding' of tiny-cuda-nn's JSON"),
        ({"encoding": {"otype": "Frequency"}}, "encoding.otype is 'Frequency', which cannot be read"),
        ({"network": {"activation": "Squareplus"}}, "network.activation is 'Squareplus', which cannot be read"),
        ({"encoding": {"otype": "HashGrid", "n_levels": 5}}, "has 10 features, which a FullyFusedMLP pads"),
        ({"encoding": {"otype": "HashGrid", "n_levels": 8}}, "'params' has .* numbers, but its configuration makes"),
    ):
        with pytest.raises(InputError, match=message):
            xinc.load_model(path, **{**network.hints, **changed})
    other = foreign.torch_ngp()
    torch.save(other.content, path)
    with pytest.raises(InputError, match=r"its levels begin at .* per_level_scale 2, .* give these as hints"):
        xinc.load_model(path, resolution=[6, 10], base_resolution=3)


@pytest.mark.parametrize("name", ["tables", "weights"])
def test_bundles_are_imported_frame_by_frame(name: str, tmp_path: object) -> None:
    from xinc.models.importing import inspect

    for frame in range(2):
        torch.save(foreign.torch_ngp(frame).content, f"{tmp_path}/{frame}.pth")
    hints = foreign.torch_ngp().hints
    found = inspect(f"{tmp_path}/{{frame}}.pth", hints, "all", False, "clip", 0, (6, 10), 2)
    model = found.make("bundle")
    assert model.frames == (0, 1)
    parts = {"tables": model.tables, "weights": model.weights[0]}[name]  # type: ignore[index]
    assert len(parts) == 2  # type: ignore[arg-type]
    for frame in range(2):
        torch.testing.assert_close(model.reconstruct(frame), foreign.torch_ngp(frame).image(0), rtol=1e-4, atol=1e-5)
