"""NeRV: its widths, its encoding of time, and what its settings refuse."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from xinc.contributions.neurons import layer_neurons
from xinc.errors import InputError
from xinc.models.nerv import NeRVSettings
from xinc.models.storage import build
from xinc.settings import validate
from xinc.trace.activations import OURS, activate


def settings(**values):
    return validate(NeRVSettings, values, "nerv")


def test_the_papers_network():
    """Section 6.1 and design/contributions.md: 978,557 parameters at 128×256, 37 channels out of an 8×16 stem."""
    model = build("nerv", {"size": 1e6}, (128, 256), [0], 30)
    assert model.parameter_count() == 978_557
    assert model.settings.channels((128, 256)) == [37, 31, 26, 22]
    assert model.settings.stem_shape((128, 256)) == (8, 16)
    layers = model.trace(0).layers
    assert [layer.name for layer in layers] == ["block1", "block2", "block3", "head"]
    assert [len(layer_neurons(layer)) for layer in layers] == [18_352, 3_224, 2_288, 66]
    assert model.trace(0).input.shape == (37, 8, 16)


def test_a_size_of_a_million_is_the_default():
    assert settings().channels((128, 256)) == settings(size=1e6).channels((128, 256))


@given(
    st.floats(2e4, 5e6),
    st.lists(st.integers(1, 4), min_size=1, max_size=4),
    st.sampled_from([1, 3, 5]),
    st.floats(1.0, 2.0),
    st.integers(1, 100),
)
def test_stem_width_is_the_root_of_the_budget(size, strides, kernel, reduction, levels):
    chosen = settings(size=size, strides=strides, kernel_size=kernel, reduction=reduction, embed_levels=levels)
    factor = math.prod(strides)
    q = 1 / reduction
    a = q * sum(q ** (2 * i) * s * s * kernel * kernel for i, s in enumerate(strides))
    b = 2 * levels * 2 * 3
    width = chosen.stem_width((2 * factor, 3 * factor))

    def used(x):
        return a * x * x + b * x

    assert used(width) <= size * (1 + 1e-9)
    assert used(width + 1) > size * (1 - 1e-9)


def test_widths_by_rule_and_by_hand():
    assert settings(fc_dim=20, reduction=2, lower_width=6).channels((16, 16)) == [20, 10, 6, 6]
    assert settings(fc_dim=15, reduction=2, lower_width=1, strides=[1, 1]).channels((4, 4)) == [15, 8, 4]
    assert settings(widths=[4, 9, 2, 5]).channels((16, 16)) == [4, 9, 2, 5]


def test_encoding_of_time_keeps_the_high_levels():
    """t and its product with the bases in float64: naive float32 is off by radians at level 80."""
    model = build("nerv", {"strides": [1], "fc_dim": 1}, (1, 1), range(30), 30)
    frames = [1, 7, 29]
    found = model.embed(torch.tensor(frames))[:, :, 0, 0].numpy()
    assert found.dtype == np.float32
    assert found.shape == (3, 160)
    bases = (1.25 ** torch.arange(80)).float().numpy() * np.float32(np.pi)
    np.testing.assert_allclose(bases, np.longdouble(1.25) ** np.arange(80) * np.longdouble(np.pi), rtol=1e-6)
    angles = np.array(frames, np.longdouble)[:, None] / 30 * bases.astype(np.longdouble)
    expected = np.concatenate([np.sin(angles), np.cos(angles)], axis=1)
    np.testing.assert_allclose(found, expected.astype(float), rtol=0, atol=2e-7)
    naive = np.sin((np.array(frames, np.float32)[:, None] / np.float32(30)) * bases)
    assert np.abs(naive[:, 60:] - expected[:, 60:80]).max() > 0.5


def test_encoding_lists_sines_then_cosines():
    model = build("nerv", {"strides": [1], "fc_dim": 1, "embed_levels": 2, "embed_base": 3.0}, (1, 1), range(4), 4)
    expected = [math.sin(math.pi / 4), math.sin(3 * math.pi / 4), math.cos(math.pi / 4), math.cos(3 * math.pi / 4)]
    np.testing.assert_allclose(model.embed(torch.tensor([1]))[0, :, 0, 0], expected, rtol=0, atol=1e-6)


def test_stem_is_reshaped_channel_first(nerv):
    embedded = nerv.embed(torch.tensor([2]))
    weight, bias = nerv.stem.weight[:, :, 0, 0], nerv.stem.bias
    flat = activate("gelu", weight @ embedded[0, :, 0, 0] + bias)
    torch.testing.assert_close(nerv.trace(2).input, flat.detach().view(4, 4, 6), rtol=1e-5, atol=1e-6)


def test_every_activation_can_be_chosen():
    for name in [*(set(OURS) - {"finer"}), "finer(2)", "leaky_relu(0.2)"]:
        model = build("nerv", {"fc_dim": 2, "strides": [2], "activation": name}, (4, 4), [0], 1)
        assert torch.isfinite(model.reconstruct(0)).all()
        assert [layer.activation for layer in model.trace(0).layers] == [name, "identity"]


@pytest.mark.parametrize(
    ("resolution", "near"), [((100, 256), "96x256"), ((128, 250), "128x256"), ((1, 1), "16x16"), ((9, 33), "16x32")]
)
def test_strides_that_do_not_divide_name_the_nearest_resolution(resolution, near):
    with pytest.raises(InputError, match=rf"strides \[4, 2, 2\], whose product is 16.*the nearest is {near}\."):
        build("nerv", {}, resolution, [0], 1)


def test_one_resolution_only(nerv):
    assert nerv.trace(0, (16, 24)).output().shape == (3, 16, 24)
    with pytest.raises(InputError, match="A NeRV has one resolution, here 16x24: it cannot be dissected at 32x48"):
        nerv.trace(0, (32, 48))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"kernel_size": 4}, "'nerv.kernel_size.*' is 4: a kernel's side must be odd"),
        ({"kernel_size": [3, 4, 3]}, "a kernel's side must be odd"),
        ({"head_kernel_size": 0}, "'nerv.head_kernel_size' is 0: a kernel's side must be odd"),
        ({"kernel_size": [3, 3]}, "kernel_size lists 2 sides for 3 strides"),
        ({"fc_dim": 5, "size": 1e6}, "give fc_dim or size, not both"),
        ({"widths": [5, 4, 3]}, "widths must be 4 positive integers"),
        ({"widths": [5, 4, 3, 0]}, "widths must be 4 positive integers"),
        ({"strides": [4, 0]}, r"every stride must be a positive integer"),
        ({"strides": []}, "'nerv.strides'"),
        ({"embed_levels": 0}, "'nerv.embed_levels' is 0: input should be greater than or equal to 1"),
        ({"activation": "gelo"}, "'nerv.activation' is 'gelo': unknown activation 'gelo': did you mean 'gelu'"),
        ({"fc_dims": 5}, "Unknown setting 'nerv.fc_dims': did you mean 'fc_dim'"),
    ],
)
def test_settings_that_make_no_network(values, message):
    with pytest.raises(InputError, match=message):
        settings(**values)


def test_a_budget_that_is_too_small():
    with pytest.raises(InputError, match="A budget of 10 parameters is too small"):
        build("nerv", {"size": 10}, (128, 256), [0], 1)
