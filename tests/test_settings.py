"""Messages of the typed settings."""

from __future__ import annotations

import pytest
from pydantic import Field, ValidationError

from xinc.errors import InputError, nearest
from xinc.settings import StrictModel, validate


class Inner(StrictModel):
    depth: int = Field(3, ge=1)


class Outer(StrictModel):
    name: str
    rate: float = Field(0.5, gt=0)
    inner: Inner = Inner()


def test_values_and_defaults():
    found = validate(Outer, {"name": "a", "inner": {"depth": 5}}, "models")
    assert (found.name, found.rate, found.inner.depth) == ("a", 0.5, 5)
    assert validate(Inner, None, "models.inner") == Inner()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "Setting 'models.name' is missing."),
        ({"name": "a", "rate": float("inf")}, "Setting 'models.rate' is inf: input should be a finite number."),
        ({"name": "a", "rate": 0}, "Setting 'models.rate' is 0: input should be greater than 0."),
        (
            {"name": "a", "inner": {"depth": "x"}},
            "Setting 'models.inner.depth' is 'x': input should be a valid integer",
        ),
        (
            {"name": "a", "rat": 1},
            "Unknown setting 'models.rat': did you mean 'rate'? Expected one of inner, name, rate.",
        ),
        (
            {"name": "a", "inner": {"dept": 1}},
            "Unknown setting 'models.inner.dept': did you mean 'depth'? Expected depth.",
        ),
        ([1], "Setting 'models' is [1]: input should be a valid dictionary"),
    ],
)
def test_messages_name_key_value_and_expectation(values, message):
    with pytest.raises(InputError) as caught:
        validate(Outer, values, "models")
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_several_errors_in_one_message():
    with pytest.raises(InputError, match=r"'rate' is -1.*0. Setting 'inner.depth' is 0"):
        validate(Outer, {"name": "a", "rate": -1, "inner": {"depth": 0}}, "")


def test_settings_do_not_change():
    with pytest.raises(ValidationError, match="frozen"):
        Inner().depth = 4


def test_nearest_name():
    assert nearest("hed", ["head", "block1"]) == "did you mean 'head'? Expected one of block1, head"
    assert nearest("zzz", ["head", "block1"]) == "expected one of block1, head"
