"""Settings of figures: their size, files and style."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from xinc.plotting.style import PAGE, SLIDE, SLIDE_HEIGHT, SLIDE_SCALE, Look
from xinc.settings import StrictModel

Style = Literal["paper", "slide"]


class FigureSettings(StrictModel):
    """How all figures are drawn: changing it draws them again and computes nothing."""

    style: Style = Field(
        "paper", description="For a page, or for a slide: wide, at most 7.5 inches high, in larger letters."
    )
    width: float | None = Field(
        None,
        ge=2,
        le=40,
        description="Width in inches: 3.4 is a column of a journal. By default 7 on paper and 13.3 on a slide.",
    )
    title: bool = Field(
        True, description="Whether the question and what it is asked of stand above; a paper's caption says it."
    )
    formats: tuple[Literal["svg", "png", "pdf"], ...] = Field(
        ("svg", "png"), description="Files of each figure. The report shows the png, which cannot be left out."
    )
    dpi: int | None = Field(
        None, ge=50, le=1200, description="Dots per inch of a png; by default 150, fewer of a high figure."
    )

    @field_validator("formats")
    @classmethod
    def _has_png(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if "png" not in value:
            raise ValueError("the report shows the png: add it")
        return value

    def look(self) -> Look:
        """What figures are drawn by."""
        slide = self.style == "slide"
        return Look(
            width=self.width or (SLIDE if slide else PAGE),
            height=SLIDE_HEIGHT if slide else None,
            scale=SLIDE_SCALE if slide else 1.0,
            title=self.title,
            formats=tuple(dict.fromkeys(self.formats)),
            dpi=self.dpi,
        )
