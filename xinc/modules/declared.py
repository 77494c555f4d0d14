"""Networks that a function of the user's makes, see `xinc.models.declared`: made, given weights, written, opened.

The function is called as ``build(resolution=(height, width), frames=(0, 1, …), num_frames=n)`` and gives a torch module
and its inputs, as `xinc.network` takes them; or a network that `xinc.network` made.
"""

from __future__ import annotations

import importlib
import math
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from xinc.errors import InputError, nearest
from xinc.frames import ranges, select_frames
from xinc.models.base import INR
from xinc.models.declared import brought_by, look_here, split_name
from xinc.models.imports.footage import Footage, open_footage
from xinc.models.imports.mistaken import shown_instead
from xinc.models.imports.tensors import weights_for
from xinc.models.imports.unpickling import read_checkpoint
from xinc.models.storage import check_finite, save_model
from xinc.models.templates import filled
from xinc.modules.base import FromModule
from xinc.modules.front import network
from xinc.modules.network import ModuleNetwork
from xinc.runtime.progress import say

#: On how many frames a network is compared with the video.
_JUDGED = 4


def make(
    name: str,
    resolution: tuple[int, int],
    frames: Sequence[int],
    num_frames: int,
    load: Callable[[nn.Module], None] | None = None,
) -> FromModule:
    """The network that a declared function makes.

    Parameters
    ----------
    name : ``mypackage.nets:build``; it is imported.
    resolution, frames, num_frames : given to the function.
    load : puts weights into the module; None leaves what the function made, with PyTorch's generator seeded by 0.

    Raises
    ------
    InputError : the function is missing, fails or gives something else; or see `xinc.network`.
    """
    size, chosen = (int(resolution[0]), int(resolution[1])), tuple(int(frame) for frame in frames)
    made = _called(name, resolution=size, frames=chosen, num_frames=int(num_frames))
    module: nn.Module = made.module if isinstance(made, FromModule) else made[0]
    if load is not None:
        load(module)
        if isinstance(made, ModuleNetwork):
            made.forget()  # what was captured with other weights
    try:
        found = made if isinstance(made, FromModule) else network(module, made[1], size, chosen)
    except InputError as error:
        raise InputError(f"{name}: {error}") from None
    if found.resolution != size or tuple(found.frames) != chosen:
        raise InputError(
            f"{name} gives a network of {found.resolution[0]}x{found.resolution[1]} pixels and the frames "
            f"{ranges(found.frames)}; asked for were {size[0]}x{size[1]} and {ranges(chosen)}: make it of the "
            "arguments resolution and frames."
        )
    distribution = " ".join(brought_by(name)).strip()
    found.made_by = {"module": name, "distribution": distribution}
    found.num_frames = int(num_frames)
    return found.eval()


def _called(name: str, **arguments: Any) -> Any:
    """What the function gives: a network of `xinc.network`, or a module and its inputs."""
    function = _function(name)
    said = ", ".join(f"{key}={value}" for key, value in arguments.items())
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            made = function(**arguments)
    except InputError as error:
        raise InputError(f"{name}: {error}") from error
    except Exception as error:  # whatever the code of others raises
        at = traceback.extract_tb(error.__traceback__)[-1]
        where = "" if at.filename == __file__ else f", {Path(at.filename).name} line {at.lineno}"
        reason = " ".join(f"{type(error).__name__}: {error}".split()).rstrip(".")
        raise InputError(
            f"{name} failed{where} ({reason}): it was called with {said}; correct it, or try it in Python."
        ) from error
    if isinstance(made, FromModule):
        return made
    if isinstance(made, tuple) and len(made) == 2 and isinstance(made[0], nn.Module) and not isinstance(made[0], INR):
        return made
    kind = type(made).__qualname__
    of = f" of {', '.join(type(one).__qualname__ for one in made)}" if isinstance(made, tuple) else ""
    raise InputError(
        f"{name} gives a {kind}{of}: a torch module and its inputs were expected, (module, inputs), or what "
        "xinc.network makes of them."
    )


def _function(name: str) -> Any:
    """The function of a declared name."""
    module, function = split_name(name)
    look_here()
    try:
        found = importlib.import_module(module)
    except Exception as error:  # whatever the code of others raises
        reason = " ".join(f"{type(error).__name__}: {error}".split()).rstrip(".")
        raise InputError(
            f"The module of {name} cannot be imported ({reason}): install it, put its folder on PYTHONPATH, or run in "
            "the folder that holds it."
        ) from error
    made = getattr(found, function, None)
    if not callable(made):
        known = [key for key, value in vars(found).items() if callable(value) and not key.startswith("_")]
        raise InputError(f"{module} has no function '{function}': {nearest(function, known)}.")
    return made


