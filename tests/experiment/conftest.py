"""Edits of the library, as far as digests of its code see them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

import xinc
from xinc.experiment import provenance

PACKAGE = Path(xinc.__file__).parent


@pytest.fixture
def edit(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str, str], None]:
    """``edit(file, old, new)`` gives a module, by its path in the package, another text."""
    read, known = provenance._text, provenance._digest_of

    def apply(file: str, old: str, new: str) -> None:
        path = Path(os.path.normpath(PACKAGE / file))
        assert old in read(path), f"{file} no longer holds {old!r}: update this edit"
        with monkeypatch.context() as patch:
            patch.setattr(provenance, "_text", lambda at: read(at).replace(old, new, 1))
            edited = known.__wrapped__(path)
        monkeypatch.setattr(provenance, "_digest_of", lambda at: edited if at == path else known(at))

    return apply
