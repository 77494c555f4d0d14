"""The tests' own house: folders mirror those of xinc, and what tests share is in tests/helpers."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parent
PACKAGE = TESTS.parent / "xinc"
#: Folders of tests that are of no room of the package: whole runs of the workflow, what tests share, and files.
OTHERS = {"workflow", "helpers", "data"}


def folders(root: Path) -> set[str]:
    return {path.name for path in root.iterdir() if path.is_dir() and path.name != "__pycache__"}


def test_folders_of_tests_are_rooms() -> None:
    assert folders(TESTS) - OTHERS <= folders(PACKAGE)


def test_no_test_imports_another() -> None:
    shared = re.compile(r"^\s*(?:from|import) tests(?!\.helpers|\.conftest)\b.*$", re.MULTILINE)
    found = {str(path.relative_to(TESTS)): shared.findall(path.read_text("utf-8")) for path in TESTS.rglob("*.py")}
    assert not {name: lines for name, lines in found.items() if lines}
