"""HNeRV-Boost: frames as its code base makes them, sizes, and what training keeps."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from tests.helpers.foreign_video import boosted
from tests.helpers.stepwise import RESOLUTION, SMALL, network
from xinc.errors import InputError
from xinc.models.hnerv_boost import HNeRVBoostSettings
from xinc.models.storage import build
from xinc.settings import validate
from xinc.training.loop import fit
from xinc.training.settings import TrainingSettings


def as_published(model: Any) -> dict[str, Tensor]:
    """The decoder's weights under the names of its code base."""
    found: dict[str, Tensor] = {}

    def put(name: str, module: Any) -> None:
        weight = module.weight.detach()
        found[f"{name}.weight"] = weight if weight.ndim == 4 else weight[:, :, None, None]
        found[f"{name}.bias"] = module.bias.detach()

    def boost(name: str, module: Any) -> None:
        for k in (0, 1):
            put(f"{name}.conv{k}", (module.conv1, module.conv2)[k])
            modulation = (module.before, module.after)[k]
            for kind in ("scale", "shift"):
                for at, layer in enumerate(getattr(modulation, kind)):
                    put(f"{name}.sft{k}.SFT_{kind}_conv{at}", layer)

    for k, layer in enumerate(model.time):
        put(f"stem_t.{2 * k}", layer)
    put("decoder.0.conv.downconv", model.stem)
    boost("decoder.0.sft_block", model.stem_boost)
    for k, (block, own) in enumerate(zip(model.blocks, model.boosts, strict=True), 1):
        put(f"decoder.{k}.conv.upconv.0", block)
        boost(f"decoder.{k}.sft_block", own)
    put("head_layer", model.head)
    return found


def test_frames_are_those_of_its_code_base() -> None:
    model = network("hnerv_boost")
    state = as_published(model)
    for at, frame in enumerate(model.frames):
        embedding = model.get_buffer("embeddings")[at]
        expected = torch.tanh(boosted(state, embedding, frame / 3, [2, 2, 1], 4)) / 2 + 0.5
        torch.testing.assert_close(model.reconstruct(frame), expected, rtol=1e-4, atol=1e-5)


def test_sizes() -> None:
    """Blocks of 1, 1, 2, 2, … a stage, widths that shrink once a stage, and the 1.5 million that its authors name."""
    settings = HNeRVBoostSettings(fc_dim=86)
    assert settings.blocks_of_stages() == (1, 1, 2, 2, 2)
    assert settings.kernel_sizes() == (1, 3, 3, 3, 3)
    widths = settings.channels((720, 1280))
    assert [after for _, after, _, _ in settings.blocks(widths)] == [72, 60, 50, 50, 42, 42, 35, 35]
    assert [stride for _, _, stride, _ in settings.blocks(widths)] == [5, 2, 2, 1, 2, 1, 2, 1]
    with torch.device("meta"):
        model = build("hnerv_boost", settings, (720, 1280), range(132), 132)
    embeddings = 132 * 16 * 9 * 16
    assert model.parameter_count() == settings.parameters(86) + embeddings == 1_507_946


def test_a_budget_is_used_up() -> None:
    settings = validate(HNeRVBoostSettings, {"strides": [2, 2], "size": 3e4, "lower_width": 4}, "hnerv_boost")
    width = settings.stem_width((16, 24))
    assert settings.parameters(width) <= 3e4 < settings.parameters(width + 1)
    with pytest.raises(InputError, match="A budget of 10 parameters is too small for an HNeRV-Boost"):
        build("hnerv_boost", {"strides": [2, 2], "size": 10}, (16, 24), [0], 1)
    with pytest.raises(InputError, match="depths must be 2 positive integers"):
        validate(HNeRVBoostSettings, {"strides": [2, 2], "depths": [1]}, "hnerv_boost")


def test_embeddings_are_those_of_the_encoder_after_training() -> None:
    video = torch.rand(2, 3, *RESOLUTION, generator=torch.Generator().manual_seed(0))
    model: Any = network("hnerv_boost").train()
    before = model.embeddings.clone()
    fit(model, video, TrainingSettings(epochs=2, batch_size=2, threads=1, device="cpu"))
    assert not torch.equal(model.embeddings, before)
    with torch.no_grad():
        torch.testing.assert_close(model.embeddings, model.encoder(video), rtol=1e-4, atol=1e-6)


def test_without_an_encoder() -> None:
    model = build("hnerv_boost", SMALL["hnerv_boost"] | {"encoder": False}, RESOLUTION, [0, 2], 3)
    before = model.get_parameter("embeddings").detach().clone()
    fit(model, torch.rand(2, 3, *RESOLUTION), TrainingSettings(epochs=2, threads=1, device="cpu"))
    assert not torch.equal(model.get_parameter("embeddings"), before)
    assert model.eval().parameter_count() == sum(p.numel() for p in model.parameters())
    model.check_trace()
