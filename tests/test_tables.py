"""The tables of docs/explanation/re-running.md."""

from __future__ import annotations

import re

from tests.helpers.workflow.tables import PAGE, check_tests, render, tables


def test_the_page_says_what_the_tests_prove() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert re.findall(r"<!-- table: (\w+) -->", page) == list(tables())
    assert page == render(page), (
        "run: python -m tests.helpers.workflow.tables > page, and put it in the place of the page"
    )
    check_tests()
