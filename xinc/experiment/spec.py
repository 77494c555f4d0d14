"""What a job's result depends on, as Snakemake compares it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from xinc.experiment.provenance import digest


class Param(dict[str, Any]):
    """One of the three things that a result depends on. Snakemake shows and compares it as a kind and a digest.

    Scripts get a plain dictionary.
    """

    def __init__(self, kind: str, values: Mapping[str, Any]) -> None:
        super().__init__(values)
        self.kind = kind

    @cached_property
    def digest(self) -> str:
        return digest(self)

    def __repr__(self) -> str:
        return f"{self.kind} {self.digest}"

    __str__ = __repr__

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (dict(self),)


@dataclass(frozen=True)
class Spec:
    """What a job's result depends on.

    Attributes
    ----------
    settings : those that the job uses.
    code : the digest of each module that counts, by name.
    upstream : the digest of what each job before it depends on, by the path of its result.
    """

    settings: Param
    code: Param
    upstream: Param

    @cached_property
    def digest(self) -> str:
        return digest([self.settings.digest, self.code.digest, self.upstream.digest])

    def params(self) -> dict[str, Param]:
        """The three by name."""
        return {"settings": self.settings, "code": self.code, "upstream": self.upstream}
