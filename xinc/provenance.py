"""What a result depends on, as plain values: the settings of its job, the source of the code, what came before it.

The workflow stores these with every result and makes it again when they differ. A digest of source is of the program
itself, so that comments, docstrings and layout do not count, nor what is said to people: messages of errors, and
descriptions of settings. Nor does the time at which a file was touched.
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

#: Modules that only tell people how it goes.
_TELLING = frozenset({f"{PACKAGE}.errors", f"{PACKAGE}.progress"})


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
        such a module only these count, what others import from it by name, what they call in it, and what stands
        outside functions.
    """
    return _digest_of(tuple(sorted(set(modules))), _frozen(entry))


def sources(modules: Iterable[str], entry: Mapping[str, Iterable[str]] | None = None) -> frozenset[str]:
    """Names of the modules of which anything counts in `source_digest`."""
    return frozenset(_programs(tuple(sorted(set(modules))), _frozen(entry)))


Entries = tuple[tuple[str, tuple[str, ...]], ...]


def _frozen(entry: Mapping[str, Iterable[str]] | None) -> Entries:
    return tuple(sorted((name, tuple(sorted(names))) for name, names in (entry or {}).items()))


@functools.cache
def _digest_of(modules: tuple[str, ...], entries: Entries) -> str:
    return digest(_programs(modules, entries))


def _programs(modules: tuple[str, ...], entries: Entries) -> dict[str, str]:
    """What counts of each module, as text."""
    entry = dict(entries)
    seen: dict[str, str] = {}
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        if name in seen or name in _TELLING:
            continue
        text, imported = _module(name, entry.get(name))
        seen[name] = text
        for origin, member in imported:
            waiting.append(origin)
            if origin in entry and member not in entry[origin]:
                wider = (*entry.pop(origin), member)
                if member:  # otherwise it is the module that is imported, and all of it may be used
                    entry[origin] = tuple(sorted(wider))
                seen.pop(origin, None)  # to be looked at again
        parent = name.rpartition(".")[0]
        if parent:
            waiting.append(parent)
    return seen


@functools.cache
def _module(name: str, entry: tuple[str, ...] | None) -> tuple[str, tuple[tuple[str, str], ...]]:
    """A module's syntax tree, without what does not count, as text, and what it imports: modules, and names of them."""
    file = _file(name)
    if file is None:
        raise ModuleNotFoundError(f"{name} is no module of {PACKAGE}")
    tree = ast.parse(file.read_text(encoding="utf-8"))
    tree = _Stripped(frozenset() if entry is None else _unused(tree, entry)).visit(tree)
    imported = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported += [(alias.name, "") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            origin = _origin(node, name, file.name == "__init__.py")
            imported += [(origin, alias.name) for alias in node.names]
            imported += [(f"{origin}.{alias.name}", "") for alias in node.names]
    own = {(module, member) for module, member in imported if _file(module) is not None}
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
    """Removes docstrings, what only people read, imports for type checkers, and these functions."""

    def __init__(self, unused: frozenset[ast.AST]) -> None:
        self.unused = unused

    def visit_If(self, node: ast.If) -> ast.AST | None:
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            return None
        return self.generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        """A text alone describes the variable before it."""
        return None if isinstance(node.value, ast.Constant) else self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        if isinstance(node.exc, ast.Call) and _called(node.exc) == "InputError":
            node.exc.args = []
        return self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if _called(node) == "Field":
            node.keywords = [one for one in node.keywords if one.arg != "description"]
        return self.generic_visit(node)

    def visit_Module(self, node: ast.Module) -> ast.AST:
        return self._not_empty(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        return self._not_empty(node)

    def visit_Assign(self, node: ast.Assign) -> ast.AST | None:
        return None if node in self.unused else self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        return None if node in self.unused else self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST | None:
        return None if node in self.unused else self._not_empty(node)

    def _not_empty(self, node: Any) -> ast.AST:
        result = self.generic_visit(node)
        node.body = node.body or [ast.Pass()]
        return result


def _called(node: ast.Call) -> str | None:
    return node.func.id if isinstance(node.func, ast.Name) else None
