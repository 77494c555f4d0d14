"""Modules that a configuration declares: checked, planned and explained without importing them, or PyTorch."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import small
from tests.helpers.small import changed, write_clip, write_table
from xinc.errors import InputError
from xinc.experiment import provenance
from xinc.experiment.config import Config
from xinc.experiment.declared import check_declared, list_layers
from xinc.experiment.plan import Plan

#: Importing it would fail: nothing of it may run to plan.
SOURCE = """
from nets_parts import WIDTH
raise RuntimeError("imported")

def build(resolution, frames, num_frames):
    return WIDTH
"""
LAYERS = ["0", "body.1@2"]


def config(**of: Any) -> dict[str, Any]:
    return small.config() | {
        "models": {
            "mine": {"module": "nets_of_mine:build", "frames": [0, 2], "canvas": {"layers": LAYERS}} | of,
            "siren": small.CONFIG["models"]["siren"],
        }
    }


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    write_clip(tmp_path)
    write_table(tmp_path)
    Path(tmp_path, "nets_of_mine.py").write_text(SOURCE)
    Path(tmp_path, "nets_parts.py").write_text("WIDTH = 3\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    found = (provenance.source_of, provenance._closure, provenance._siblings)
    for one in found:
        one.cache_clear()
    yield
    for one in found:
        one.cache_clear()


def specs(values: dict[str, Any]) -> dict[str, str]:
    """The digest of each job."""
    plan = Plan(Config(values))
    return {f"{made.rule} {made.wildcards}": plan.spec(made.rule, **made.wildcards).digest for made in plan.jobs()}


def test_what_is_planned() -> None:
    values = config(checkpoint="weights_{seed}.pt")
    Path("weights_0.pt").write_bytes(b"weights")
    found = Config(values)
    assert found.layers("mine") == LAYERS
    assert found.seeds("mine", "clip") == [0]
    plan = Plan(found)
    assert plan.checkpoint_files("clip", "mine", 0) == ["weights_0.pt"]
    assert [plan.is_trained(name) for name in ("mine", "siren")] == [False, True]
    canvas = plan.canvas_spec("clip", "mine", 0)
    assert (canvas.settings["module"], canvas.settings["layers"]) == ("nets_of_mine:build", LAYERS)
    assert "module" not in plan.canvas_spec("clip", "siren", 0).settings
    assert plan.analysis_spec("clip", "mine", 0, "quality").settings["declared"] == {"module": "nets_of_mine:build"}
    assert "declared" not in plan.analysis_spec("clip", "mine", 0, "maps").settings
    assert {"nets_of_mine", "nets_parts", "xinc.modules.declared"} <= set(canvas.code)
    assert "nets_of_mine" not in plan.analysis_spec("clip", "mine", 0, "maps").code


@pytest.mark.slow
def test_an_edit_makes_its_branch_again(edit: Callable[[str, str, str], None]) -> None:
    values = config()
    before = specs(values)
    parts = str(Path("nets_parts.py").resolve())
    edit(parts, "WIDTH = 3", "WIDTH = 3  # why")
    assert specs(values) == before
    edit(parts, "WIDTH = 3", "WIDTH = 4")
    of_mine = {job for job in before if "'mine'" in job}
    assert {job for job, digest in specs(values).items() if digest != before[job]} == {*of_mine, "report {}"}


def test_a_seed_of_each_where_the_checkpoint_has_one() -> None:
    values = config() | {"seeds": [0, 1]}
    assert Config(values).seeds("mine", "clip") == [0]
    values = config(checkpoint="{video}_{seed}.pt") | {"seeds": [0, 1]}
    assert Config(values).seeds("mine", "clip") == [0, 1]


@pytest.mark.parametrize(
    ("of", "message"),
    [
        ({"module": "nets_of_mine"}, "module is 'nets_of_mine': a module and the function in it .* e.g. mypackage"),
        ({"module": "nets_of_mine:built"}, "nets_of_mine.py has no function 'built': did you mean 'build'"),
        ({"module": "nets_of_nobody:build"}, "module of nets_of_nobody:build is not found .*: install it, put its"),
        ({"module": "math:sin"}, "source file in Python was expected"),
        ({"architecture": "nerv"}, "weights of its checkpoint: leave 'architecture' out"),
        ({"training": {"epochs": 3}}, "leave 'training' out"),
        ({"import": "weights.pt"}, "leave 'import' out"),
        ({"checkpoint": "{frame}.pt"}, "checkpoint has the unknown field '{frame}' in '{frame}.pt'"),
        ({"canvas": {}}, r"canvas.layers' is missing: .* list those to keep \(`xinc layers mine` shows them all\)"),
        ({"frames": [9]}, "Model 'mine' on video 'clip': .*9"),
        ({"omega": 30}, "omega"),
    ],
)
def test_what_is_refused(of: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        Config(config(**of))
    assert "\n" not in str(caught.value)


def test_a_checkpoint_alone_and_one_that_is_missing() -> None:
    with pytest.raises(InputError, match=r"checkpoint is for a module: state the module, or the path as import"):
        Config(changed("models.siren.checkpoint", "weights.pt", config()))
    plan = Plan(Config(config(checkpoint="weights.pt")))
    with pytest.raises(InputError, match=r"There is no checkpoint file weights.pt"):
        plan.train_spec("clip", "mine", 0)


def test_a_function_that_is_bound_otherwise_is_taken() -> None:
    Path("nets_of_mine.py").write_text("from nets_parts import *\n")
    check_declared("nets_of_mine:whatever")
    Path("nets_of_mine.py").write_text("if True:\n    from nets_parts import WIDTH as build\n")
    check_declared("nets_of_mine:build")
    Path("nets_of_mine.py").write_text("def build(:\n")
    with pytest.raises(InputError, match=r"is not valid Python, line 1"):
        check_declared("nets_of_mine:build")


@pytest.mark.slow
def test_a_check_imports_no_pytorch(tmp_path: Path) -> None:
    import yaml

    Path("config.yaml").write_text(yaml.safe_dump(config()))
    code = (
        "import sys; from xinc.experiment.cli import main; main(['check', '--configfile', 'config.yaml']);"
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "config.yaml is fine: 1 video, 2 models" in done.stdout


@pytest.mark.slow
def test_layers_are_listed_for_whoever_has_to_list_them() -> None:
    Path("nets_to_list.py").write_text(
        "import torch\nfrom torch import nn\n\n\n"
        "def build(resolution, frames, num_frames):\n"
        "    return nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 3)), torch.zeros(*resolution, 2)\n"
    )
    found = Config(config(module="nets_to_list:build", frames=[1], canvas={}), complete=False)
    lines = list_layers(found, "mine")
    assert lines[-1] == 'layers: ["0", "2"]'
    assert [line.split()[:2] for line in lines[1:3]] == [["0", "Linear"], ["2", "Linear"]]
    assert list_layers(found, "siren") == ["layer1", "layer2"]
    with pytest.raises(InputError, match=r"The configuration has no model 'mime': did you mean 'mine'"):
        list_layers(found, "mime")
