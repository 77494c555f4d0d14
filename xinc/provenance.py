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

#: Modules that change no result: they tell people how it goes, or are about these digests.
_NOT_COUNTED = frozenset({f"{PACKAGE}.errors", f"{PACKAGE}.progress", f"{PACKAGE}.provenance"})


def digest(value: Any) -> str:
    """Sixteen hexadecimal digits of a value made of plain builtins, whatever the order of its dictionaries' keys."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=True, default=_refuse)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _refuse(value: Any) -> Any:
    raise TypeError(f"{type(value).__name__} is no plain builtin and cannot be part of a digest")


#: By module, the functions and methods that a job does not call.
Without = Mapping[str, Iterable[str]]
_Parts = tuple[tuple[str, tuple[str, ...]], ...]


def source_digest(modules: Iterable[str], without: Without | None = None, scripts: Iterable[Path] = ()) -> str:
    """Digest of the source of modules of this package and of all they import from it, directly or not.

    Parameters
    ----------
    modules : dotted names.
    without : by module, the functions and methods that the job does not call (of an analysis that is computed, its
        ``plot``): these do not count, nor what nothing but they use, unless another module imports it by name. All
        else in the module counts, whether it can be seen to be used or not.
    scripts : files of programs that count as well, and what they import.
    """
    return _digest_of(*_frozen(modules, without, scripts))


def sources(modules: Iterable[str], without: Without | None = None, scripts: Iterable[Path] = ()) -> frozenset[str]:
    """Names of the modules of which anything counts in `source_digest`, and of the scripts."""
    return frozenset(_programs(*_frozen(modules, without, scripts)))


def _frozen(
    modules: Iterable[str], without: Without | None, scripts: Iterable[Path]
) -> tuple[tuple[str, ...], _Parts, tuple[Path, ...]]:
    parts = tuple(sorted((name, tuple(sorted(names))) for name, names in (without or {}).items()))
    return tuple(sorted(set(modules))), parts, tuple(sorted(scripts))


@functools.cache
def _digest_of(modules: tuple[str, ...], without: _Parts, scripts: tuple[Path, ...]) -> str:
    return digest(_programs(modules, without, scripts))


def _programs(modules: tuple[str, ...], without: _Parts, scripts: tuple[Path, ...]) -> dict[str, str]:
    """What counts of each module, as text."""
    hidden, wanted = dict(without), {name: frozenset[str]() for name, _ in without}
    seen: dict[str, str] = {}
    waiting = list(modules)
    for script in scripts:
        seen[script.name], imported = _program(script, script.stem, False, (), frozenset())
        waiting += [module for module, _ in imported]
    while waiting:
        name = waiting.pop()
        if name in seen or name in _NOT_COUNTED:
            continue
        seen[name], imported = _module(name, hidden.get(name, ()), wanted.get(name, frozenset()))
        for origin, member in imported:
            waiting.append(origin)
            if origin in hidden and member not in wanted[origin]:
                wanted[origin] |= {member}
                if not member:  # the module itself is imported, and all of it may be used
                    del hidden[origin]
                seen.pop(origin, None)  # to be looked at again
        parent = name.rpartition(".")[0]
        if parent:
            waiting.append(parent)
    return seen


def _module(name: str, hidden: tuple[str, ...], wanted: frozenset[str]) -> tuple[str, frozenset[tuple[str, str]]]:
    """What counts of a module as text, and what it imports: modules, and names of them."""
    file = _file(name)
    if file is None:
        raise ModuleNotFoundError(f"{name} is no module of {PACKAGE}")
    return _program(file, name, file.name == "__init__.py", hidden, wanted)


@functools.cache
def _program(
    file: Path, name: str, is_package: bool, hidden: tuple[str, ...], wanted: frozenset[str]
) -> tuple[str, frozenset[tuple[str, str]]]:
    """A program's syntax tree, without what does not count, as text, and what it imports of the package."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    tree = _Stripped(_unused(tree, hidden, wanted)).visit(tree)
    imported = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported += [(alias.name, "") for alias in node.names]
            if any(alias.name == PACKAGE for alias in node.names):
                imported += [(module, member) for member, module in _interface().items()]
        elif isinstance(node, ast.ImportFrom):
            origin = _origin(node, name, is_package)
            imported += [(origin, alias.name) for alias in node.names]
            imported += [(f"{origin}.{alias.name}", "") for alias in node.names]
            if origin == PACKAGE:
                imported += [(_interface().get(alias.name, ""), alias.name) for alias in node.names]
    own = frozenset((module, member) for module, member in imported if _file(module) is not None)
    return ast.dump(tree, annotate_fields=False), own


def _interface() -> dict[str, str]:
    """By name, the module of each function that the package offers itself and imports when it is first used."""
    import xinc

    return xinc._WHERE


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


def _unused(tree: ast.Module, hidden: tuple[str, ...], wanted: frozenset[str]) -> frozenset[ast.AST]:
    """Functions, methods and claims of a module that are hidden, or used by such only, and not wanted by another."""
    functions: dict[str, list[ast.AST]] = {}
    roots = set(wanted)
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            members = [*node.body, *node.bases, *node.keywords, *node.decorator_list]
        else:
            members = [node]
        for member in members:
            name = member.name if isinstance(member, ast.FunctionDef) else _declared(member)
            if name is None:
                roots |= _names(member)
            else:
                functions.setdefault(name, []).append(member)

    def reached(names: set[str]) -> set[str]:
        found: set[str] = set()
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            if name in functions and name not in found:
                found.add(name)
                waiting += [used for node in functions[name] for used in _names(node)]
        return found

    below = reached(set(hidden) - wanted)
    used = reached(roots | (functions.keys() - below))
    return frozenset(node for name in below - used for node in functions[name])


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

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt] | None:
        self.generic_visit(node)
        return node.orelse if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING" else node

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
