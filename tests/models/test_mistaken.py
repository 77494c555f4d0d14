"""A network that shows the video mirrored, in other colours or at another time is told of as such."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.helpers import fitted
from xinc import load_model
from xinc.errors import InputError
from xinc.models.imports.footage import Footage
from xinc.models.imports.mistaken import MARGIN, shown_instead


@pytest.fixture(scope="module")
def footage() -> Footage:
    """Ten frames of which no two are alike, nor one like its mirror images."""
    frames = torch.rand(10, 3, 6, 8, generator=torch.Generator().manual_seed(0))
    return Footage((6, 8), 10, lambda chosen: frames[list(chosen)])


VIEWS: dict[str, Callable[[Tensor], Tensor]] = {
    "mirrored left to right": lambda image: image[:, :, range(7, -1, -1)],
    "upside down": lambda image: image[:, range(5, -1, -1)],
    "turned by half a turn": lambda image: torch.rot90(image, 2, (1, 2)),
    "with red and blue exchanged": lambda image: image[[2, 1, 0]],
}
TIMES: dict[str, Callable[[int], int]] = {
    "2 frames later": lambda frame: frame + 2,
    "1 frame earlier": lambda frame: frame - 1,
    "backwards": lambda frame: 9 - frame,
}


@pytest.mark.parametrize("what", VIEWS)
@pytest.mark.parametrize("frames", [[4], [2, 5, 7]])
def test_other_views(what: str, frames: list[int], footage: Footage) -> None:
    found = shown_instead({f: VIEWS[what](footage.read([f])[0]) for f in frames}, footage)
    assert found is not None
    assert found.what == what
    assert found.psnr == pytest.approx(200)
    assert str(found).startswith(f"shows the video {what} at 200.0 dB, and at ")


@pytest.mark.parametrize("what", TIMES)
def test_other_times(what: str, footage: Footage) -> None:
    found = shown_instead({f: footage.read([TIMES[what](f)])[0] for f in (1, 4, 6)}, footage)
    assert found is not None
    assert found.what == what


def test_another_frame(footage: Footage) -> None:
    found = shown_instead({4: footage.read([9])[0]}, footage)
    assert found is not None
    assert found.what == "at frame 9 in place of 4"


def test_what_is_as_it_is_given_is_not_told_of(footage: Footage) -> None:
    for frames in ([0], [1, 4, 9]):
        noise = 0.2 * torch.randn(3, 6, 8, generator=torch.Generator().manual_seed(1))
        assert shown_instead({f: footage.read([f])[0] + noise for f in frames}, footage) is None
    still = Footage((6, 8), 3, lambda chosen: torch.full((len(chosen), 3, 6, 8), 0.5))
    assert shown_instead({0: torch.rand(3, 6, 8)}, still) is None
    assert MARGIN > 0


@pytest.mark.slow
def test_networks_that_are_fitted(tmp_path: Path) -> None:
    network = fitted.ffn()
    torch.save(network.content, tmp_path / "theirs.pth")
    for view, what in (
        (network.video[..., ::-1], "with red and blue exchanged"),
        (network.video[:, ::-1], "upside down"),
    ):
        with pytest.raises(InputError, match=f"does not show this video: .*; it shows the video {what} at "):
            load_model(tmp_path / "theirs.pth", video=np.ascontiguousarray(view))
    # Three frames, of which the first is the network's: the third of them is said to be it.
    video = np.concatenate([network.video, network.video * 0.9, network.video * 0.8]).astype(np.float32)
    with pytest.warns(UserWarning, match="shows the video at frame 0 in place of 2 at .* dB, and at"):
        model = load_model(tmp_path / "theirs.pth", video=video, frames=[2])
    assert "at frame 0 in place of 2" in model.outcome["conventions"]["instead"]
