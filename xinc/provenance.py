"""What a result depends on, as plain values: the settings of its job, the source of the code, what came before it.

The workflow stores these with every result and makes it again when they differ. A digest of source is of the program
itself, so that comments, docstrings and layout do not count, nor the time at which a file was touched.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

PACKAGE = "xinc"
ROOT = Path(__file__).resolve().parent


def digest(value: Any) -> str:
    """Sixteen hexadecimal digits of a value made of plain builtins, whatever the order of its dictionaries' keys."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=True, default=_refuse)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _refuse(value: Any) -> Any:
    raise TypeError(f"{type(value).__name__} is no plain builtin and cannot be part of a digest")


def source_digest(modules: Iterable[str], entry: Mapping[str, Iterable[str]] | None = None) -> str:
    """Digest of the source of modules of this package and of all they import from it, directly or not.

    Parameters
    ----------
    modules : dotted names.
    entry : per module, the functions and methods that the job calls (an analysis's ``compute``, not its ``plot``): of
        such a module only these count, what they call in it, and what stands outside functions.
    """
    entries = tuple(sorted((name, tuple(sorted(names))) for name, names in (entry or {}).items()))
    return _digest_of(tuple(sorted(set(modules))), entries)


@functools.cache
def _digest_of(modules: tuple[str, ...], entries: tuple[tuple[str, tuple[str, ...]], ...]) -> str:
    entry = dict(entries)
    seen: dict[str, str] = {}
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        text, imported = _module(name, entry.get(name))
        seen[name] = text
        waiting.extend(imported)
        parent = name.rpartition(".")[0]
        if parent:
            waiting.append(parent)
    return digest(seen)


@functools.cache
def _module(name: str, entry: tuple[str, ...] | None) -> tuple[str, tuple[str, ...]]:
    """A module's syntax tree, without docstrings and unused functions, as text, and what it imports of the package."""
    file = _file(name)
    if file is None:
        raise ModuleNotFoundError(f"{name} is no module of {PACKAGE}")
    tree = ast.parse(file.read_text(encoding="utf-8"))
    tree = _Stripped(frozenset() if entry is None else _unused(tree, entry)).visit(tree)
    imported = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            origin = _origin(node, name, file.name == "__init__.py")
            imported += [origin, *(f"{origin}.{alias.name}" for alias in node.names)]
    own = {m for m in imported if m.split(".")[0] == PACKAGE and _file(m) is not None}
    return ast.dump(tree, annotate_fields=False), tuple(sorted(own))


def _origin(node: ast.ImportFrom, module: str, is_package: bool) -> str:
    """The dotted name after ``from``, relative ones made absolute."""
    if not node.level:
        return node.module or ""
    parts = module.split(".")
    base = parts[: len(parts) - node.level + is_package]
    return ".".join([*base, *filter(None, [node.module])])


#: Class attributes that count like methods: only where the job uses them.
_DECLARED = frozenset({"claims"})


def _declared(node: ast.AST) -> str | None:
    """The name of such an attribute that a statement sets."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return next((t.id for t in targets if isinstance(t, ast.Name) and t.id in _DECLARED), None)


def _unused(tree: ast.Module, entry: tuple[str, ...]) -> frozenset[ast.AST]:
    """Functions, methods and claims of a module that are not used by those named, by each other, or elsewhere in it."""
    functions: dict[str, list[ast.AST]] = {}
    waiting = list(entry)
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            members = [*node.body, *node.bases, *node.keywords, *node.decorator_list]
        else:
            members = [node]
        for member in members:
            name = member.name if isinstance(member, ast.FunctionDef) else _declared(member)
            if name is not None:
                functions.setdefault(name, []).append(member)
            else:
                waiting += _names(member)
    found: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in functions and name not in found:
            found.add(name)
            waiting += [used for node in functions[name] for used in _names(node)]
    return frozenset(node for name, nodes in functions.items() if name not in found for node in nodes)


def _names(node: ast.AST) -> set[str]:
    """Every name and attribute used in a piece of code."""
    plain = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
    return plain | {n.attr for n in ast.walk(node) if isinstance(n, ast.Attribute)}


def _file(name: str) -> Path | None:
    """The file of a module or package of xinc, None if there is none of that name."""
    base = ROOT.joinpath(*name.split(".")[1:])
    for candidate in (base.with_suffix(".py"), base / "__init__.py"):
        if candidate.is_file() and name.split(".")[0] == PACKAGE:
            return candidate
    return None


class _Stripped(ast.NodeTransformer):
    """Removes docstrings, imports for type checkers, and these functions."""

    def __init__(self, unused: frozenset[ast.AST]) -> None:
        self.unused = unused

    def visit_If(self, node: ast.If) -> ast.AST | None:
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            return None
        return self.generic_visit(node)

    def visit_Module(self, node: ast.Module) -> ast.AST:
        return self._without_docstring(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        return self._without_docstring(node)

    def visit_Assign(self, node: ast.Assign) -> ast.AST | None:
        return None if node in self.unused else node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        return None if node in self.unused else node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST | None:
        return None if node in self.unused else self._without_docstring(node)

    def _without_docstring(self, node: Any) -> ast.AST:
        if ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:]
        result = self.generic_visit(node)
        node.body = node.body or [ast.Pass()]
        return result
