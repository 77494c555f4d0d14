"""Modules of the user's that a configuration declares, looked at without importing them, or PyTorch."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from xinc.errors import InputError, nearest
from xinc.experiment.provenance import source_of
from xinc.frames import select_frames
from xinc.models.declared import look_here, split_name

if TYPE_CHECKING:
    from xinc.experiment.config import Config


def check_declared(name: str) -> None:
    """`InputError` where a declared name, ``mypackage.nets:build``, has no source, or that no such function."""
    module, function = split_name(name)
    look_here()
    try:
        file = source_of(module)
    except (ImportError, ValueError) as error:
        raise InputError(
            f"The module of {name} is not found ({error}): install it, put its folder on PYTHONPATH, or run in the "
            "folder that holds it."
        ) from None
    if file.suffix != ".py":
        raise InputError(
            f"The module of {name} is {file}: a source file in Python was expected, which can be compared."
        )
    try:
        known, complete = _names(ast.parse(file.read_bytes()))
    except SyntaxError as error:
        raise InputError(f"{file} is not valid Python, line {error.lineno}: {error.msg}.") from None
    if complete and function not in known:
        raise InputError(f"{file} has no function '{function}': {nearest(function, known)}.")


def _names(tree: ast.Module) -> tuple[list[str], bool]:
    """Names that a module binds at its top level, and whether these are all."""
    found: list[str] = []
    complete = True
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            found.append(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found += [alias.asname or alias.name.partition(".")[0] for alias in node.names]
            complete = complete and "*" not in found
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found += [one.id for one in targets if isinstance(one, ast.Name)]
            complete = complete and all(isinstance(one, ast.Name) for one in targets)
        elif not isinstance(node, ast.Expr | ast.Raise | ast.Assert | ast.Pass):
            complete = False  # what a condition, a loop or a try binds is not followed
    return found, complete


def list_layers(config: Config, model: str) -> list[str]:
    """Lines on the layers of a model; one that a module makes is made for the first video, with whatever weights.

    Raises
    ------
    InputError : there is no such model; or see `xinc.modules.declared.make`.
    """
    if model not in config.file.models:
        raise InputError(f"The configuration has no model '{model}': {nearest(model, config.file.models)}.")
    chosen = config.file.models[model]
    if chosen.module is None:
        return config.known_layers(model)
    from xinc.modules.declared import make
    from xinc.modules.front import describe

    video = next(iter(config.videos.values()))
    count = config.count(video.name)
    frames = select_frames(range(count), chosen.frames, of="the video")
    made = make(chosen.module, video.resolution, frames, count)
    names = ", ".join(name if name[:1].isalpha() and "@" not in name else f'"{name}"' for name in made.layer_names())
    return [*describe(made).to_string(index=False).splitlines(), "", f"layers: [{names}]"]
