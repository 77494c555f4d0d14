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
from typing import Any, NamedTuple

PACKAGE = "xinc"
ROOT = Path(__file__).resolve().parents[1]

#: Modules that change no result: they tell people how it goes, or are about these digests.
_NOT_COUNTED = frozenset({f"{PACKAGE}.errors", f"{PACKAGE}.progress", f"{PACKAGE}.provenance"})


def digest(value: Any) -> str:
    """Sixteen hexadecimal digits of a value made of plain builtins, whatever the order of its dictionaries' keys."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=True, default=_refuse)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _refuse(value: Any) -> Any:
    raise TypeError(f"{type(value).__name__} is no plain builtin and cannot be part of a digest")


class Part(NamedTuple):
    """Which part of a module a job uses.

    Attributes
    ----------
    calls, skips : functions and methods that are called from outside the module, in this job and in others only.
    """

    calls: tuple[str, ...]
    skips: tuple[str, ...]


_Parts = tuple[tuple[str, Part], ...]
#: Of a module, the names that are hidden, and those that are called all the same, or imported by others.
_Use = tuple[tuple[str, ...], frozenset[str]]
#: What counts of a program as text, and what it imports: modules, and names of them.
_Program = tuple[str, frozenset[tuple[str, str]]]


def source_digest(modules: Iterable[str], parts: Mapping[str, Part] | None = None, scripts: Iterable[Path] = ()) -> str:
    """Digest of the source of modules of this package and of all they import from it, directly or not.

    Parameters
    ----------
    modules : dotted names.
    parts : by module, which part of it the job uses. Of an analysis that is computed it skips ``plot``: that does not
        count, nor what nothing but it uses, unless another module imports it by name. All else in the module counts,
        whether it can be seen to be used or not.
    scripts : files of programs that count as well, and what they import.
    """
    return _digest_of(*_frozen(modules, parts, scripts))


def sources(
    modules: Iterable[str], parts: Mapping[str, Part] | None = None, scripts: Iterable[Path] = ()
) -> frozenset[str]:
    """Names of the modules of which anything counts in `source_digest`."""
    return frozenset(_reached(*_frozen(modules, parts, scripts)))


def left_out(modules: Iterable[str], parts: Mapping[str, Part] | None = None) -> dict[str, set[int]]:
    """By module that counts, the lines on which the functions begin that do not count in `source_digest`."""
    found = {}
    for name, (hidden, wanted) in _reached(*_frozen(modules, parts, ())).items():
        unused = _unused(_tree(_existing(name)), hidden, wanted)
        found[name] = {min(one.lineno for one in [node, *getattr(node, "decorator_list", [])]) for node in unused}
    return found


def _frozen(
    modules: Iterable[str], parts: Mapping[str, Part] | None, scripts: Iterable[Path]
) -> tuple[tuple[str, ...], _Parts, tuple[Path, ...]]:
    chosen = {name: Part(*(tuple(sorted(names)) for names in part)) for name, part in (parts or {}).items()}
    return tuple(sorted(set(modules))), tuple(sorted(chosen.items())), tuple(sorted(scripts))


@functools.cache
def _digest_of(modules: tuple[str, ...], parts: _Parts, scripts: tuple[Path, ...]) -> str:
    found = {name: _module(name, part)[0] for name, part in _reached(modules, parts, scripts).items()}
    return digest(found | {script.name: _script(script)[0] for script in scripts})


def _reached(modules: tuple[str, ...], parts: _Parts, scripts: tuple[Path, ...]) -> dict[str, _Use]:
    """The modules that count, and of each what is hidden, and what is wanted by others all the same."""
    hidden = {name: part.skips for name, part in parts}
    wanted = {name: frozenset(part.calls) for name, part in parts}
    seen: dict[str, _Use] = {}
    waiting = [*modules, *(module for script in scripts for module, _ in _script(script)[1])]
    while waiting:
        name = waiting.pop()
        if name in seen or name in _NOT_COUNTED:
            continue
        seen[name] = hidden.get(name, ()), wanted.get(name, frozenset())
        for origin, member in _module(name, seen[name])[1]:
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


def _module(name: str, part: _Use) -> _Program:
    file = _existing(name)
    return _program(file, name, file.name == "__init__.py", part)


def _script(file: Path) -> _Program:
    return _program(file, file.stem, False, ((), frozenset()))


@functools.cache
def _program(file: Path, name: str, is_package: bool, part: _Use) -> _Program:
    """A program's syntax tree, without what does not count, as text, and what it imports of the package."""
    tree = _tree(file)
    tree = _Stripped(_unused(tree, *part)).visit(tree)
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


def _tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


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


def _existing(name: str) -> Path:
    file = _file(name)
    if file is None:
        raise ModuleNotFoundError(f"{name} is no module of {PACKAGE}")
    return file


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
