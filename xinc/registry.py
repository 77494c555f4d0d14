"""Registries of named implementations, discovered by importing a package's modules."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from xinc.errors import InputError, nearest

T = TypeVar("T")


class Registry(Generic[T]):
    """Classes registered by name with a decorator.

    Parameters
    ----------
    kind : what is registered, for messages ("architecture", "analysis").
    package : dotted name of the package whose modules register themselves. Modules are named like what they
        register, so that asking for one name imports one module.
    """

    def __init__(self, kind: str, package: str) -> None:
        self.kind = kind
        self.package = package
        self._classes: dict[str, type[T]] = {}

    def register(self, name: str) -> Callable[[type[T]], type[T]]:
        def add(cls: type[T]) -> type[T]:
            cls.name = name  # type: ignore[attr-defined]
            self._classes[name] = cls
            return cls

        return add

    def names(self) -> list[str]:
        """Names of all implementations, without importing them (a private module registers nothing)."""
        package = importlib.import_module(self.package)
        found = {info.name for info in pkgutil.iter_modules(package.__path__) if not info.name.startswith("_")}
        return sorted((found - set(getattr(package, "SUPPORT_MODULES", ()))) | set(self._classes))

    def __getitem__(self, name: str) -> type[T]:
        if name not in self._classes and name in self.names():
            importlib.import_module(f"{self.package}.{name}")
        if name not in self._classes:
            raise InputError(f"Unknown {self.kind} '{name}': {nearest(name, self.names())}.")
        return self._classes[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())