def load_weights(module: nn.Module, weights: Mapping[str, Tensor], source: Any) -> None:
    """Put weights into a module, all of its own and no others.

    Raises
    ------
    InputError : a tensor is missing, unknown, of another shape, complex for real, or not finite; it names the tensor.
    """
    own = module.state_dict()
    for name, tensor in own.items():
        if name not in weights:
            raise InputError(
                f"{source} lacks the tensor '{name}' of the {type(module).__name__}: {nearest(name, list(weights))}."
            )
        if weights[name].shape != tensor.shape or weights[name].is_complex() != tensor.is_complex():
            found, expected = (_kind(one) for one in (weights[name], tensor))
            raise InputError(
                f"{source}: the tensor '{name}' is {found}, that of the {type(module).__name__} {expected}: give the "
                "weights of this network, or make it as they are."
            )
    unknown = [name for name in weights if name not in own]
    if unknown:
        raise InputError(
            f"{source} has the tensor '{unknown[0]}', which the {type(module).__name__} has not: "
            f"{nearest(unknown[0], list(own))}."
        )
    check_finite(weights, source)
    module.load_state_dict(dict(weights))


def _kind(tensor: Tensor) -> str:
    shape = "x".join(map(str, tensor.shape)) or "a number"
    return f"{'complex, ' if tensor.is_complex() else ''}{shape}"


def restored(content: Mapping[str, Any]) -> INR:
    """The network in the content of a ``model.pt``; its module is imported.

    Raises
    ------
    InputError : see `make`; or its inputs are others than they were.
    """
    prefix = "module."
    state = {name.removeprefix(prefix): tensor for name, tensor in content["state_dict"].items()}
    name, size = str(content["module"]), (int(content["resolution"][0]), int(content["resolution"][1]))
    model = make(
        name, size, content["frames"], content["num_frames"], lambda module: load_weights(module, state, "its state")
    )
    noted = content.get("distribution", "")
    model.made_by["distribution"] = noted
    if model.description()["inputs"] != content["inputs"]:
        now = " ".join(brought_by(name)).strip()
        by = f" (then of {noted}, now of {now})" if noted != now else ""
        raise InputError(f"the inputs that {name} makes are not those that it was written with{by}: write it again.")
    return model


def write_module(video_store: str | Path, output: str | Path, settings: Mapping[str, Any]) -> None:
    """Write the network of an entry of the configuration as ``model.pt``.

    Parameters
    ----------
    video_store : ``video.zarr``.
    output : path of ``model.pt``.
    settings : ``module``, the declared name; ``checkpoint``, the path of its weights, with fields, or None; ``frames``;
        ``min_psnr`` (dB) or None; ``video`` and ``seed``, names of the branch; ``files``, digests of what is read.

    Raises
    ------
    InputError : see `make`; the network makes no three colours, or does not show the video.
    """
    name, path = str(settings["module"]), settings["checkpoint"]
    with open_footage(video_store) as footage:
        frames = select_frames(range(footage.num_frames), settings["frames"], of="the video")
        file = None if path is None else filled(str(path), settings["video"], settings["seed"])

        def load(module: nn.Module) -> None:
            content = read_checkpoint(str(file))
            load_weights(module, weights_for(list(module.state_dict()), content, file), file)

        made = make(name, footage.resolution, frames, footage.num_frames, load if file else None)
        made.check_trace()
        if made.channels != 3:
            raise InputError(f"{name} makes images of {made.channels} channels: a video has the three of its colours.")
        psnr = _judged(made, name, footage, settings["min_psnr"])
    save_model(made, output, {"declared": dict(settings), "outcome": {"psnr": psnr}})


@torch.no_grad()
def _judged(model: INR, name: str, footage: Footage, min_psnr: float | None) -> float:
    """PSNR (dB) of some of the network's frames; `InputError` where it is below ``min_psnr``."""
    chosen = select_frames(model.frames, min(_JUDGED, len(model.frames)), of="the network")
    images = {frame: model.reconstruct(frame) for frame in chosen}
    target = footage.read(chosen)
    errors = [
        float((image.double().clamp(0, 1) - own.double()).square().mean())
        for image, own in zip(images.values(), target, strict=True)
    ]
    psnr = -10 * math.log10(max(sum(errors) / len(errors), 1e-20))
    instead = shown_instead(images, footage)
    it = f"; it {instead}" if instead is not None else ""
    if min_psnr is not None and psnr < min_psnr:
        raise InputError(
            f"The network of {name} does not show this video: {psnr:.1f} dB, below min_psnr {min_psnr:g}{it}: give the "
            "video that it was fitted to, its weights as checkpoint, or lower min_psnr."
        )
    print(f"{name}: {psnr:.1f} dB on the frames {ranges(chosen)}")
    if it:
        say(f"{name}{it}")
    return psnr
