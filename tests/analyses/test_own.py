"""An analysis of one's own: a file among the others, and a line in the configuration."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import xinc.analyses
from tests.helpers.small import config, write_clip, write_table
from xinc.analyses import analyses
from xinc.analyses.making import make_analysis
from xinc.errors import InputError
from xinc.experiment.config import Config

OWN = '''"""An analysis of somebody's own."""
from pydantic import Field

from xinc.analyses import analyses
from xinc.analyses.base import Analysis
from xinc.settings import StrictModel


@analyses.register("own_question")
class OwnQuestion(Analysis):
    """What nobody asked before."""

    question = "Is it new?"
    section = "none"

    class Settings(StrictModel):
        depth: int = Field(3, ge=1, description="How deep.")
'''


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "more analyses"
    folder.mkdir()
    (folder / "own_question.py").write_text(OWN)
    (folder / "_private.py").write_text("raise RuntimeError('imported')\n")
    monkeypatch.setattr(xinc.analyses, "__path__", [*xinc.analyses.__path__, str(folder)])
    # Modules are listed once a process.
    analyses.__dict__.pop("_own", None)
    write_clip(tmp_path)
    write_table(tmp_path)
    monkeypatch.chdir(tmp_path)
    yield folder
    analyses.__dict__.pop("_own", None)
    analyses._classes.pop("own_question", None)
    sys.modules.pop("xinc.analyses.own_question", None)


def test_it_is_known_without_being_imported(own: Path) -> None:
    assert "own_question" in analyses.names()
    assert "_private" not in analyses.names()
    assert "xinc.analyses.own_question" not in sys.modules
    with pytest.raises(InputError, match="did you mean 'own_question'"):
        make_analysis("own_questions")


def test_the_configuration_takes_it_with_its_settings(own: Path) -> None:
    values = config()
    values["analyses"]["own_question"] = {"depth": 5}
    assert Config(values).analyses["own_question"] == {"depth": 5}
    values["analyses"]["own_question"] = {"dept": 5}
    with pytest.raises(InputError, match=r"'analyses\.own_question\.dept': did you mean 'depth'"):
        Config(values)


def test_it_is_gone_where_the_folder_is_gone() -> None:
    assert "own_question" not in analyses.names()
