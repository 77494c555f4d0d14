"""The state dict inside a checkpoint, whatever wraps it: containers, prefixes of names, quantisation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from torch import Tensor

from xinc.errors import InputError
from xinc.models.imports.parts import Layout, Tensors
from xinc.models.imports.quantised import dequantised, is_quantised
from xinc.models.storage import check_finite

#: Keys under which training scripts keep weights, the likeliest first. The hint ``weights`` names another.
CONTAINERS = (
    "state_dict", "model_state_dict", "model", "model_state", "net", "network", "params", "weights", "state_dict_ema",
    "ema_state_dict", "model_ema", "params_ema", "ema",
)  # fmt: skip

#: What wrappers put into names: data parallelism, torch.compile, and HNeRV's own blocks.
_WRAPPERS = ("module.", "_orig_mod.", "blocks.0.")

#: How many components of names may be a wrapper of unknown name.
_DEPTH = 3


def find_tensors(content: Mapping[str, Any], path: Any, hints: Mapping[str, Any], layouts: Iterable[Layout]) -> Tensors:
    """The weights of the network in a checkpoint, under the names that its layout knows.

    Parameters
    ----------
    content : of the file.
    path : for messages.
    hints : of the user; ``weights`` is the key of the weights in the file.
    layouts : those of which one may match.

    Raises
    ------
    InputError : no weights; several networks; or a weight that is not a finite number (the tensor is named).
    """
    layouts = tuple(layouts)
    state = dequantised(dict(content), path) if is_quantised(dict(content)) else _state(content, path, hints)
    tensors = _unwrapped(Tensors(path, {_plain(name): tensor for name, tensor in state.items()}), hints, layouts)
    check_finite(tensors, path)
    return tensors


def _state(content: Mapping[str, Any], path: Any, hints: Mapping[str, Any]) -> dict[str, Tensor]:
    named = hints.get("weights")
    if named is not None:
        found = _only_tensors(content.get(str(named)))
        if not found:
            raise InputError(
                f"{path}: the hint weights is '{named}', but no weights are there: found the keys "
                f"{sorted(map(str, content))[:6]}."
            )
        return found
    for key in CONTAINERS:
        if found := _only_tensors(content.get(key)):
            return found
    if found := _only_tensors(content):
        return found
    inner = {key: found for key, value in content.items() if (found := _only_tensors(value))}
    if len(inner) == 1:
        return next(iter(inner.values()))
    if inner:
        raise InputError(f"{path} holds weights under {sorted(inner)}: say which ones with the hint weights.")
    raise InputError(f"{path} holds no state dict of tensors: found the keys {sorted(map(str, content))[:6]}.")


def _only_tensors(value: Any) -> dict[str, Tensor]:
    """The tensors of a mapping whose names are text; what else lies beside them, as counters do, is left."""
    if not isinstance(value, Mapping):
        return {}
    return {str(name): one for name, one in value.items() if isinstance(name, str) and isinstance(one, Tensor)}


def _plain(name: str) -> str:
    """A tensor's name without what wrappers put before it."""
    while True:
        shorter = name
        for wrapper in _WRAPPERS:
            shorter = shorter.removeprefix(wrapper)
        if shorter == name:
            return name.replace("blocks.0.", "")
        name = shorter


def _unwrapped(tensors: Tensors, hints: Mapping[str, Any], layouts: tuple[Layout, ...]) -> Tensors:
    """The tensors as they are if a layout knows them; or those below the one prefix that makes it do so."""

    def known(some: Tensors) -> bool:
        return any(layout.matches(some, hints) for layout in layouts)

    if known(tensors):
        return tensors
    for depth in range(1, _DEPTH + 1):
        prefixes = dict.fromkeys(
            ".".join(parts[:depth]) + "." for name in tensors if len(parts := name.split(".")) > depth
        )
        below = {
            prefix: Tensors(
                tensors.path, {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
            )
            for prefix in prefixes
        }
        fitting = [prefix for prefix, some in below.items() if known(some)]
        if len(fitting) > 1:
            raise InputError(
                f"{tensors.path} holds several networks, below {', '.join(repr(one) for one in fitting)}: save the one "
                "that is meant by itself."
            )
        if fitting:
            return below[fitting[0]]
    return tensors
