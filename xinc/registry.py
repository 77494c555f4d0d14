"""Registries of named implementations: modules of a package, and entry points of other distributions."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, NamedTuple, TypeVar

from xinc.errors import InputError, nearest

T = TypeVar("T")


class Origin(NamedTuple):
    """Where an implementation comes from.

    Attributes
    ----------
    module : dotted name of the module that declares it.
    distribution, version : of the distribution that brought it; empty for ours, and for a class registered by hand.
    """

    module: str
    distribution: str = ""
    version: str = ""

    def __str__(self) -> str:
        """As files note it: distribution and version; empty for ours."""
        return f"{self.distribution} {self.version}".strip()


class Registry(Generic[T]):
    """Classes by name, found without importing them.

    A class of ours is in a module of ``package`` that is called like it and registers it with a decorator, so that
    asking for one name imports one module. Other distributions state entry points: ``name = "module"``, whose import
    registers the class, or ``name = "module:Class"``.

    Parameters
    ----------
    kind : what is registered, for messages ("architecture", "analysis").
    package : dotted name of the package whose modules register themselves.
    group : of the entry points of other distributions; none by default.
    """

    def __init__(self, kind: str, package: str, group: str = "") -> None:
        self.kind = kind
        self.package = package
        self.group = group
        self._classes: dict[str, type[T]] = {}

    def register(self, name: str) -> Callable[[type[T]], type[T]]:
        """A decorator that registers a class under this name, once: `InputError` where another module did."""
        if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
            raise InputError(
                f"The {self.kind} name '{name}' is unfit for a path: use lower-case letters, digits and '_', beginning "
                "with a letter."
            )

        def add(cls: type[T]) -> type[T]:
            other, own = self._module_of(name), self._home(cls)
            if other not in ("", own):
                raise InputError(f"The {self.kind} '{name}' is in {other} and in {own}: rename one of them.")
            self._keep(name, cls)
            return cls

        return add

    def _takes(self, found: Any) -> bool:
        """Whether what an entry point names is registered, not the module that does so when imported."""
        return callable(found)

    def _keep(self, name: str, cls: Any) -> None:
        """Put what was registered in its place."""
        cls.name = name
        self._classes[name] = cls

    def _home(self, cls: Any) -> str:
        """Dotted name of the module that something registered comes from."""
        return str(cls.__module__)

    def names(self) -> list[str]:
        """Names of all implementations, without importing them."""
        return sorted(self._own | set(self._classes) | set(self._entries))

    def origin(self, name: str) -> Origin:
        """Where an implementation comes from; one of another distribution is not imported for that.

        Raises
        ------
        InputError : the name is unknown, or more than one distribution has it.
        """
        entry = self._entry(name)
        if entry is not None:
            return _origin(entry)
        return Origin(self._module_of(name) or self[name].__module__)

    def get(self, name: str, distribution: str = "") -> type[T]:
        """The class of this name; where it is unknown, the message says which distribution to install.

        Parameters
        ----------
        distribution : what a file notes of it, see `Origin`; empty for one of ours.
        """
        if distribution and name not in self.names():
            raise InputError(
                f"The {self.kind} '{name}' is part of another distribution, {distribution}, which is not installed: "
                "install it."
            )
        return self[name]

    def __getitem__(self, name: str) -> type[T]:
        entry = self._entry(name)
        if name not in self._classes:
            if entry is not None:
                self._load(entry)
            elif name in self._own:
                self._import(name)
        if name not in self._classes:
            raise InputError(f"Unknown {self.kind} '{name}': {nearest(name, self.names())}.")
        return self._classes[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def _import(self, name: str) -> None:
        """Register one of ours."""
        importlib.import_module(f"{self.package}.{name}")

    @cached_property
    def _own(self) -> set[str]:
        """Names of ours: the modules of the package (a private one registers nothing)."""
        package = importlib.import_module(self.package)
        found = {info.name for info in pkgutil.iter_modules(package.__path__) if not info.name.startswith("_")}
        return found - set(getattr(package, "SUPPORT_MODULES", ()))

    def _module_of(self, name: str) -> str:
        """Dotted name of the module that registered a name, or is about to; empty where there is none."""
        if name in self._classes:
            return self._home(self._classes[name])
        return f"{self.package}.{name}" if name in self._own else ""

    @cached_property
    def _entries(self) -> dict[str, list[EntryPoint]]:
        """Entry points of other distributions, by name."""
        found: dict[str, list[EntryPoint]] = {}
        for entry in entry_points(group=self.group) if self.group else ():
            found.setdefault(entry.name, []).append(entry)
        return found

    def _entry(self, name: str) -> EntryPoint | None:
        """The entry point of a name, None where it is ours or unknown; `InputError` where several have it."""
        entries = self._entries.get(name, [])
        owners = [self.package] if name in self._own else []
        owners += [f"{_origin(entry)} ({entry.value})" for entry in entries]
        if len(owners) > 1:
            raise InputError(
                f"The {self.kind} '{name}' is in {' and in '.join(owners)}: uninstall one, or rename its entry point."
            )
        return entries[0] if entries else None

    def _load(self, entry: EntryPoint) -> None:
        where = f"the entry point {entry.name} = {entry.value} of {_origin(entry)}"
        try:
            found = entry.load()
        except Exception as error:  # whatever the code of others raises
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            raise InputError(
                f"The {self.kind} '{entry.name}' cannot be imported, {where}: {reason.rstrip('.')}; repair that "
                "distribution or uninstall it."
            ) from error
        if self._takes(found) and entry.name not in self._classes:
            self.register(entry.name)(found)
        if entry.name not in self._classes:
            raise InputError(
                f"The {self.kind} '{entry.name}' is not there: {where} names a module that registers no {self.kind} of "
                "this name."
            )


class Objects(Registry[Any]):
    """Objects by name: ours, which win, and those of entry points ``name = "module:object"``.

    Parameters
    ----------
    kind, package, group : as of `Registry`.
    ours : names of ours, and what makes each of them when it is first asked for.
    """

    def __init__(self, kind: str, package: str, group: str, ours: Mapping[str, Callable[[], Any]]) -> None:
        super().__init__(kind, package, group)
        self._ours = ours

    @cached_property
    def _own(self) -> set[str]:
        return set(self._ours)

    def _import(self, name: str) -> None:
        self._classes[name] = self._ours[name]()

    def _entry(self, name: str) -> EntryPoint | None:
        return None if name in self._own else super()._entry(name)

    def _module_of(self, name: str) -> str:
        return self.package if name in self._own else super()._module_of(name)


def _origin(entry: EntryPoint) -> Origin:
    """Where the class of an entry point comes from."""
    dist = entry.dist
    return Origin(entry.module) if dist is None else Origin(entry.module, dist.name, dist.version)
