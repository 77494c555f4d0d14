"""Digests of values and of source code, which decide whether a job runs again.

The code of a job is the modules that it names and all that they import, each module whole. Of a module counts the
program: no comments, docstrings or layout, no messages of errors, no descriptions of settings.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.metadata
import importlib.util
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import grimp

from xinc.errors import InputError

PACKAGE = "xinc"

#: Modules that decide no number: vocabulary (its values are in the settings), progress and display, the frame of jobs.
_NOT_COUNTED = frozenset(
    f"{PACKAGE}{name}"
    for name in (
        *("", ".errors", ".registry", ".settings", ".canvas.display"),
        *(".runtime.process", ".runtime.progress", ".runtime.task"),
        *(".experiment.job", ".experiment.provenance", ".experiment.records"),
    )
)


def digest(value: Any) -> str:
    """Sixteen hexadecimal digits of a value made of plain builtins, whatever the order of its dictionaries' keys."""
    return hashlib.sha256(_ENCODER.encode(value).encode()).hexdigest()[:16]


def _refuse(value: Any) -> Any:
    raise TypeError(f"{type(value).__name__} is not a plain builtin and cannot be part of a digest")


_ENCODER = json.JSONEncoder(sort_keys=True, ensure_ascii=True, default=_refuse)


def code_of(modules: Iterable[str], scripts: Iterable[Path] = ()) -> dict[str, str]:
    """Digest of every module that counts for a job, by name.

    Parameters
    ----------
    modules : dotted names of the modules that do the work, of this package or of others.
    scripts : files of programs that count as well, and the modules that they import.
    """
    files = tuple(scripts)
    named = {*modules, *(name for file in files for name in _imported_by(file))}
    own = {file.name: _digest_of(file) for file in files}
    return own | {name: _digest_of(source_of(name)) for name in sorted(_closure(frozenset(named)))}


@functools.cache
def _closure(modules: frozenset[str]) -> frozenset[str]:
    """These modules and all that they import of this package and of their own distribution, directly or not."""
    found: set[str] = set()
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        if name == PACKAGE:
            waiting += _interface()  # whoever imports the package may use any of the functions that it offers
        if name in found or name in _NOT_COUNTED:
            continue
        found.add(name)
        waiting += _imports(name)
    return frozenset(found)


def _imports(name: str) -> Iterable[str]:
    """Modules of this package and of its own distribution that a module imports; not those for type checkers only."""
    top = name.partition(".")[0]
    ours = {PACKAGE} if top == PACKAGE else {PACKAGE, *_siblings(top)}
    if not _is_package(top):
        return {one for one in _imported_by(source_of(name), top) if one.partition(".")[0] in ours}
    graph = _graph(top)
    if name not in graph.modules:
        raise ModuleNotFoundError(f"there is no module {name} in {top}")
    found = graph.find_modules_directly_imported_by(name)
    return {one for one in found if one.partition(".")[0] in ours}


@functools.cache
def _siblings(top: str) -> frozenset[str]:
    """Top-level modules and packages of the distribution that has this one; without one, those beside it."""
    known = _distributions()
    own = set(known.get(top, ()))
    if own:
        return frozenset({top, *(name for name, of in known.items() if own & set(of))})
    folder = source_of(top).parent.parent if _is_package(top) else source_of(top).parent
    beside = {path.stem for path in folder.glob("*.py")} | {path.parent.name for path in folder.glob("*/__init__.py")}
    return frozenset({top, *(name for name in beside if name not in known)})


@functools.cache
def _distributions() -> dict[str, list[str]]:
    """By top-level module or package, the distributions that have it."""
    return {name: list(of) for name, of in importlib.metadata.packages_distributions().items()}


@functools.cache
def _graph(top: str) -> grimp.ImportGraph:
    if top == PACKAGE:
        return grimp.build_graph(PACKAGE, exclude_type_checking_imports=True, cache_dir=None)
    packages = [name for name in sorted(_siblings(top)) if name != PACKAGE and _is_package(name)]
    return grimp.build_graph(
        PACKAGE, *packages, include_external_packages=True, exclude_type_checking_imports=True, cache_dir=None
    )


def _interface() -> set[str]:
    """The modules behind the functions that the package itself offers, which it imports when they are first used."""
    import xinc

    return set(xinc._WHERE.values())


def _imported_by(file: Path, top: str = PACKAGE) -> set[str]:
    """Modules that a single file imports, of this package and of those beside ``top``."""
    found = set()
    for node in ast.walk(_tree(file)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {name for name in found if _exists(name, top)}


def _exists(name: str, top: str) -> bool:
    first = name.partition(".")[0]
    if first == PACKAGE:
        return name in _graph(PACKAGE).modules
    if top == PACKAGE or first not in _siblings(top):
        return False
    return name in _graph(first).modules if _is_package(first) else name == first


def _is_package(top: str) -> bool:
    return _spec(top).submodule_search_locations is not None


def _spec(name: str) -> Any:
    spec = importlib.util.find_spec(name)
    if spec is None:
        raise ModuleNotFoundError(f"there is no module {name}")
    return spec


@functools.cache
def source_of(name: str) -> Path:
    """The source file of a module, found without importing it; `ModuleNotFoundError` where there is none."""
    top, *rest = name.split(".")
    spec = _spec(top)
    if spec.submodule_search_locations is None:
        return Path(str(spec.origin))
    for folder in spec.submodule_search_locations:
        base = Path(folder).joinpath(*rest)
        for candidate in (base / "__init__.py", base.with_suffix(".py")):
            if candidate.is_file():
                return candidate
    raise ModuleNotFoundError(f"{name} has no source file in {', '.join(spec.submodule_search_locations)}")


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8")


def _tree(file: Path) -> ast.Module:
    try:
        return ast.parse(_text(file))
    except SyntaxError as error:
        raise InputError(f"{file} is not valid Python, line {error.lineno}: {error.msg}.") from None


@functools.cache
def _digest_of(file: Path) -> str:
    words: list[str] = []
    _spell(_tree(file), words.append)
    return hashlib.sha256("\n".join(words).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _spell(node: Any, say: Callable[[str], None]) -> None:
    """A syntax tree word by word, without what only people read."""
    if isinstance(node, list):
        say("[")
        for item in node:
            # A text alone describes the variable before it, or the module, class or function that it opens.
            if not (type(item) is ast.Expr and type(item.value) is ast.Constant):
                _spell(item, say)
        say("]")
    elif isinstance(node, ast.AST):
        fields = {name: getattr(node, name, None) for name in node._fields}
        if type(node) is ast.Raise and _calls(node.exc, "InputError"):
            fields["exc"] = "InputError"
        elif type(node) is ast.Call and _calls(node, "Field"):
            fields["keywords"] = [one for one in node.keywords if one.arg != "description"]
        say(f"{type(node).__name__}(")
        for value in fields.values():
            _spell(value, say)
        say(")")
    else:
        say(repr(node))


def _calls(node: Any, name: str) -> bool:
    """Whether a node is a call of the function of this name."""
    return type(node) is ast.Call and type(node.func) is ast.Name and node.func.id == name
