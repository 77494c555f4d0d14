"""The state dict inside a checkpoint, whatever wraps it: containers, prefixes of names, quantisation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from xinc.errors import InputError
from xinc.models.imports.parts import Layout, Tensors
from xinc.models.imports.quantised import dequantised, is_quantised

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
    InputError : no weights, or several networks.
    """
    layouts = tuple(layouts)
    state = dequantised(dict(content), path) if is_quantised(dict(content)) else _state(content, path, hints)
    named = recomposed({_plain(name): tensor for name, tensor in state.items()})
    return _unwrapped(Tensors(path, named), hints, layouts)


def weights_for(names: Iterable[str], content: Mapping[str, Any], path: Any) -> dict[str, Tensor]:
    """The weights in a checkpoint for a module whose tensors have these names.

    They are those of the file's state dict as they are; without what wrappers put before their names, or without one
    more prefix; or made whole of parts (`recomposed`). Where none of these has all the names and no others, the nearest
    to the file: without wrappers' prefixes.

    Raises
    ------
    InputError : there are no weights, or several networks' below different prefixes.
    """
    wanted, state = set(names), _state(content, path, {})
    plain = {_without_wrappers(name): tensor for name, tensor in state.items()}
    for whole in (state, plain, recomposed(plain)):
        if whole.keys() == wanted:
            return whole
        below: dict[str, dict[str, Tensor]] = {}
        for prefix in (one for depth in range(1, _DEPTH + 1) for one in _prefixes(whole, depth)):
            some = {name.removeprefix(prefix): t for name, t in whole.items() if name.startswith(prefix)}
            if some.keys() == wanted:
                below[prefix] = some
        if len(below) > 1:
            raise _several(path, below)
        if below:
            return next(iter(below.values()))
    return plain


def _without_wrappers(name: str) -> str:
    while (shorter := name.removeprefix("module.").removeprefix("_orig_mod.")) != name:
        name = shorter
    return name


def _state(content: Mapping[str, Any], path: Any, hints: Mapping[str, Any]) -> dict[str, Tensor]:
    named = hints.get("weights")
    if named is not None:
        found = _only_tensors(_below(content, str(named)))
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
    inner = _nested(content)
    usual = [key for name in CONTAINERS for key in inner if key.split(".")[-1] == name]
    if len(inner) == 1 or usual:
        return inner[usual[0]] if usual else next(iter(inner.values()))
    if inner:
        raise InputError(f"{path} holds weights under {sorted(inner)}: say which ones with the hint weights.")
    raise InputError(f"{path} holds no state dict of tensors: found the keys {sorted(map(str, content))[:6]}.")


def _nested(content: Mapping[str, Any]) -> dict[str, dict[str, Tensor]]:
    """Tensors of the mappings inside, by path (``state.model``), of the first depth where there are any."""
    level: dict[str, Mapping[str, Any]] = {"": content}
    for _ in range(_DEPTH):
        level = {
            f"{at}.{key}".removeprefix("."): value
            for at, outer in level.items()
            for key, value in outer.items()
            if isinstance(value, Mapping) and "optim" not in str(key)
        }
        if found := {at: tensors for at, value in level.items() if (tensors := _only_tensors(value))}:
            return found
    return {}


def _below(content: Mapping[str, Any], path: str) -> Any:
    """What lies under a key, or a path of keys with dots."""
    if path in content:
        return content[path]
    key, dot, rest = path.partition(".")
    inner = content.get(key)
    return _below(inner, rest) if dot and isinstance(inner, Mapping) else None


def recomposed(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights that PyTorch keeps in parts, by their own names.

    Pruning (``torch.nn.utils.prune``) keeps ``weight_orig`` and ``weight_mask``, whose product is the weight. Weight
    normalisation keeps lengths g and directions v, g · v / ‖v‖ (Salimans and Kingma, 2016), as ``weight_g`` and
    ``weight_v`` or as a parametrisation's two originals.
    """
    found = dict(state)
    for name in state:
        for first, second, whole, product in _PARTS:
            own = name.removesuffix(first)
            if own != name and own + second in found and name in found:
                found[own + whole] = product(found.pop(name), found.pop(own + second))
    return found


def _scaled(lengths: Tensor, directions: Tensor) -> Tensor:
    axes = [at for at, side in enumerate(lengths.shape) if side == 1] or None
    v = directions.float()
    return lengths.float() * v / torch.linalg.vector_norm(v, dim=axes, keepdim=True)


#: Suffixes of two parts and of the whole, and how it is made of them.
_PARTS: tuple[tuple[str, str, str, Callable[[Tensor, Tensor], Tensor]], ...] = (
    ("_orig", "_mask", "", torch.mul),
    ("_g", "_v", "", _scaled),
    ("parametrizations.weight.original0", "parametrizations.weight.original1", "weight", _scaled),
)


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
            # HNeRV's code has a level of blocks too many in some files; a HiNeRV's stages are called so.
            return name if "decoder.blocks." in name else name.replace("blocks.0.", "")
        name = shorter


def _unwrapped(tensors: Tensors, hints: Mapping[str, Any], layouts: tuple[Layout, ...]) -> Tensors:
    """The tensors as they are if a layout knows them; or those below the one prefix that makes it do so."""

    def known(some: Tensors) -> bool:
        return any(layout.matches(some, hints) for layout in layouts)

    if known(tensors):
        return tensors
    for depth in range(1, _DEPTH + 1):
        prefixes = _prefixes(tensors, depth)
        below = {
            prefix: Tensors(
                tensors.path, {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
            )
            for prefix in prefixes
        }
        fitting = [prefix for prefix, some in below.items() if known(some)]
        if len(fitting) > 1:
            raise _several(tensors.path, fitting)
        if fitting:
            beside = {name: tensor for name, tensor in tensors.items() if not name.startswith(fitting[0])}
            return Tensors(tensors.path, below[fitting[0]], beside)
    return tensors


def _prefixes(names: Iterable[str], depth: int = 1) -> list[str]:
    """What names begin with, up to and with their n-th dot, each once."""
    return list(dict.fromkeys(".".join(parts[:depth]) + "." for name in names if len(parts := name.split(".")) > depth))


def _several(path: Any, prefixes: Iterable[str]) -> InputError:
    return InputError(
        f"{path} holds several networks, below {', '.join(repr(one) for one in prefixes)}: save the one that is meant "
        "by itself."
    )
