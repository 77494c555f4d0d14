"""Colours of the verdicts, in figures and on the page."""

from xinc.analyses.findings.names import FAILS, HOLDS, INAPPLICABLE, UNCLEAR, UNMEASURED

#: Verdicts with a colour, those that a number decides first. Light enough for text on them, safe for colour-blind
#: readers; what no number decides is white.
COLOURS = {
    HOLDS: "#9CC9E8",
    FAILS: "#F0B27A",
    UNCLEAR: "#D9D2E9",
    UNMEASURED: "#EEEEEE",
    INAPPLICABLE: "#FFFFFF",
}
