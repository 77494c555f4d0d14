"""The modules of an analysis: beside its declaration, or the file of a class that does the work itself."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.small import config, write_clip, write_table
from xinc.analyses import analyses
from xinc.analyses.base import Analysis, NetworkAnalysis
from xinc.errors import InputError
from xinc.experiment.config import Config
from xinc.experiment.plan import Plan

DECLARED = '''"""An analysis."""
from xinc.analyses.base import NetworkAnalysis


class Own(NetworkAnalysis):
    """What it is."""

    name = "own"
    question = "Is it?"
'''
COMPUTE = '"""Computes."""\n\n\ndef compute(settings, subject):\n    return "computed"\n'
FIGURE = '"""Draws."""\n\n\ndef plot(analysis, result):\n    return {"all": result}\n'
ITSELF = """
    def compute(self, subject):
        return "by itself"
"""

Declare = Callable[..., type[Analysis]]


@pytest.fixture
def declare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Declare]:
    """A package ``lab`` with these modules; its class."""

    def make(folder: str = "lab", **modules: str) -> type[Analysis]:
        (tmp_path / folder).mkdir()
        for name, text in {"__init__": DECLARED, **modules}.items():
            (tmp_path / folder / f"{name}.py").write_text(text)
        return __import__(folder).Own

    monkeypatch.syspath_prepend(tmp_path)
    yield make
    for name in [name for name in sys.modules if name.split(".")[0] in ("lab", "derived")]:
        del sys.modules[name]


def test_modules_beside_the_declaration(declare: Declare) -> None:
    own = declare(compute=COMPUTE, figure=FIGURE)
    parts: Any = ("compute", "figure", "claims")
    assert [own.modules_of(part) for part in parts] == [["lab.compute"], ["lab.figure"], []]
    assert own().compute(None) == "computed"  # type: ignore[attr-defined]
    assert own().plot("drawn") == {"all": "drawn"}  # type: ignore[arg-type]
    assert own().table(None) is None  # type: ignore[arg-type]
    assert own().animate(None) == own().pages(None) == {}  # type: ignore[arg-type]
    assert own.claims() == ()


def test_a_class_in_a_folder_that_computes_itself(declare: Declare) -> None:
    own = declare(__init__=DECLARED + ITSELF, figure=FIGURE)
    assert own.modules_of("compute") == ["lab"]
    assert own().compute(None) == "by itself"  # type: ignore[attr-defined]


def test_a_class_that_is_derived_from_another_analysis(declare: Declare) -> None:
    """Both count, and what is not overridden is the other's."""
    declare(compute=COMPUTE, figure=FIGURE)
    own = declare("derived", __init__="from lab import Own as Other\n\n\nclass Own(Other):\n    pass\n", figure=FIGURE)
    assert own.modules_of("compute") == ["lab.compute"]
    assert own.modules_of("figure") == ["derived.figure", "lab.figure"]
    assert own().compute(None) == "computed"  # type: ignore[attr-defined]


def test_an_analysis_that_computes_nothing(declare: Declare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = declare(figure=FIGURE)
    with pytest.raises(NotImplementedError, match="lab has neither a module nor a method 'compute'"):
        own().compute(None)  # type: ignore[attr-defined]
    write_clip(tmp_path)
    write_table(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(analyses._classes, "own", own)
    plan = Plan(Config(config(analyses={"own": {}})))
    with pytest.raises(
        InputError, match=r"Analysis 'own' \(lab\) has neither a module 'compute' nor a method 'compute'"
    ):
        plan.analysis_spec("clip", "nerv", 0, "own")


def test_seeds_cannot_be_compared_by_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Seeds(NetworkAnalysis):
        scope = "seeds"
        needs = frozenset({"model"})

    write_clip(tmp_path)
    write_table(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(analyses._classes, "own", Seeds)
    with pytest.raises(InputError, match="Analysis 'own' compares seeds and needs 'model', which it cannot have"):
        Config(config(analyses={"own": {}}))


def test_declarations_define_no_functions() -> None:
    """Their code does not count, their values do."""
    import ast

    import xinc.analyses

    for file in Path(xinc.analyses.__file__).parent.glob("*/__init__.py"):
        found = [node.name for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.FunctionDef)]
        assert not found, f"{file.parent.name} defines {found}"
