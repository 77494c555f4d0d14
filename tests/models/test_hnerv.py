"""HNeRV: its encoder, its table of embeddings, and that it can be trained."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from xinc import dissect, load_model
from xinc.errors import InputError
from xinc.models.hnerv import HNeRVSettings
from xinc.models.storage import build, save_model
from xinc.settings import validate
from xinc.training.loop import fit
from xinc.training.settings import TrainingSettings

SMALL = {"embed_channels": 4, "strides": [4, 2], "encoder_width": 8, "fc_dim": 12, "lower_width": 6}


def frames(count=3, height=16, width=32):
    y, x = torch.meshgrid(torch.linspace(0, 1, height), torch.linspace(0, 1, width), indexing="ij")
    moving = [torch.stack([x, y, ((x - 0.2 * k - 0.2).abs() < 0.1).float()]) for k in range(count)]
    return torch.stack(moving)


def test_training_and_what_is_kept_of_it(tmp_path):
    video = frames()
    model = build("hnerv", SMALL, (16, 32), range(3), 3, seed=2)
    before = model.embeddings.clone()
    history = fit(model, video, TrainingSettings(epochs=60, batch_size=1, learning_rate=1e-2, threads=1, device="cpu"))
    mean = video.mean(dim=(0, 2, 3), keepdim=True)
    constant = -10 * torch.log10((video - mean).square().mean())
    assert history.outcome()["mean_psnr"] > float(constant) + 3
    assert not torch.equal(model.embeddings, before)
    assert history.rows[-1]["psnr"] == pytest.approx(history.outcome()["mean_psnr"], abs=0.5), (
        "one frame, one embedding"
    )
    with torch.no_grad():
        torch.testing.assert_close(model.embeddings, model.encoder(video), rtol=1e-4, atol=1e-6)
    save_model(model, tmp_path / "model.pt")
    found = load_model(tmp_path / "model.pt")
    torch.testing.assert_close(found.reconstruct(2), model.reconstruct(2), rtol=1e-4, atol=1e-5)
    names = list(dissect(found, [1]).children)
    assert names == ["block1", "block2", "head"]


def test_training_is_reproducible():
    runs = []
    for _ in range(2):
        model = build("hnerv", SMALL, (16, 32), [0, 2], 3, seed=1)
        fit(model, frames(2), TrainingSettings(epochs=2, threads=1, device="cpu"))
        runs.append(model.state_dict())
    assert all(torch.equal(runs[0][name], runs[1][name]) for name in runs[0])


def test_without_an_encoder_the_embeddings_are_trained():
    model = build("hnerv", SMALL | {"encoder": False}, (16, 32), range(3), 3)
    before = model.embeddings.detach().clone()
    fit(model, frames(), TrainingSettings(epochs=2, threads=1, device="cpu"))
    assert not any(name.startswith("encoder") for name in model.state_dict())
    assert not torch.equal(model.embeddings, before)


def test_embeddings_differ_with_content():
    """Two frames that look alike have one embedding, whatever their number."""
    model = build("hnerv", SMALL, (16, 32), range(3), 3)
    video = frames()[[0, 1, 0]]
    model.fill_embeddings(video)
    assert torch.equal(model.embeddings[0], model.embeddings[2])
    assert not torch.equal(model.embeddings[0], model.embeddings[1])
    with pytest.raises(InputError, match=r"got frames of shape \(2, 3, 16, 32\); expected \(3, 3, 16, 32\)"):
        model.fill_embeddings(video[:2])


def test_the_encoder_is_what_it_says():
    """A stage, computed step by step."""
    model = build("hnerv", SMALL, (16, 32), [0], 1, seed=3)
    stage, x = model.encoder.stages[1], torch.randn(1, 8, 4, 8)
    for parameter in stage.parameters():
        torch.nn.init.normal_(parameter)

    def normal(y, norm):
        centred = y - y.mean(1, keepdim=True)
        y = centred / (centred.square().mean(1, keepdim=True) + 1e-6).sqrt()
        return y * norm.weight[:, None, None] + norm.bias[:, None, None]

    small = F.conv2d(normal(x, stage.norm), stage.shrink.weight, stage.shrink.bias, stride=2)
    (block,) = stage.blocks
    y = normal(F.conv2d(small, block.spatial.weight, block.spatial.bias, padding=3, groups=4), block.norm)
    y = F.conv2d(
        F.gelu(F.conv2d(y, block.expand.weight, block.expand.bias)), block.contract.weight, block.contract.bias
    )
    torch.testing.assert_close(stage(x), small + block.scale[:, None, None] * y, rtol=1e-4, atol=1e-4)


def test_sizes():
    """Decoder and embeddings count, the encoder does not; kernels grow to 5; the stem may enlarge."""
    settings = validate(HNeRVSettings, {"strides": [5, 4, 4, 2, 2]}, "hnerv")
    assert settings.kernel_sizes() == (1, 3, 5, 5, 5)
    assert settings.embedding_shape((640, 1280)) == (16, 2, 4)
    model = build("hnerv", SMALL | {"encoder_strides": [4, 4]}, (16, 32), range(3), 3)
    assert model.embeddings.shape == (3, 4, 1, 2)
    assert model.trace(0).input.shape == (12, 2, 4)
    assert model.stem.weight.shape == (48, 4, 1, 1)
    decoder = sum(p.numel() for n, p in model.named_parameters() if not n.startswith("encoder"))
    assert model.parameter_count() == decoder + 3 * 4 * 2
    budget = build("hnerv", {"size": 2e5}, (64, 128), range(2), 2)
    assert 0.9e5 < budget.parameter_count() - budget.embeddings.numel() < 2.1e5


def test_the_stem_enlarges_pixel_by_pixel():
    """Channel c·4 + 2·p + q of the stem is the pixel (2·y + p, 2·x + q) of channel c."""
    model = build("hnerv", SMALL | {"encoder_strides": [4, 4], "activation": "identity"}, (16, 32), range(1), 1)
    embedded = model.embed(torch.tensor([0]))
    found = model.trace(0).input
    with torch.no_grad():
        flat = model.stem(embedded)[0]
    for p in (0, 1):
        for q in (0, 1):
            assert torch.equal(found[:, p::2, q::2], flat[2 * p + q :: 4])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"encoder_strides": [3, 2]}, "encoder_strides have the product 6, expected a multiple of 64"),
        ({"encoder_strides": [64, 0]}, "encoder_strides have the product 0"),
        ({"kernel_size": [3, 3]}, "kernel_size lists 2 sides for 4 strides"),
        ({"embed_chanels": 3}, "did you mean 'embed_channels'"),
    ],
)
def test_settings_that_make_no_network(values, message):
    with pytest.raises(InputError, match=message):
        validate(HNeRVSettings, values, "hnerv")


def test_resolutions_that_do_not_fit():
    with pytest.raises(
        InputError, match=r"Resolution 16x40 cannot be produced by strides \[4, 4\], whose product is 16"
    ):
        build("hnerv", SMALL | {"encoder_strides": [4, 4]}, (16, 40), [0], 1)
    with pytest.raises(InputError, match="An HNeRV has one resolution"):
        build("hnerv", SMALL, (16, 32), [0], 1).trace(0, (32, 64))
